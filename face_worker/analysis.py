"""The analysis of the face queue: who is in a segment."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import cv2

from face_worker.engines import Engines
from face_worker.entries import FACES
from face_worker.metrics import FRAMES, SEGMENTS, TRACKS
from face_worker.pipeline import Faces, Options, find_faces
from face_worker.tracks import NamedTrack
from shared_utils.analysis.detections import Image
from shared_utils.analysis.sampling import Sampling
from shared_utils.analysis.segment_worker import Segment, SegmentWorker, WorkerMetrics
from shared_utils.analysis.showing import Showing
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import Clock
from shared_utils.config.schema import Config
from shared_utils.errors import SegmentError, StorageError
from shared_utils.gallery.appearances import Appearance, write_appearances
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.snapshot import GallerySnapshot, WatchedSnapshot
from shared_utils.logs import ResultLog
from shared_utils.segments import Manifest, VideoDir, parse_segment_id
from shared_utils.tasks import Task

log = logging.getLogger(__name__)

FaceWorker = SegmentWorker[Faces]

_JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What the configuration says about the work."""

    looking: Options = field(default_factory=Options)
    threshold: float = 0.4
    margin: float = 0.05
    showing: Showing = field(default_factory=Showing)


def options_from(config: Config) -> WorkerOptions:
    """The options that the configuration asks for."""
    faces = config.faces
    looking = Options(
        sampling=Sampling(faces.frames_per_second, faces.max_frames),
        least_face_px=faces.min_face_px,
        most_input_px=faces.detection_size_px,
        best_faces=faces.best_faces,
    )
    return WorkerOptions(looking, faces.threshold, faces.margin, Showing.of(config))


def face_worker(
    video: VideoDir,
    results: ResultLog,
    engines: Engines,
    *,
    options: WorkerOptions,
    status: WorkerStatus,
    clock: Clock,
) -> FaceWorker:
    """The handler of the face queue."""
    analysis = FaceAnalysis(video, engines, WatchedSnapshot(video).current, options)
    metrics = WorkerMetrics(FRAMES, SEGMENTS)
    return SegmentWorker(video, results, analysis, status=status, metrics=metrics, clock=clock)


class FaceAnalysis:
    """Finds, follows and names the people in segments."""

    entries_key: ClassVar[str] = FACES

    def __init__(
        self, video: VideoDir, engines: Engines, gallery: Callable[[], GallerySnapshot], options: WorkerOptions
    ) -> None:
        """`gallery` gives the newest snapshot."""
        self._video, self._engines, self._gallery, self._options = video, engines, gallery, options
        self._told_of = -1  # version of the gallery

    def model_of(self, task: Task) -> str:
        return self._engines.name_for(task.model)

    def analyse(self, task: Task, segment: Segment) -> Faces:
        engine = self._engines.for_model(task.model)
        # Looked at before the work too: a task that must wait for the snapshot waits now.
        self._tell_of_strangers_by_weights(self._gallery(), engine.embedding_model)
        return find_faces(segment, engine, lambda: self._matcher(engine.embedding_model), self._options.looking)

    def _matcher(self, model: str) -> Matcher:
        return Matcher(self._gallery(), model, self._options.threshold, self._options.margin)

    def _tell_of_strangers_by_weights(self, gallery: GallerySnapshot, model: str) -> None:
        """Everybody is a stranger to new weights, which looks as if recognition had stopped working. Once a version."""
        if gallery.version == self._told_of or not gallery.identities or model in gallery.models:
            return
        self._told_of = gallery.version
        log.warning(
            "the gallery knows %d people, but nobody by the weights %s, so all are unknown to it. "
            "Run 'vedette faces reembed', or enrol them anew.",
            len(gallery.identities),
            model,
        )

    def keep(self, task: Task, manifest: Manifest | None, found: Faces) -> None:
        """Write what the gallery learns from. Raises StorageError."""
        self._write_appearances(task, manifest, found)
        for one in found.tracks:
            TRACKS.labels("known" if one.match.known else "unknown").inc()

    def _write_appearances(self, task: Task, manifest: Manifest | None, found: Faces) -> None:
        """Of all people, named ones included: names can be wrong, and are changed later.

        Without it nobody of this segment could ever get a name, so the line waits for it.
        """
        if not _has_a_place(task):
            log.warning("the faces of %s are not kept: its task was written by hand", task.segment_id)
            return
        shown = self._options.showing.is_allowed(task, manifest)
        appearances = [_appearance(task, found.embedding_model, one, shown=shown) for one in found.tracks]
        try:
            written = write_appearances(self._video, task.segment_id, self.model_of(task), appearances)
            if written is not None and self._is_deleted(task):
                written.unlink(missing_ok=True)  # retention took the footage meanwhile: its faces must not outlive it
        except OSError as error:
            raise StorageError(
                f"The faces of segment {task.segment_id} cannot be kept in {self._video.faces}: {error.strerror}. "
                "Check that its disk has space and that it is writable; the task waits."
            ) from error

    def _is_deleted(self, task: Task) -> bool:
        """Whether the segment was deleted; not whether all of them are out of sight."""
        return self._video.segments.is_dir() and not self._video.resolve(task.filename).exists()


def _has_a_place(task: Task) -> bool:
    try:
        camera, _ = parse_segment_id(task.segment_id)
    except SegmentError:
        return False
    return camera == task.camera


def _appearance(task: Task, model: str, one: NamedTrack, *, shown: bool) -> Appearance:
    track, match = one.track, one.match
    return Appearance(
        segment_id=task.segment_id,
        camera=task.camera,
        started_at=task.started_at,
        track_id=track.track_id,
        model=model,
        embedding=track.embedding,
        quality=track.quality,
        first_t=track.sightings[0].t,
        last_t=track.sightings[-1].t,
        name=match.name,
        identity_id=match.identity_id,
        crop_jpeg=_as_jpeg(track.crop) if shown else None,
    )


def _as_jpeg(image: Image) -> bytes:
    written, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not written:
        raise ValueError(f"an image of {image.shape} cannot be encoded as JPEG")
    return data.tobytes()
