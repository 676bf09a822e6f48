"""Detections of single frames joined into tracks: the one place that knows the tracking library."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker
from trackers.utils.iou import DIoU

from shared_utils.analysis.detections import Detection

# Measured on annotated footage at 2 to 10 frames a second (docs/design/analysis.md): boxes that are only near
# each other count too, because a walking person leaves their own box between two frames.
_LEAST_DIOU = -0.5
_LOST_SECONDS = 2.0
_LOST_FRAMES = 3  # where frames are rare, 2 s would be less than the pause between two of them

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
        self._trackers: dict[str, _KindTracker] = {}
        self._tracks: list[Track] = []

    def add(self, t: float, detections: Sequence[Detection], carried: Sequence[Detection] = ()) -> None:
        """Take in what one frame shows; frames come in order of time, empty ones included.

        `carried` are detections of earlier frames, where nothing has moved since: they keep their tracks alive, but
        nobody has seen them again.
        """
        seen, still = _by_kind(detections), _by_kind(carried)
        for kind in {**self._trackers, **seen, **still}:
            tracker = self._trackers.get(kind)
            if tracker is None:
                tracker = self._trackers[kind] = _KindTracker(self._rate, self._new_track)
            tracker.add(t, seen.get(kind, []), still.get(kind, []))

    @property
    def tracks(self) -> list[Track]:
        """The tracks so far, in the order in which the objects appeared."""
        return [track for track in self._tracks if track.sightings]

    def _new_track(self) -> Track:
        track = Track(len(self._tracks) + 1)
        self._tracks.append(track)
        return track


class _KindTracker:
    """ByteTrack over the boxes of one kind of object."""

    def __init__(self, rate: float, new_track: Callable[[], Track]) -> None:
        lost_seconds = max(_LOST_SECONDS, _LOST_FRAMES / rate)
        self._new_track = new_track
        self._by_id: dict[int, Track] = {}
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(lost_seconds * 30),  # in frames of 30 a second, whatever the real rate
            frame_rate=rate,
            # The detector has already left out what is too weak; what it kept may all begin a track.
            track_activation_threshold=0.0,
            high_conf_det_threshold=0.0,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=_LEAST_DIOU,
            iou=DIoU(),
        )

    def add(self, t: float, detections: Sequence[Detection], carried: Sequence[Detection]) -> None:
        known = self._tracker.update(_as_supervision([*detections, *carried]), timestamp=t)
        newborn = self._named_newborn()
        if not detections and not carried:
            return
        numbers, track_ids = np.asarray(known.data["number"]), np.asarray(known.tracker_id)
        for number, track_id in zip(numbers.tolist(), track_ids.tolist(), strict=True):
            # The library names a track at its second sighting; here it has its name from the first.
            track = self._by_id[track_id] if track_id >= 0 else next(newborn)
            if number < len(detections):
                track.sightings.append(Sighting(t, detections[number]))

    def _named_newborn(self) -> Iterator[Track]:
        """The tracks begun by the last update, in the order of their detections, each given its id."""
        begun = []
        for tracklet in self._tracker.tracks:
            if tracklet.tracker_id < 0:
                track = self._new_track()
                tracklet.tracker_id = track.track_id
                self._by_id[track.track_id] = track
                begun.append(track)
        return iter(begun)


def _by_kind(detections: Sequence[Detection]) -> dict[str, list[Detection]]:
    by_kind: dict[str, list[Detection]] = {}
    for detection in detections:
        by_kind.setdefault(_kind(detection.label), []).append(detection)
    return by_kind


def _kind(label: str) -> str:
    return next((min(kind) for kind in _KINDS if label in kind), label)


def _as_supervision(detections: Sequence[Detection]) -> sv.Detections:
    if not detections:
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=np.array([detection.box for detection in detections], np.float32),
        confidence=np.array([detection.score for detection in detections], np.float32),
        data={"number": np.arange(len(detections))},
    )
