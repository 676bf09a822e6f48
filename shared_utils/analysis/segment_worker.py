"""One task in, one line out, however often the task comes and whatever is wrong with its segment."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from prometheus_client import Counter

from shared_utils.analysis.frames import duration_seconds
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import Clock
from shared_utils.errors import PermanentError, SegmentError, StorageError
from shared_utils.folder_mark import FolderGuard
from shared_utils.logs import ResultLog
from shared_utils.result_line import Found, Subject, failed_line, found_line, given_up
from shared_utils.segments import Manifest, MotionLook, VideoDir, read_manifest
from shared_utils.tasks import Task

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Segment:
    """What is known about a segment before it is looked at."""

    path: Path
    duration_seconds: float
    looks: tuple[MotionLook, ...] = ()  # empty: nothing is known about motion


FoundT = TypeVar("FoundT", bound=Found)


class SegmentAnalysis(Protocol[FoundT]):
    """One kind of analysis, as its worker needs it."""

    @property
    def entries_key(self) -> str:
        """The key of the line under which the entries stand: objects, faces."""

    def model_of(self, task: Task) -> str:
        """The model that the task is for, as its line names it."""

    def analyse(self, task: Task, segment: Segment) -> FoundT:
        """Look through the segment. Raises PermanentError where trying again would be in vain."""

    def keep(self, task: Task, manifest: Manifest | None, found: FoundT) -> None:
        """Write what belongs beside the line, before it. Raises StorageError if the line must wait for it."""


@dataclass(frozen=True, slots=True)
class WorkerMetrics:
    """What every worker counts."""

    frames: Counter
    segments: Counter  # by result: ok, failed, skipped


class SegmentWorker(Generic[FoundT]):
    """The handler of one queue."""

    def __init__(
        self,
        video: VideoDir,
        results: ResultLog,
        analysis: SegmentAnalysis[FoundT],
        *,
        status: WorkerStatus,
        metrics: WorkerMetrics,
        clock: Clock,
    ) -> None:
        self._video, self._results, self._analysis = video, results, analysis
        self._status, self._metrics, self._clock = status, metrics, clock
        self._folder = FolderGuard(video.root)

    def handle(self, task: Task) -> None:
        """Analyse one segment. On return its line is on disk. Raises StorageError while `video/` is away."""
        self._require_video(task)
        model = self._analysis.model_of(task)
        if self._results.succeeded(task.segment_id, model, task.started_at):
            log.info("segment %s has its line by %s already: skipped", task.segment_id, model)
            self._metrics.segments.labels("skipped").inc()
            return
        self._status.working_on(task.segment_id)
        try:
            self._handle(task, model)
        finally:
            self._status.waiting()

    def give_up(self, task: Task, error: str) -> None:
        """Write the line of a task that failed too often. Raises StorageError while `video/` is away."""
        self._require_video(task)
        manifest = find_manifest(self._video, task.segment_id)
        subject = Subject(task, self._analysis.model_of(task), manifest.event_id if manifest else None)
        self._record_failure(subject, given_up(error), 0.0)

    def _handle(self, task: Task, model: str) -> None:
        began = self._clock.monotonic()
        manifest = find_manifest(self._video, task.segment_id)
        subject = Subject(task, model, manifest.event_id if manifest else None)
        try:
            found = self._analysis.analyse(task, self._segment(task, manifest))
        except PermanentError as error:
            self._require_that_it_was_there(task)
            self._record_failure(subject, str(error), self._clock.monotonic() - began)
            return
        self._folder.require()  # it may have been unmounted since
        self._analysis.keep(task, manifest, found)
        self._record(subject, found, began)

    def _require_video(self, task: Task) -> None:
        """A mount that is away looks like an empty folder: it must not make every segment a lost one."""
        self._folder.require()
        if not self._video.segments.is_dir():
            raise StorageError(
                f"{self._video.segments} is not there, so segment {task.segment_id} waits. "
                "Check that video/ is mounted and readable by this user."
            )

    def _require_that_it_was_there(self, task: Task) -> None:
        """Before a failure is written: was it the segment, or was the whole folder away? Raises StorageError."""
        self._require_video(task)
        if not self._folder.knows and not self._is_there(task):
            raise StorageError(
                f"Segment {task.segment_id} is not there, and the video folder {self._video.root} has no mark that "
                "tells whether it is mounted, so it waits. Start the capture service once: it marks the folder."
            )

    def _is_there(self, task: Task) -> bool:
        try:
            return self._video.resolve(task.filename).exists()
        except SegmentError:
            return True  # whatever it names, mounting a disk would not bring it

    def _segment(self, task: Task, manifest: Manifest | None) -> Segment:
        """The file of the task and what its manifest says. Without a manifest the file itself is asked."""
        path = self._video.resolve(task.filename)
        if manifest is None:
            return Segment(path, duration_seconds(path))
        return Segment(path, manifest.duration_seconds, manifest.motion)

    def _record(self, subject: Subject, found: FoundT, began: float) -> None:
        self._metrics.frames.inc(found.frames_analysed)
        seconds = self._clock.monotonic() - began
        line = found_line(subject, self._analysis.entries_key, found, seconds=seconds, now=self._clock.now())
        written = self._write(line)
        self._metrics.segments.labels("ok" if written else "skipped").inc()
        segment_id = subject.task.segment_id
        self._status.finished(segment_id, line["detected"], seconds, ok=True)
        log.info("segment %s: %s in %.1f s", segment_id, ", ".join(line["detected"]) or "nothing", seconds)

    def _record_failure(self, subject: Subject, error: str, seconds: float) -> None:
        key, now = self._analysis.entries_key, self._clock.now()
        self._write(failed_line(subject, key, error, seconds=seconds, now=now))
        self._metrics.segments.labels("failed").inc()
        self._status.finished(subject.task.segment_id, [], seconds, ok=False)
        log.error("segment %s cannot be analysed: %s", subject.task.segment_id, error)

    def _write(self, line: Mapping[str, Any]) -> bool:
        """Whether the line was missing. Raises StorageError if it may have gone astray: the task is done once more."""
        written = self._results.record(line)
        # Unmounted between the look before and the writing, the line lies below the mount point, where nobody reads.
        self._folder.require()
        return written


def find_manifest(video: VideoDir, segment_id: str) -> Manifest | None:
    """The manifest of a segment, wherever it is now; None if there is none, or none that can be read."""
    try:
        beside, waiting = video.manifest(segment_id), video.waiting_manifest(segment_id)
    except SegmentError:
        return None  # not a segment id: the task was written by hand
    for path in (beside, waiting, beside):  # it moves from the outbox to its segment, maybe while we look
        manifest = _manifest_in(path)
        if manifest is not None:
            return manifest
    log.warning("segment %s has no manifest: it is looked at evenly", segment_id)
    return None


def _manifest_in(path: Path) -> Manifest | None:
    try:
        return read_manifest(path)
    except SegmentError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            log.warning("%s", error)
        return None
