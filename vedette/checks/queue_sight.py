"""What lies in the queues at one moment, and what is wrong with it."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared_utils.errors import SegmentError
from shared_utils.log_files import parse_line
from shared_utils.logs import DETECTIONS_LOG, FACES_LOG, PRIVACY_LOG
from shared_utils.models import without_suffix
from shared_utils.queue import TaskQueue
from shared_utils.secrets import without_password
from shared_utils.segments import VideoDir
from shared_utils.tasks import FACE_QUEUE, PRIVACY_QUEUE, VIDEO_QUEUE, Task
from vedette.checks.flaws import Flaw, FlawKind
from vedette.checks.log_lines import LogLines

LOG_OF_QUEUE: Mapping[str, str] = {
    VIDEO_QUEUE: DETECTIONS_LOG,
    FACE_QUEUE: FACES_LOG,
    PRIVACY_QUEUE: PRIVACY_LOG,
}

SHOWN_CHARACTERS = 80

# All lists of a queue in one moment: a task that moves from one to another must be seen in one of them.
# KEYS waiting, workers, dead; ARGV prefix of the lists of work, prefix of the leases, names of further lists of work
_SIGHT = """
local work, known = {}, {}
local function look(worker, listed)
    if known[worker] then return end
    known[worker] = true
    local alive = redis.call('EXISTS', ARGV[2] .. worker)
    table.insert(work, {worker, alive, listed, redis.call('LRANGE', ARGV[1] .. worker, 0, -1)})
end
for _, worker in ipairs(redis.call('SMEMBERS', KEYS[2])) do look(worker, 1) end
for index = 3, #ARGV do look(ARGV[index], 0) end
return {redis.call('LRANGE', KEYS[1], 0, -1), work, redis.call('LRANGE', KEYS[3], 0, -1)}
"""


@dataclass(frozen=True, slots=True)
class Work:
    """A worker's list of work."""

    worker: str
    alive: bool  # it has its lease
    listed: bool  # others know of it and would put its task back
    payloads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueSight:
    """One queue at one moment. `ids` are those of every task that is anywhere in it."""

    name: str
    waiting: tuple[str, ...] = ()
    work: tuple[Work, ...] = ()
    dead: tuple[str, ...] = ()
    ids: frozenset[str] = field(default_factory=frozenset)

    @property
    def queued(self) -> Iterator[str]:
        """The payloads that are still to be worked on."""
        yield from self.waiting
        for work in self.work:
            yield from work.payloads


def look_at(queue: TaskQueue) -> QueueSight:
    """Raises QueueUnavailableError."""
    prefix = queue.key("processing", "")
    with queue.redis_errors():
        lists = [str(key) for key in queue.redis.scan_iter(f"{prefix}*", count=1000)]
    keys = [queue.name, queue.key("workers"), queue.key("dead")]
    arguments = [prefix, queue.key("alive", ""), *(key.removeprefix(prefix) for key in lists)]
    waiting, work, dead = queue.run_script(_SIGHT, keys, arguments)
    works = tuple(Work(str(worker), bool(alive), bool(listed), tuple(tasks)) for worker, alive, listed, tasks in work)
    letters = [task_of_letter(raw) for raw in dead]
    tasks = [task_in(payload) for payload in (*waiting, *(task for one in works for task in one.payloads))]
    ids = frozenset(task.id for task in (*tasks, *letters) if task is not None)
    return QueueSight(queue.name, tuple(waiting), works, tuple(dead), ids)


def task_in(payload: str) -> Task | None:
    try:
        return Task.model_validate_json(payload)
    except ValueError:
        return None


def task_of_letter(raw: str) -> Task | None:
    """The task of a dead letter; None if it has none."""
    letter = parse_line(raw.encode(errors="surrogateescape")) or {}
    return task_in(json.dumps(letter.get("task")))


def queue_flaws(sight: QueueSight, video: VideoDir, log: LogLines) -> Iterator[Flaw]:
    """What is wrong with one queue; the log has been read after the queue was looked at."""
    place = Path(sight.name)
    counted = Counter(task.id for payload in sight.queued if (task := task_in(payload)))
    yield from (Flaw(FlawKind.TASK_TWICE, place, task, task) for task, count in counted.items() if count > 1)
    for payload in sight.queued:
        task = task_in(payload)
        if task is None:
            yield Flaw(FlawKind.NOT_A_TASK, place, _shown(payload), payload)
        elif not _has_segment(task, video):
            yield Flaw(FlawKind.TASK_WITHOUT_SEGMENT, place, task.id, task.id)
    for work in sight.work:
        if work.payloads and not work.alive:
            kind = FlawKind.WORKER_GONE if work.listed else FlawKind.TASK_STUCK
            yield Flaw(kind, place, f"worker {work.worker}", work.worker)
    for raw in sight.dead:
        yield from _letter_flaws(raw, place, log)


def _letter_flaws(raw: str, place: Path, log: LogLines) -> Iterator[Flaw]:
    task = task_of_letter(raw)
    if task is None:
        yield Flaw(FlawKind.NOT_A_TASK, place, f"dead letter {_shown(raw)}", raw)
    elif not has_line(log, task.segment_id, task.model):
        yield Flaw(FlawKind.DEAD_WITHOUT_LINE, place, task.id, raw)


def _shown(payload: str) -> str:
    return without_password(payload.encode(errors="replace").decode())[:SHOWN_CHARACTERS]


def has_line(log: LogLines, segment_id: str, model: str | None) -> bool:
    """Whether a task has its line; one that names no model may have been analysed by any."""
    return log.has(segment_id, None if model is None else without_suffix(model))


def _has_segment(task: Task, video: VideoDir) -> bool:
    try:
        return video.resolve(task.filename).exists()
    except SegmentError:
        return False
