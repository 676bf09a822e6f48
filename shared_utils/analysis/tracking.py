"""Detections of single frames joined into tracks, each kind of object by itself."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared_utils.analysis.box_tracker import BoxTracker
from shared_utils.analysis.detections import Detection

# A detector wavers between these for one and the same object; a track may go through all of them.
_KINDS = (
    frozenset({"car", "truck", "bus", "train", "van"}),
    frozenset({"bicycle", "motorcycle"}),
    frozenset({"cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"}),
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object in one frame."""

    t: float  # seconds from the start of the segment
    detection: Detection


@dataclass(slots=True)
class Track:
    """The sightings of one object through a segment, in order of time."""

    track_id: int  # from 1, unique in the segment
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The label that most of the scores speak for."""
        votes: dict[str, float] = defaultdict(float)
        for sighting in self.sightings:
            votes[sighting.detection.label] += sighting.detection.score
        return max(sorted(votes), key=lambda label: votes[label])

    @property
    def score(self) -> float:
        """The best score among the sightings."""
        return max(sighting.detection.score for sighting in self.sightings)


class SegmentTracker:
    """Follows the objects of one segment. Every detection belongs to a track, be it the only one of it."""

    def __init__(self, frames_per_second: float) -> None:
        self._rate = frames_per_second
        self._trackers: dict[str, BoxTracker] = {}
        self._tracks: dict[tuple[str, int], Track] = {}  # by kind, and number of the object among its kind

    def add(self, t: float, detections: Sequence[Detection], carried: Sequence[Detection] = ()) -> None:
        """Take in what one frame shows; frames come in order of time, empty ones included.

        `carried` are detections of earlier frames, where nothing has moved since: they keep their tracks alive, but
        nobody has seen them again.
        """
        seen, still = _by_kind(detections), _by_kind(carried)
        for kind in {**self._trackers, **seen, **still}:
            self._add(kind, t, seen.get(kind, []), still.get(kind, []))

    @property
    def tracks(self) -> list[Track]:
        """The tracks so far, in the order in which the objects appeared."""
        return [track for track in self._tracks.values() if track.sightings]

    def _add(self, kind: str, t: float, detections: Sequence[Detection], carried: Sequence[Detection]) -> None:
        tracker = self._trackers.setdefault(kind, BoxTracker(self._rate))
        every = [*detections, *carried]
        numbers = tracker.add(t, [one.box for one in every], [one.score for one in every])
        tracks = [self._track(kind, number) for number in numbers]
        for track, detection in zip(tracks[: len(detections)], detections, strict=True):  # none for what is carried
            track.sightings.append(Sighting(t, detection))

    def _track(self, kind: str, number: int) -> Track:
        return self._tracks.setdefault((kind, number), Track(len(self._tracks) + 1))


def _by_kind(detections: Sequence[Detection]) -> dict[str, list[Detection]]:
    by_kind: dict[str, list[Detection]] = {}
    for detection in detections:
        by_kind.setdefault(_kind(detection.label), []).append(detection)
    return by_kind


def _kind(label: str) -> str:
    return next((min(kind) for kind in _KINDS if label in kind), label)
