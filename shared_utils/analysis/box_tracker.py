"""The boxes of single frames told apart by object: the one place that knows the tracking library."""

from collections.abc import Sequence

import numpy as np
import supervision as sv
from numpy.typing import NDArray
from trackers import ByteTrackTracker
from trackers.utils.iou import BaseIoU, DIoU
from trackers.utils.state_representations import XCYCWHStateEstimator

from shared_utils.analysis.detections import Box

# Measured on annotated footage at 2 to 25 frames a second (docs/design/tracking.md): boxes that are only near each
# other count too, because a walking person, and much more so a face, leaves its own box between two frames.
_LEAST_DIOU = -0.5
_OTHER_ROWS = 0.1  # what is left of the likeness where no row is shared: somebody may come down a flight of stairs
_LOST_SECONDS = 2.0
_LOST_FRAMES = 3  # where frames are rare, 2 s would be less than the pause between two of them
_LEAST_LIKENESS = 1e-9  # the library asks for at least so much; here it is anything above 0


class BoxTracker:
    """ByteTrack over the boxes of one kind of object in one segment. Every box gets a number, be it seen only once."""

    def __init__(self, frames_per_second: float) -> None:
        lost_seconds = max(_LOST_SECONDS, _LOST_FRAMES / frames_per_second)
        self._objects = 0
        self._likeness = _Likeness()
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(lost_seconds * 30),  # in frames of 30 a second, whatever the real rate
            frame_rate=frames_per_second,
            # The detector has already left out what is too weak; what it kept may all begin a track.
            track_activation_threshold=0.0,
            high_conf_det_threshold=0.0,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=_LEAST_LIKENESS,
            iou=self._likeness,
            state_estimator_class=_RigidBox,
        )

    def add(self, t: float, boxes: Sequence[Box], scores: Sequence[float]) -> list[int]:
        """The number of the object in each box, from 0 in the order in which the objects appear.

        Frames come in order of time, `t` in seconds, empty ones included.
        """
        self._likeness.scores = np.array(scores, np.float32)
        known = self._tracker.update(_as_supervision(boxes, scores), timestamp=t)
        newborn = iter(self._number_newborn())
        numbers = [0] * len(boxes)
        if boxes:
            for place, number in zip(np.asarray(known.data["place"]), np.asarray(known.tracker_id), strict=True):
                # The library numbers an object at its second sighting; here it has its number from the first.
                numbers[place] = int(number) if number >= 0 else next(newborn)
        return numbers

    def _number_newborn(self) -> list[int]:
        """The objects begun by the last update, in the order of their boxes, each given its number."""
        begun = [one for one in self._tracker.tracks if one.tracker_id < 0]
        for one in begun:
            one.tracker_id = self._objects
            self._objects += 1
        return [one.tracker_id for one in begun]


class _Likeness(BaseIoU):
    """How likely two boxes are of one object: near each other, over the same rows of the picture, and sure.

    Of people who pass each other, the heights tell more than the widths, which change with every step. And where a
    detector sees one person twice, the surer box is to go on with the track.
    """

    def __init__(self) -> None:
        self.scores: NDArray[np.float32] = np.empty(0, np.float32)  # of the boxes of the frame that is to be compared

    def _compute(self, boxes_1: NDArray[np.floating], boxes_2: NDArray[np.floating]) -> NDArray[np.float64]:
        """Tracks by boxes; above 0 is a pair."""
        near = DIoU().compute(boxes_1, boxes_2) - _LEAST_DIOU
        rows = _OTHER_ROWS + (1 - _OTHER_ROWS) * _shared_rows(boxes_1, boxes_2)
        return np.asarray(np.where(near > 0, near * rows * self.scores, near), np.float64)


class _RigidBox(XCYCWHStateEstimator):
    """A box that moves evenly and keeps its size. A half hidden one shrinks, and must not go on shrinking unseen."""

    def clamp_velocity(self, frame_step: float = 1.0) -> None:  # noqa: ARG002  # the library gives it
        """Called before each prediction: the state is x, y, width, height, and the speed of each."""
        self.kf.state[6:8] = 0.0


def _shared_rows(boxes_1: NDArray[np.floating], boxes_2: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of the vertical extents, 0 to 1: n x m."""
    top_1, bottom_1 = boxes_1[:, None, 1], boxes_1[:, None, 3]
    top_2, bottom_2 = boxes_2[None, :, 1], boxes_2[None, :, 3]
    shared = np.clip(np.minimum(bottom_1, bottom_2) - np.maximum(top_1, top_2), 0, None)
    covered = np.maximum(bottom_1, bottom_2) - np.minimum(top_1, top_2)
    return np.asarray(shared / np.maximum(covered, _LEAST_LIKENESS), np.float64)


def _as_supervision(boxes: Sequence[Box], scores: Sequence[float]) -> sv.Detections:
    if not boxes:
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=np.array(boxes, np.float32),
        confidence=np.array(scores, np.float32),
        data={"place": np.arange(len(boxes))},
    )
