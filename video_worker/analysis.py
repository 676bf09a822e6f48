"""Looking through one segment: pictures in, tracks out."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from shared_utils.errors import SegmentError
from shared_utils.segments import MotionLook
from video_worker.detectors import Detection, Detector
from video_worker.frames import Frame, frames_at
from video_worker.sampling import Sampling, sample_times
from video_worker.tracking import SegmentTracker, Track


@dataclass(frozen=True, slots=True)
class Segment:
    """What is known about a segment before it is looked at."""

    path: Path
    duration_seconds: float
    looks: tuple[MotionLook, ...] = ()  # empty: nothing is known about motion


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in a segment."""

    frames_analysed: int
    tracks: tuple[Track, ...]
    best: Frame  # the picture that shows most: what a person would choose to look at


def analyse(
    segment: Segment,
    detector: Detector,
    sampling: Sampling,
    *,
    labels: Sequence[str] = (),
    batch_size: int = 4,
    single_frame_score: float = 0.0,
) -> Analysis:
    """Find and follow the objects of one segment; only these labels, if any are given.

    An object that was seen in one picture of several must reach `single_frame_score`.

    Only a batch of pictures is held at any time, and the best one. Raises SegmentError if no picture can be had, and
    as `frames_at` does.
    """
    times = sample_times(segment.looks, segment.duration_seconds, sampling)
    tracker = SegmentTracker(_rate(times, sampling))
    liveliest = _liveliest(segment)
    best, best_worth, count = None, (-1.0, -math.inf), 0
    for batch in _batches(frames_at(segment.path, times), batch_size):
        for frame, found in zip(batch, detector.detect([frame.picture for frame in batch]), strict=True):
            wanted = [detection for detection in found if not labels or detection.label in labels]
            tracker.add(frame.t, wanted)
            worth = _worth(frame, wanted), -abs(frame.t - liveliest)
            if best is None or worth > best_worth:
                best, best_worth = frame, worth
        count += len(batch)
    if best is None:
        raise SegmentError(
            f"No picture of {segment.path.name} can be decoded: the file is damaged, or was cut off before the first."
        )
    least = single_frame_score if count > 1 else 0.0
    return Analysis(count, tuple(track for track in tracker.tracks if is_credible(track, least)), best)


def is_credible(track: Track, single_frame_score: float) -> bool:
    """Whether an object is more than a detector's fancy of one moment."""
    return len(track.sightings) > 1 or track.score >= single_frame_score


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    source = iter(frames)
    while batch := list(islice(source, size)):
        yield batch


def _rate(times: Sequence[float], sampling: Sampling) -> float:
    """How many pictures a second there really are: fewer than asked for in a segment that is moving all along."""
    pauses = sorted(later - earlier for earlier, later in pairwise(times))
    usual = pauses[len(pauses) // 2] if pauses else 0.0
    return min(sampling.frames_per_second, 1 / usual) if usual > 0 else sampling.frames_per_second


def _liveliest(segment: Segment) -> float:
    """When most of the picture moved; the middle if that is not known."""
    peak = max(segment.looks, key=lambda look: look.area, default=None)
    return segment.duration_seconds / 2 if peak is None else peak.t


def _worth(frame: Frame, found: Sequence[Detection]) -> float:
    """Many, sure and large objects make a picture worth showing."""
    height, width = frame.picture.shape[:2]
    return sum(detection.score * math.sqrt(_area(detection) / (height * width)) for detection in found)


def _area(detection: Detection) -> float:
    x1, y1, x2, y2 = detection.box
    return max(x2 - x1, 0.0) * max(y2 - y1, 0.0)
