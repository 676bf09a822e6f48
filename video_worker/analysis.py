"""Looking through one segment: frames in, tracks out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared_utils.analysis.frames import Frame, frames_at
from shared_utils.analysis.sampling import Sampling, sample_times, usual_rate
from shared_utils.analysis.segment_worker import Segment
from shared_utils.analysis.tracking import SegmentTracker, Track
from shared_utils.errors import SegmentError
from video_worker.detectors import Detection, Detector
from video_worker.entries import objects_of
from video_worker.looking import look_through


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in a segment."""

    frames_analysed: int
    tracks: tuple[Track, ...]
    best: Frame  # the one that shows most: what a person would choose to look at

    @property
    def detected(self) -> list[str]:
        """The label of each object."""
        return [track.label for track in self.tracks]

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The objects as the detections log lists them."""
        return objects_of(self.tracks)


def analyse(
    segment: Segment,
    detector: Detector,
    sampling: Sampling,
    *,
    labels: Sequence[str] = (),
    batch_size: int = 1,
    single_frame_score: float = 0.0,
) -> Analysis:
    """Find and follow the objects of one segment; only these labels, if any are given.

    An object that was seen in one frame of several must reach `single_frame_score`.

    Only the frames of a few images are held at any time, and the best one. Raises SegmentError if no frame can be had,
    and as `frames_at` does.
    """
    times = sample_times(segment.looks, segment.duration_seconds, sampling)
    tracker = SegmentTracker(usual_rate(times, sampling))
    liveliest = _liveliest(segment)
    best, best_worth, count = None, (-1.0, -math.inf), 0
    for looked in look_through(frames_at(segment.path, times), segment.looks, detector, batch_size):
        frame, found = looked.frame, _only(labels, looked.found)
        tracker.add(frame.t, found, _only(labels, looked.carried))
        worth = _worth(frame, found), -abs(frame.t - liveliest)
        if best is None or worth > best_worth:
            best, best_worth = frame, worth
        count += 1
    if best is None:
        raise SegmentError(
            f"No frame of {segment.path.name} can be decoded: the file is damaged, or was cut off before the first."
        )
    least = single_frame_score if count > 1 else 0.0
    return Analysis(count, tuple(track for track in tracker.tracks if is_credible(track, least)), best)


def is_credible(track: Track, single_frame_score: float) -> bool:
    """Whether an object is more than a detector's fancy of one moment."""
    return len(track.sightings) > 1 or track.score >= single_frame_score


def _only(labels: Sequence[str], detections: Sequence[Detection]) -> list[Detection]:
    return [detection for detection in detections if not labels or detection.label in labels]


def _liveliest(segment: Segment) -> float:
    """When most of the frame moved; the middle if that is not known."""
    peak = max(segment.looks, key=lambda look: look.area, default=None)
    return segment.duration_seconds / 2 if peak is None else peak.t


def _worth(frame: Frame, found: Sequence[Detection]) -> float:
    """Many, sure and large objects make a frame worth showing."""
    height, width = frame.image.shape[:2]
    return sum(detection.score * math.sqrt(_area(detection) / (height * width)) for detection in found)


def _area(detection: Detection) -> float:
    x1, y1, x2, y2 = detection.box
    return max(x2 - x1, 0.0) * max(y2 - y1, 0.0)
