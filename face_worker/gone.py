"""While there are no weights, tasks wait; those whose footage is deleted meanwhile are ended.

Otherwise the queue of somebody who never brings weights would grow for years, in memory. So it never holds more than
what is recorded, and each segment has its one line all the same.
"""

import logging
import os
import socket
import uuid
from pathlib import PurePath
from threading import Event
from typing import ClassVar, NoReturn

from face_worker.entries import FACES
from face_worker.pipeline import Faces
from shared_utils.analysis.segment_worker import Segment
from shared_utils.errors import SegmentError, TemporaryError
from shared_utils.queue import TaskQueue
from shared_utils.queue_seat import Seat
from shared_utils.queue_worker import Handler
from shared_utils.segments import Manifest, VideoDir
from shared_utils.tasks import Task

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
TAKE_SECONDS = 0.1
MOST_AT_ONCE = 500  # lines in one go; each is put on disk


class NobodyLooked:
    """The analysis of segments that were deleted before there were weights."""

    entries_key: ClassVar[str] = FACES

    def __init__(self, model: str) -> None:
        self._model = PurePath(model).name  # as the pack is named in every line, and as the engine names itself

    def model_of(self, task: Task) -> str:
        return task.model or self._model

    def analyse(self, task: Task, segment: Segment) -> NoReturn:
        raise SegmentError(
            f"Segment {task.segment_id} ({segment.path.name}) was deleted before there were weights for faces, "
            "so nobody was looked for in it."
        )

    def keep(self, task: Task, manifest: Manifest | None, found: Faces) -> None:
        """Never called: nothing is found."""


class GoneSegments:
    """Ends the tasks of deleted segments, the oldest first."""

    def __init__(self, queue: TaskQueue, video: VideoDir, handle: Handler) -> None:
        """`handle` writes the line of a segment that is gone, and raises StorageError where it may be out of sight."""
        self._queue, self._video, self._handle = queue, video, handle
        self._seat = Seat(queue, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}", LEASE_SECONDS)

    def end_tasks(self, stop: Event) -> int:
        """How many were ended. With Redis or the video folder away none, until the next time."""
        ended = 0
        try:
            while ended < MOST_AT_ONCE and not stop.is_set() and self._end_oldest():
                ended += 1
        except TemporaryError as error:
            log.debug("tasks of deleted segments stay queued for now: %s", error)
        self._leave()
        if ended:
            log.warning("%d segments were deleted before there were weights for faces; their lines say so", ended)
        return ended

    def _end_oldest(self) -> bool:
        """Whether there was one to be ended."""
        if not self._is_gone(self._queue.waiting(limit=1)):
            return False
        payload = self._seat.take(TAKE_SECONDS)
        if payload is None:
            return False
        if not self._is_gone([payload]):  # another waiting worker was faster; this one has footage
            return False  # given back when we leave
        task = Task.model_validate_json(payload)
        self._handle(task)
        return self._seat.settle(payload, task.id)

    def _leave(self) -> None:
        """Give back what is still in hand, and the place: nobody waits for tasks here."""
        try:
            self._seat.leave()
        except TemporaryError as error:
            log.debug("the lease runs out by itself: %s", error)

    def _is_gone(self, payloads: list[str]) -> bool:
        try:
            return bool(payloads) and not self._video.resolve(Task.model_validate_json(payloads[0]).filename).exists()
        except (SegmentError, ValueError):
            return False  # no task of ours: told when the worker works
