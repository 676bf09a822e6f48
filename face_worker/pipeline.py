"""One segment through its stages: decode, detect, track, embed, match; each in its own thread."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from face_worker.engines import Engine
from face_worker.entries import faces_of
from face_worker.following import FrameCount, embed, follow
from face_worker.looking import Eye, look_for_faces
from face_worker.stages import Stages
from face_worker.tracks import NamedTrack, named, rejoined
from shared_utils.analysis.frames import frames_at
from shared_utils.analysis.sampling import Sampling, sample_times, usual_rate
from shared_utils.analysis.segment_worker import Segment
from shared_utils.errors import SegmentError
from shared_utils.gallery.matching import Matcher


@dataclass(frozen=True, slots=True)
class Options:
    """How closely a segment is looked at."""

    sampling: Sampling = field(default_factory=lambda: Sampling(frames_per_second=4.0, max_frames=80))
    least_face_px: float = 24
    most_input_px: int = 640  # longer side of what the detector is shown
    best_faces: int = 5


@dataclass(frozen=True, slots=True)
class Faces:
    """Who was found in a segment."""

    frames_analysed: int
    tracks: tuple[NamedTrack, ...]
    embedding_model: str  # that made their embeddings

    @property
    def detected(self) -> list[str]:
        """The name of each."""
        return [one.match.name for one in self.tracks]

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The faces as the faces log lists them."""
        return faces_of(self.tracks)


def find_faces(segment: Segment, engine: Engine, matcher: Callable[[], Matcher], options: Options) -> Faces:
    """Find, follow and name the people of one segment.

    `matcher` is asked for when everybody is found: whoever is purged meanwhile is not named any more.

    Raises SegmentError if no frame can be had, and as `frames_at` does; whatever a stage raises ends all of them.
    """
    times = sample_times(segment.looks, segment.duration_seconds, options.sampling)
    eye, count = Eye(engine, options.least_face_px, options.most_input_px), FrameCount()
    with Stages() as stages:
        frames = stages.run("decode", frames_at(segment.path, times))
        looked = stages.run("detect", look_for_faces(frames, segment.looks, eye))
        followed = stages.run("track", follow(looked, usual_rate(times, options.sampling), options.best_faces, count))
        people = list(stages.run("embed", embed(followed, engine)))
    if not count.frames:
        raise SegmentError(
            f"No frame of {segment.path.name} can be decoded: the file is damaged, or was cut off before the first."
        )
    return Faces(count.frames, tuple(named(rejoined(people), matcher())), engine.embedding_model)
