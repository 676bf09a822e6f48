"""Every invariant that shows in files and in Redis, with services running or not: what is wrong, twice looked at.

The order makes it sound. A worker writes its line before it settles the task, so a task that is in no list of the queue
had its line before that moment: the queues are looked at first, then the logs. What still looks wrong at the end is
compared with a second look at both, in the same order.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from capture_service.retention_faces import orphaned_faces
from shared_utils.clock import Clock
from shared_utils.config import Config
from shared_utils.errors import SegmentError
from shared_utils.logs import GAPS_LOG, PRIVACY_LOG
from shared_utils.queue import QueueUnavailableError, TaskQueue, connect
from shared_utils.segments import Manifest, VideoDir
from shared_utils.tasks import PRIVACY_QUEUE, QUEUES
from vedette.checks.decoding import decode_some
from vedette.checks.exposure import exposed_files, private_picture, private_pictures, secret_finder
from vedette.checks.flaws import Flaw, FlawKind
from vedette.checks.footage import Footage, FootageReport, Progress
from vedette.checks.log_lines import REPAIRS_LOG, RESULT_LOGS, LogLines
from vedette.checks.queue_sight import LOG_OF_QUEUE, QueueSight, look_at, queue_flaws
from vedette.run_redis import Endpoint, names_a_redis, redis_url_of, state_dir

OUTBOX_SECONDS = 300.0  # the sender looks every minute, and sends some thousand in that time
# A living worker puts a dead one's task back after two beats; before that it is nobody's business but theirs.
REAPED_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class DeepReport:
    """What was looked at and what is wrong."""

    footage: FootageReport
    queues_trouble: str = ""  # why the queues could not be looked at; empty if they were, or there are none
    without_queues: bool = False  # no Redis is configured and none of ours runs: nothing to look at

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        return self.footage.flaws


def queues_of(config: Config, clock: Clock) -> dict[str, TaskQueue] | None:
    """The queues; None if no Redis is configured and no `vedette run` works that brought its own.

    Whatever answers at the default address then is somebody else's, and knows none of our tasks.
    """
    if not names_a_redis(config) and Endpoint(state_dir(config)).read() is None:
        return None
    redis = connect(redis_url_of(config))
    return {name: TaskQueue(redis, name, clock) for name in QUEUES}


def check_deep(
    config: Config,
    clock: Clock,
    progress: Progress = lambda _done, _total: None,
    *,
    decode: int = 0,
    wait: Callable[[float], object] = time.sleep,
) -> DeepReport:
    """Look at everything, and decode so many segments. Raises OSError if a folder cannot be listed."""
    queues = queues_of(config, clock)
    return _DeepCheck(config, clock, queues, wait, decode).run(progress)


@dataclass(slots=True)
class _DeepCheck:
    config: Config
    clock: Clock
    queues: Mapping[str, TaskQueue] | None
    wait: Callable[[float], object]
    decode: int = 0
    trouble: str = ""
    missing: dict[tuple[str, str], None] = field(default_factory=dict)  # queue and segment: no line, no task so far
    first: dict[str, QueueSight] = field(default_factory=dict)
    logs: dict[str, LogLines] = field(default_factory=dict)
    pictures: list[Flaw] = field(default_factory=list)

    @property
    def video(self) -> VideoDir:
        return self.config.video

    def run(self, progress: Progress) -> DeepReport:
        self.first = self._look_at_queues()
        exposes = secret_finder(self.config, redis_url_of(self.config))
        flaws: list[Flaw] = []
        for name in (*RESULT_LOGS, GAPS_LOG, REPAIRS_LOG):
            self.logs[name] = LogLines(self.video.root, name)
            flaws += self.logs[name].read(self.clock, exposes)
        footage = Footage(self.video, self.clock, self._note, exposes)
        flaws += footage.look(progress)
        flaws += decode_some(self.video, self.decode)
        flaws += exposed_files(self.video, exposes)
        flaws += self._pictures()
        flaws += self._leftover_faces()
        flaws += self._still_wrong()
        report = FootageReport(
            footage.segments, footage.waiting, sum(log.count for log in self.logs.values()), tuple(flaws)
        )
        return DeepReport(report, self.trouble, self.queues is None)

    def _look_at_queues(self) -> dict[str, QueueSight]:
        if self.queues is None or self.trouble:
            return {}
        try:
            return {name: look_at(queue) for name, queue in self.queues.items()}
        except QueueUnavailableError as error:
            self.trouble = str(error)
            return {}

    def _note(self, manifest: Manifest) -> None:
        """A sound segment with its manifest beside it: its tasks were queued once."""
        for queue in manifest.tasks:
            if queue in self.first and not self._is_known(queue, manifest.segment_id, self.first[queue]):
                self.missing[queue, manifest.segment_id] = None
        if PRIVACY_QUEUE in manifest.tasks and not self._is_redacted(manifest.segment_id):
            self.pictures += private_picture(self.video, manifest.segment_id)

    def _is_known(self, queue: str, segment: str, sight: QueueSight) -> bool:
        return segment in sight.ids or self.logs[LOG_OF_QUEUE[queue]].has(segment)

    def _is_redacted(self, segment: str) -> bool:
        return self.logs[PRIVACY_LOG].went_well(segment)

    def _pictures(self) -> list[Flaw]:
        return list(dict.fromkeys([*self.pictures, *private_pictures(self.video, self.config, self._is_redacted)]))

    def _leftover_faces(self) -> list[Flaw]:
        """Nothing without any footage: `segments/` may be a disk of its own, and not mounted."""
        if not (self.video.segments.is_dir() and any(self.video.segments.iterdir())):
            return []
        return [Flaw(FlawKind.FACES_LEFT, path) for path in orphaned_faces(self.video)]

    def _still_wrong(self) -> list[Flaw]:
        """What the first look at the queues found and a second one finds again."""
        flaws = self._queue_flaws(self.first)
        if any(flaw.kind is FlawKind.WORKER_GONE for flaw in flaws) and self._somebody_lives():
            self.wait(REAPED_SECONDS)
        if not self.first or not (flaws or self.missing or self._old_in_outbox()):
            return []
        second = self._look_at_queues()
        if self.trouble:
            return []
        for name in RESULT_LOGS:
            self.logs[name].catch_up()
        again = set(self._queue_flaws(second))
        lost = [
            Flaw(FlawKind.TASK_VANISHED, Path(queue), segment, segment)
            for queue, segment in self.missing
            if not self._is_known(queue, segment, second[queue]) and self.video.manifest(segment).exists()
        ]
        return [*(flaw for flaw in flaws if flaw in again), *lost, *self._waiting_too_long(second)]

    def _queue_flaws(self, sights: Mapping[str, QueueSight]) -> list[Flaw]:
        found = (queue_flaws(sight, self.video, self.logs[LOG_OF_QUEUE[name]]) for name, sight in sights.items())
        return list(dict.fromkeys(chain.from_iterable(found)))

    def _somebody_lives(self) -> bool:
        return any(work.alive for sight in self.first.values() for work in sight.work)

    def _old_in_outbox(self) -> list[Path]:
        old = self.clock.now().timestamp() - OUTBOX_SECONDS
        return sorted(path for path in self.video.outbox.glob("*.json") if _changed_at(path) < old)

    def _waiting_too_long(self, sights: Mapping[str, QueueSight]) -> list[Flaw]:
        found = []
        for path in self._old_in_outbox():
            try:
                self.video.segment(path.stem)
            except SegmentError:
                continue  # told as what it is by the look at the files
            queued = any(path.stem in sight.ids for sight in sights.values()) or any(
                self.logs[name].has(path.stem) for name in RESULT_LOGS
            )
            if path.exists() and not self.video.manifest(path.stem).exists():
                found.append(Flaw(FlawKind.STILL_IN_OUTBOX, path, "its tasks are queued already" if queued else ""))
        return found


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")
