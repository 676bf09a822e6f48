"""Following faces through the frames of a segment, and what each of them looks like at its best."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

from face_worker.best_faces import BestFaces, Portrait, portrait_of
from face_worker.engines import Engine
from face_worker.looking import Looked, SeenFace
from face_worker.metrics import INFERENCE_SECONDS
from face_worker.tracks import PersonTrack, combined
from face_worker.upright import seen_again
from shared_utils.analysis.detections import Image
from shared_utils.analysis.tracking import SegmentTracker, Sighting, Track
from shared_utils.faces.alignment import AlignmentError
from shared_utils.faces.quality import FaceQuality, quality_of

_LEAST_WORTH = 0.05
_LARGE_PX = 112  # what the recogniser looks at


@dataclass(frozen=True, slots=True)
class Followed:
    """One track, and its best faces, the best first."""

    track_id: int
    sightings: tuple[Sighting, ...]
    portraits: tuple[Portrait, ...]


class FrameCount:
    """How many frames went by."""

    def __init__(self) -> None:
        self.frames = 0


def follow(
    looked: Iterable[Looked], frames_per_second: float, best_faces: int, count: FrameCount
) -> Generator[Followed, None, None]:
    """The tracks of one segment, when its last frame has come. Only the best faces are kept of the frames."""
    tracker, best = SegmentTracker(frames_per_second), BestFaces(best_faces)
    for one in looked:
        count.frames += 1
        tracker.add(one.frame.t, one.faces, one.carried)
        for track in tracker.tracks:
            face = _face_at(track, one.frame.t)
            if face is not None:
                _offer(best, track.track_id, one, face)
    for track in tracker.tracks:
        yield Followed(track.track_id, tuple(track.sightings), tuple(best.of(track.track_id)))


def _face_at(track: Track, t: float) -> SeenFace | None:
    """The face that the track has in the frame of this moment, which is the newest."""
    last = track.sightings[-1]
    return last.detection if last.t == t and isinstance(last.detection, SeenFace) else None


def _offer(best: BestFaces, track_id: int, looked: Looked, face: SeenFace) -> None:
    frame = looked.frame
    try:
        quality = _worth(quality_of(frame.image, face.found))
    except AlignmentError:
        return
    if best.wants(track_id, frame.t, quality):
        best.add(track_id, portrait_of(frame.image, face.found, t=frame.t, quality=quality))


def _worth(quality: FaceQuality) -> float:
    """0 to 1; more than 0 where a face is too small or too blurred, because one of these is still the best."""
    return max(quality.overall, _LEAST_WORTH * quality.frontality * min(quality.size_px / _LARGE_PX, 1.0))


def embed(followed: Iterable[Followed], engine: Engine) -> Generator[PersonTrack, None, None]:
    """Each track with one embedding of its best faces. A track without any face at the second look is left out."""
    for one in followed:
        aligned = _aligned(one.portraits, engine)
        if not aligned:
            continue
        with INFERENCE_SECONDS.labels("embed").time():
            embeddings = engine.embed_crops([crop for _, crop in aligned])
        embedding = combined(embeddings, [portrait.quality for portrait, _ in aligned])
        best, _ = aligned[0]
        yield PersonTrack(one.track_id, one.sightings, embedding, best.quality, best.image)


def _aligned(portraits: Sequence[Portrait], engine: Engine) -> list[tuple[Portrait, Image]]:
    """The portraits that show a face at the second look, too, each with the aligned face."""
    aligned = []
    for portrait in portraits:
        face = seen_again(portrait, engine)
        if face is None:
            continue
        try:
            aligned.append((portrait, engine.crop(portrait.image, face)))
        except AlignmentError:
            continue
    return aligned
