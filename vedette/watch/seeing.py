"""Objects and faces of frames as they come, followed and named with what is known so far."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from face_worker.best_faces import BestFaces, Portrait, portrait_of
from face_worker.engines import Engine
from face_worker.looking import FACE, SeenFace
from face_worker.tracks import combined
from face_worker.upright import seen_again
from shared_utils.analysis.detections import Floats, Image
from shared_utils.analysis.tracking import SegmentTracker, Track
from shared_utils.faces.alignment import AlignmentError
from shared_utils.faces.face import FaceFound
from shared_utils.faces.quality import quality_of
from shared_utils.gallery.matching import Match, Matcher
from vedette.watch.looks import Key, Look, Seen
from video_worker.detectors import Detector

_STARE_SCORE = 0.4  # what is less sure flickers; the worker may log it, a viewer is only confused


class ObjectSight:
    """Finds and follows objects."""

    def __init__(self, detector: Detector, labels: Iterable[str], looks_per_second: float) -> None:
        self._detector, self._labels = detector, frozenset(labels)
        self._tracker = SegmentTracker(looks_per_second)

    def look(self, t: float, image: Image) -> list[Seen]:
        """What the frame of this moment (seconds, ascending) shows."""
        found = [one for one in self._detector.detect([image])[0] if not self._labels or one.label in self._labels]
        self._tracker.add(t, [one for one in found if one.score >= _STARE_SCORE])
        return [
            Seen("object", track.track_id, track.label, last.detection.score, last.detection.box)
            for track in self._tracker.tracks
            if (last := track.sightings[-1]).t == t
        ]


@dataclass(frozen=True, slots=True)
class FaceOptions:
    """How closely faces are looked at."""

    least_face_px: float = 24
    best_faces: int = 5


class FaceSight:
    """Finds and follows faces, and names each by the best of what was seen of it."""

    def __init__(self, engine: Engine, matcher: Matcher, options: FaceOptions, looks_per_second: float) -> None:
        self._engine, self._matcher, self._options = engine, matcher, options
        self._tracker, self._best = SegmentTracker(looks_per_second), BestFaces(options.best_faces)
        self._embeddings: dict[Portrait, Floats] = {}
        self._matches: dict[int, Match] = {}

    def look(self, t: float, image: Image) -> list[Seen]:
        """Who the frame of this moment (seconds, ascending) shows."""
        found = [face for face in self._engine.find(image) if face.size_px >= self._options.least_face_px]
        self._tracker.add(t, [SeenFace(FACE, face.score, face.box, face) for face in found])
        return [self._seen(track, t, image) for track in self._tracker.tracks if track.sightings[-1].t == t]

    def _seen(self, track: Track, t: float, image: Image) -> Seen:
        detection = track.sightings[-1].detection
        if isinstance(detection, SeenFace):
            self._learn(track.track_id, t, image, detection.found)
        match = self._matches.get(track.track_id, Match())
        return Seen("face", track.track_id, match.name, match.similarity, detection.box, known=match.known)

    def _learn(self, track_id: int, t: float, image: Image, face: FaceFound) -> None:
        """Match the track anew if this is one of its best faces."""
        try:
            quality = quality_of(image, face).overall
            if not self._best.wants(track_id, t, quality):
                return
            portrait = portrait_of(image, face, t=t, quality=quality)
            better = seen_again(portrait, self._engine)
            if better is None:
                return  # what is no face at a second look
            embedding = self._engine.embed_crops([self._engine.crop(portrait.image, better)])[0]
        except AlignmentError:
            return  # no recogniser could look at it
        before = set(self._best.of(track_id))
        self._best.add(track_id, portrait)
        kept = self._best.of(track_id)
        self._embeddings[portrait] = embedding
        for gone in before | {portrait}:
            if gone not in kept:
                del self._embeddings[gone]
        vectors = np.stack([self._embeddings[one] for one in kept])
        self._matches[track_id] = self._matcher.match(combined(vectors, [one.quality for one in kept]))


class Sight:
    """All that is looked for."""

    def __init__(self, objects: ObjectSight | None, faces: FaceSight | None) -> None:
        self._parts = [part for part in (objects, faces) if part is not None]

    def look(self, t: float, image: Image) -> Look:
        """What the frame of this moment (seconds, ascending) shows."""
        seen: dict[Key, Seen] = {}
        for part in self._parts:
            seen.update({(one.kind, one.track_id): one for one in part.look(t, image)})
        return Look(t, seen)
