"""The analysis of the video queue: which objects a segment shows."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from shared_utils.analysis.sampling import Sampling
from shared_utils.analysis.segment_worker import Segment, SegmentWorker, WorkerMetrics
from shared_utils.analysis.showing import Showing
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import Clock
from shared_utils.config.schema import Config
from shared_utils.logs import ResultLog
from shared_utils.segments import Manifest, VideoDir
from shared_utils.tasks import Task
from video_worker.analysis import Analysis, analyse
from video_worker.detectors import Detection, Detector, Detectors, Image
from video_worker.entries import OBJECTS
from video_worker.metrics import FRAMES, INFERENCE_SECONDS, SEGMENTS
from video_worker.snapshot import write_snapshot

log = logging.getLogger(__name__)

ObjectWorker = SegmentWorker[Analysis]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What the configuration says about the work."""

    sampling: Sampling = field(default_factory=Sampling)
    labels: tuple[str, ...] = ()
    batch_size: int = 1
    single_frame_score: float = 0.0
    showing: Showing = field(default_factory=Showing)


def options_from(config: Config) -> WorkerOptions:
    """The options that the configuration asks for."""
    objects = config.objects
    return WorkerOptions(
        sampling=Sampling(objects.frames_per_second, objects.max_frames),
        labels=objects.labels,
        batch_size=objects.batch_size,
        single_frame_score=objects.single_frame_score,
        showing=Showing.of(config),
    )


def object_worker(
    video: VideoDir,
    results: ResultLog,
    detectors: Detectors,
    *,
    options: WorkerOptions,
    status: WorkerStatus,
    clock: Clock,
) -> ObjectWorker:
    """The handler of the video queue."""
    analysis = ObjectAnalysis(video, detectors, options)
    metrics = WorkerMetrics(FRAMES, SEGMENTS)
    return SegmentWorker(video, results, analysis, status=status, metrics=metrics, clock=clock)


class ObjectAnalysis:
    """Finds and follows the objects of segments."""

    entries_key: ClassVar[str] = OBJECTS

    def __init__(self, video: VideoDir, detectors: Detectors, options: WorkerOptions) -> None:
        self._video, self._detectors, self._options = video, detectors, options

    def model_of(self, task: Task) -> str:
        return self._detectors.name_for(task.model)

    def analyse(self, task: Task, segment: Segment) -> Analysis:
        options = self._options
        return analyse(
            segment,
            _Timed(self._detectors.for_model(task.model)),
            options.sampling,
            labels=options.labels,
            batch_size=options.batch_size,
            single_frame_score=options.single_frame_score,
        )

    def keep(self, task: Task, manifest: Manifest | None, found: Analysis) -> None:
        """Write the snapshot, which is a convenience: without it the line is still worth having."""
        if not self._options.showing.is_allowed(task, manifest):
            log.info("no snapshot of segment %s: of camera %s nothing may be shown", task.segment_id, task.camera)
            return
        path = self._video.snapshot(task.segment_id)
        if not found.tracks and path.exists():
            return  # another model found something there
        try:
            write_snapshot(path, found.best, found.tracks)
        except OSError as error:
            log.warning("no snapshot of segment %s: %s", task.segment_id, error)


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
