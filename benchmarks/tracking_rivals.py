"""The trackers that are compared: those of the library, as they come and tuned, and ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import supervision as sv
from trackers import BoTSORTTracker, ByteTrackTracker, OCSORTTracker
from trackers.core.base import BaseTracker
from trackers.utils.iou import DIoU

from benchmarks.tracking_footage import Footage
from shared_utils.analysis.detections import Detection
from shared_utils.analysis.tracking import SegmentTracker
from tests.support.tracking_score import Tracked

Found = dict[int, list[Tracked]]  # by frame number
_SURE = 0.5  # a track that never reaches it is taken for clutter
_LOST_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Way:
    """One way of making tracks."""

    name: str
    follow: Callable[[Footage, Sequence[int], float], Found]  # frames that it sees, and how many a second

    def runs(self, footage: Footage, frames_per_second: float) -> list[Found]:
        """What it finds, for each moment at which a slower look may begin."""
        return [self.follow(footage, frames, frames_per_second) for frames in footage.thinned(frames_per_second)]


def ways() -> list[Way]:
    """All, ours last. What was tuned was tuned on PETS09-S2L1 with our detector, at 10, 5 and 3.3 frames a second."""
    return [
        Way("ByteTrack as it comes", _library(lambda rate: ByteTrackTracker(frame_rate=rate))),
        Way("OC-SORT as it comes", _library(lambda rate: OCSORTTracker(frame_rate=rate))),
        Way("BoT-SORT as it comes", _library(lambda rate: BoTSORTTracker(frame_rate=rate, enable_cmc=False))),
        Way("ByteTrack, tuned", _library(_byte_track)),
        Way("OC-SORT, tuned", _library(_oc_sort)),
        Way("BoT-SORT, tuned", _library(_bot_sort)),
        Way("ByteTrack, DIoU above -0.5, every box", _library(_nearest, from_the_first=True)),
        Way("**Vedette**", vedette),
    ]


def vedette(footage: Footage, frames: Sequence[int], rate: float) -> Found:
    """What the workers do."""
    tracker = SegmentTracker(rate)
    for frame in frames:
        tracker.add(footage.time_of(frame), footage.detections.get(frame, []))
    found: Found = {frame: [] for frame in frames}
    by_time = {footage.time_of(frame): frame for frame in frames}
    for track in tracker.tracks:
        for sighting in track.sightings:
            found[by_time[sighting.t]].append((track.track_id, sighting.detection.box))
    return _only_sure(found, footage)


def _library(make: Callable[[float], BaseTracker], *, from_the_first: bool = False) -> Callable[..., Found]:
    """A tracker of the library; `from_the_first` numbers a track at its first sighting, which the library does not."""

    def follow(footage: Footage, frames: Sequence[int], rate: float) -> Found:
        tracker, found = make(rate), {}
        for frame in frames:
            detections = footage.detections.get(frame, [])
            known = tracker.update(_as_supervision(detections), timestamp=footage.time_of(frame))
            newborn = iter(_number_newborn(tracker) if from_the_first else [])
            numbers = [] if known.tracker_id is None or not detections else known.tracker_id.tolist()
            pairs = [(next(newborn, -1) if number < 0 else number, place) for place, number in enumerate(numbers)]
            boxes = [tuple(box) for box in known.xyxy.tolist()]
            found[frame] = [(number, boxes[place]) for number, place in pairs if number >= 0]
        return _only_sure(found, footage)

    return follow


def _number_newborn(tracker: BaseTracker) -> list[int]:
    begun = [one for one in tracker.tracks if one.tracker_id < 0]
    for one in begun:
        one.tracker_id = tracker._allocate_tracker_id()  # noqa: SLF001  # what it does itself, a sighting later
    return [one.tracker_id for one in begun]


def _only_sure(found: Found, footage: Footage) -> Found:
    """Without the tracks of which no detection reaches the score that sure ones have."""
    best: dict[int, float] = {}
    for frame, tracks in found.items():
        scores = {_corner(one.box): one.score for one in footage.detections.get(frame, [])}
        for number, box in tracks:
            best[number] = max(best.get(number, 0.0), scores[_corner(box)])
    return {frame: [one for one in tracks if best[one[0]] >= _SURE] for frame, tracks in found.items()}


def _corner(box: Sequence[float]) -> tuple[float, ...]:
    return tuple(np.asarray(box, np.float32).tolist())


def _byte_track(rate: float) -> ByteTrackTracker:
    return ByteTrackTracker(
        lost_track_buffer=_lost_frames(rate),
        frame_rate=rate,
        track_activation_threshold=0.0,
        high_conf_det_threshold=0.0,
        minimum_consecutive_frames=2,
        minimum_iou_threshold=-0.3,
        iou=DIoU(),
    )


def _oc_sort(rate: float) -> OCSORTTracker:
    return OCSORTTracker(
        lost_track_buffer=_lost_frames(rate),
        frame_rate=rate,
        high_conf_det_threshold=0.0,
        minimum_consecutive_frames=1,
        minimum_iou_threshold=-0.5,
        iou=DIoU(),
    )


def _bot_sort(rate: float) -> BoTSORTTracker:
    return BoTSORTTracker(
        lost_track_buffer=_lost_frames(rate),
        frame_rate=rate,
        track_activation_threshold=0.0,
        high_conf_det_threshold=0.0,
        minimum_consecutive_frames=2,
        minimum_iou_threshold_first_assoc=0.17,
        minimum_iou_threshold_unconfirmed_assoc=0.17,
        enable_cmc=False,
        iou=DIoU(),
    )


def _nearest(rate: float) -> ByteTrackTracker:
    return ByteTrackTracker(
        lost_track_buffer=_lost_frames(rate),
        frame_rate=rate,
        track_activation_threshold=0.0,
        high_conf_det_threshold=0.0,
        minimum_consecutive_frames=1,
        minimum_iou_threshold=-0.5,
        iou=DIoU(),
    )


def _lost_frames(rate: float) -> int:
    """In frames of 30 a second, whatever the real rate."""
    return round(max(_LOST_SECONDS, 3 / rate) * 30)


def _as_supervision(detections: Sequence[Detection]) -> sv.Detections:
    if not detections:
        return sv.Detections.empty()
    boxes = np.array([one.box for one in detections], np.float32)
    return sv.Detections(xyxy=boxes, confidence=np.array([one.score for one in detections], np.float32))
