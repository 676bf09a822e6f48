"""Mending the queues: what vanished is queued again, what is stuck is put back, dead letters get their line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from shared_utils.clock import Clock
from shared_utils.config import Config
from shared_utils.errors import SegmentError
from shared_utils.log_files import parse_line
from shared_utils.logs import DETECTIONS_LOG, FACES_LOG, ResultLog
from shared_utils.models import without_suffix
from shared_utils.queue import TaskQueue
from shared_utils.queue_seat import Seat
from shared_utils.result_line import Subject, error_line, failed_line, given_up
from shared_utils.segments import read_manifest
from shared_utils.tasks import Task, task_for
from vedette.checks.flaws import Flaw
from vedette.checks.queue_sight import LOG_OF_QUEUE, look_at, task_of_letter

AT_ONCE = 200  # what is forgotten in one go; each push is on Redis' disk when it is answered, and takes as long as that


@dataclass(frozen=True, slots=True)
class TaskRepair:
    """What can be done about flaws of queues. The methods may raise QueueUnavailableError and StorageError."""

    config: Config
    clock: Clock
    queues: Mapping[str, TaskQueue]

    def queue_again(self, queue_name: str, segments: Sequence[str]) -> Iterator[str]:
        """Queue the tasks of segments anew; each that was, as soon as it is.

        That the task is in no list, and its segment without a line, was found in that order. What is nowhere comes back
        by nobody but a repair, and only one of them works on a folder at a time. Killed between forgetting and pushing,
        the task is as vanished as before. One look more here, for the time since.
        """
        queue, there = self.queues[queue_name], look_at(self.queues[queue_name]).ids
        for start in range(0, len(segments), AT_ONCE):
            found = (self._task_of(segment, queue_name) for segment in segments[start : start + AT_ONCE])
            tasks = [task for task in found if task is not None and task.id not in there]
            _forget(queue, tasks)
            yield from (task.segment_id for task in tasks if queue.push(task))

    def _task_of(self, segment: str, queue_name: str) -> Task | None:
        try:
            manifest = read_manifest(self.config.video.manifest(segment))
        except SegmentError:
            return None  # gone by retention
        return task_for(manifest, self.clock.now()) if queue_name in manifest.tasks else None

    def put_back(self, flaw: Flaw) -> str | None:
        """What a worker without a lease had in work goes back to the queue, unless it lives after all."""
        seat = Seat(self.queues[flaw.path.name], "repair", lease_seconds=0)  # it takes no task, so it needs no lease
        count = seat.reap(flaw.item)
        return f"{count} task(s) of worker {flaw.item} are back in the queue" if count > 0 else None

    def write_line(self, flaw: Flaw) -> str | None:
        """The line of a dead letter, as its worker would have written it."""
        task, letter = task_of_letter(flaw.item), parse_line(flaw.item.encode(errors="surrogateescape")) or {}
        if task is None:
            return None
        name = LOG_OF_QUEUE[flaw.path.name]
        line = self._given_up_line(task, name, str(letter.get("error", "unknown")))
        written = ResultLog(self.config.video_dir, name, self.clock).record(line)
        return f"its line is written to {name}.jsonl" if written else None

    def _given_up_line(self, task: Task, log: str, error: str) -> dict[str, Any]:
        key, model = self._own_of(log)
        subject = Subject(task, without_suffix(task.model or model), self._event_of(task))
        if key:
            return failed_line(subject, key, given_up(error), now=self.clock.now())
        # what else the other logs have, their workers know
        return error_line(subject, given_up(error), own={"seconds": 0.0}, now=self.clock.now())

    def _own_of(self, log: str) -> tuple[str, str]:
        """Under which key the entries of a log stand, and the model of those tasks that name none."""
        if log == DETECTIONS_LOG:
            return "objects", self.config.objects.model
        return ("faces", PurePath(self.config.faces.model).name) if log == FACES_LOG else ("", "unknown")

    def _event_of(self, task: Task) -> str | None:
        try:
            return read_manifest(self.config.video.manifest(task.segment_id)).event_id
        except SegmentError:
            return None


def _forget(queue: TaskQueue, tasks: Sequence[Task]) -> None:
    """The push guard still stands for seven days although the task is gone; and attempts that were counted before must
    not make the next one the last.
    """
    with queue.redis_errors(), queue.redis.pipeline() as pipeline:
        for task in tasks:
            pipeline.delete(queue.key("seen", task.id))
            pipeline.hdel(queue.key("attempts"), task.id)
        pipeline.execute()
