"""One task in, one line out, however often the task comes and whatever is wrong with its segment."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared_utils.clock import Clock
from shared_utils.config.schema import Config
from shared_utils.errors import PermanentError, SegmentError, StorageError
from shared_utils.folder_mark import FolderGuard
from shared_utils.logs import ResultLog
from shared_utils.result_line import Subject, given_up
from shared_utils.segments import Manifest, VideoDir, parse_segment_id, read_manifest
from shared_utils.tasks import PRIVACY_QUEUE, Task
from video_worker.analysis import Analysis, Segment, analyse
from video_worker.detectors import Detection, Detector, Detectors, Image
from video_worker.frames import duration_seconds
from video_worker.metrics import FRAMES, INFERENCE_SECONDS, SEGMENTS
from video_worker.result_line import failed_line, found_line
from video_worker.sampling import Sampling
from video_worker.snapshot import write_snapshot
from video_worker.status import WorkerStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What the configuration says about the work."""

    sampling: Sampling = field(default_factory=Sampling)
    labels: tuple[str, ...] = ()
    batch_size: int = 1
    single_frame_score: float = 0.0
    private_cameras: frozenset[str] = field(default_factory=frozenset)  # privacy: blur
    open_cameras: frozenset[str] = field(default_factory=frozenset)  # privacy: none


def options_from(config: Config) -> WorkerOptions:
    """The options that the configuration asks for."""
    objects = config.objects
    return WorkerOptions(
        sampling=Sampling(objects.frames_per_second, objects.max_frames),
        labels=objects.labels,
        batch_size=objects.batch_size,
        single_frame_score=objects.single_frame_score,
        private_cameras=frozenset(name for name, camera in config.cameras.items() if camera.privacy != "none"),
        open_cameras=frozenset(name for name, camera in config.cameras.items() if camera.privacy == "none"),
    )


class ObjectWorker:
    """The handler of the video queue."""

    def __init__(
        self,
        video: VideoDir,
        results: ResultLog,
        detectors: Detectors,
        *,
        options: WorkerOptions,
        status: WorkerStatus,
        clock: Clock,
    ) -> None:
        self._video, self._results, self._detectors = video, results, detectors
        self._options, self._status, self._clock = options, status, clock
        self._folder = FolderGuard(video.root)

    def handle(self, task: Task) -> None:
        """Analyse one segment. On return its line is on disk. Raises StorageError while `video/` is away."""
        self._require_video(task)
        model = self._detectors.name_for(task.model)
        if self._results.succeeded(task.segment_id, model, task.started_at):
            log.info("segment %s has its line by %s already: skipped", task.segment_id, model)
            SEGMENTS.labels("skipped").inc()
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
        subject = Subject(task, self._detectors.name_for(task.model), manifest.event_id if manifest else None)
        self._record_failure(subject, given_up(error), 0.0)

    def _handle(self, task: Task, model: str) -> None:
        began = self._clock.monotonic()
        manifest = find_manifest(self._video, task.segment_id)
        subject = Subject(task, model, manifest.event_id if manifest else None)
        try:
            detector = self._detectors.for_model(task.model)
            segment = self._segment(task, manifest)
            analysis = self._analyse(segment, detector)
        except PermanentError as error:
            self._require_that_it_was_there(task)
            self._record_failure(subject, str(error), self._clock.monotonic() - began)
            return
        self._folder.require()  # it may have been unmounted since
        self._write_snapshot(task, manifest, analysis)
        self._record(subject, analysis, began)

    def _analyse(self, segment: Segment, detector: Detector) -> Analysis:
        options = self._options
        return analyse(
            segment,
            _Timed(detector),
            options.sampling,
            labels=options.labels,
            batch_size=options.batch_size,
            single_frame_score=options.single_frame_score,
        )

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

    def _write_snapshot(self, task: Task, manifest: Manifest | None, analysis: Analysis) -> None:
        """The snapshot is a convenience: without it the line is still worth having."""
        if not self._may_be_seen(task, manifest):
            log.info("no snapshot of segment %s: of camera %s nothing may be shown", task.segment_id, task.camera)
            return
        path = self._video.snapshot(task.segment_id)
        if not analysis.tracks and path.exists():
            return  # another model found something there
        try:
            write_snapshot(path, analysis.best, analysis.tracks)
        except OSError as error:
            log.warning("no snapshot of segment %s: %s", task.segment_id, error)

    def _may_be_seen(self, task: Task, manifest: Manifest | None) -> bool:
        """Nothing unredacted of a camera with `privacy: blur` is shown, whether it was or is set so.

        A worker need not know every camera: the manifest says how the segment was recorded. Without one, only a
        camera that is known to be open has snapshots made.
        """
        try:
            camera, _ = parse_segment_id(task.segment_id)
        except SegmentError:
            return False  # written by hand: there is no place for its snapshot
        if camera != task.camera or camera in self._options.private_cameras:
            return False
        if manifest is None:
            return camera in self._options.open_cameras
        return PRIVACY_QUEUE not in manifest.tasks

    def _record(self, subject: Subject, analysis: Analysis, began: float) -> None:
        FRAMES.inc(analysis.frames_analysed)
        seconds = self._clock.monotonic() - began
        line = found_line(subject, analysis, seconds=seconds, now=self._clock.now())
        written = self._write(line)
        SEGMENTS.labels("ok" if written else "skipped").inc()
        segment_id = subject.task.segment_id
        self._status.finished(segment_id, line["detected"], seconds, ok=True)
        log.info("segment %s: %s in %.1f s", segment_id, ", ".join(line["detected"]) or "nothing", seconds)

    def _record_failure(self, subject: Subject, error: str, seconds: float) -> None:
        self._write(failed_line(subject, error, seconds=seconds, now=self._clock.now()))
        SEGMENTS.labels("failed").inc()
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


class _Timed:
    """A detector whose time is measured."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def name(self) -> str:
        return self._detector.name

    @property
    def labels(self) -> tuple[str, ...]:
        return self._detector.labels

    @property
    def input_size_px(self) -> tuple[int, int] | None:
        return self._detector.input_size_px

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        with INFERENCE_SECONDS.time():
            return self._detector.detect(images)
