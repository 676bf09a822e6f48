"""What the plain loop over every frame finds in a segment, and how much of it another way finds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from shared_utils.analysis.segment_worker import Segment
from shared_utils.analysis.tracking import SegmentTracker, Sighting, Track
from video_worker.analysis import is_credible
from video_worker.detectors import Detection, Detector
from video_worker.regions import Box, area_px, overlap_px

SINGLE_FRAME_SCORE = 0.5  # the default of objects.single_frame_score, for both ways
LASTING_SECONDS = 1.0  # what the plain loop sees for less than this in all is taken for a detector's fancy
_SURE = 0.5
_SAME_IOU = 0.3
_EDGE_SECONDS = 0.5  # a track begins and ends this much later and earlier than somebody is visible
_GAP_SECONDS = 6.0  # of a still object nothing is seen between two surveys


@dataclass(frozen=True, slots=True)
class Reference:
    """The plain loop over one segment: its tracks, and what it cost."""

    tracks: tuple[Track, ...]
    frames: int
    frames_per_second: float
    cpu_seconds: float
    wall_seconds: float

    @property
    def labels(self) -> set[str]:
        """All that its line would say."""
        return {track.label for track in self.tracks}

    @property
    def lasting_labels(self) -> set[str]:
        """The labels of which one track at least was seen for a second in all."""
        least = LASTING_SECONDS * self.frames_per_second
        return {track.label for track in self.tracks if len(track.sightings) >= least}


def plain_loop(segment: Segment, detector: Detector) -> Reference:
    """What everybody writes first: every frame, one at a time. The tracker is ours, and not in the figures."""
    wall, cpu = time.perf_counter(), time.process_time()
    seen = _every_frame(segment, detector)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rate = len(seen) / max(segment.duration_seconds, 0.1)
    tracker = SegmentTracker(rate)
    for t, detections in seen:
        tracker.add(t, detections)
    tracks = tuple(track for track in tracker.tracks if is_credible(track, SINGLE_FRAME_SCORE))
    return Reference(tracks, len(seen), rate, cpu, wall)


def _every_frame(segment: Segment, detector: Detector) -> list[tuple[float, list[Detection]]]:
    capture = cv2.VideoCapture(str(segment.path))
    seen = []
    while True:
        read, frame = capture.read()
        t = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if not read or t >= segment.duration_seconds:
            break
        seen.append((t, detector.detect([np.asarray(frame, np.uint8)])[0]))
    capture.release()
    return seen


def people_covered(reference: Reference, tracks: Sequence[Track]) -> tuple[int, int]:
    """How many of the sure sightings of people of the plain loop lie in a person's track, and how many there are."""
    people = [track for track in tracks if track.label == "person"]
    sure = [
        one
        for track in reference.tracks
        if track.label == "person"
        for one in track.sightings
        if one.detection.score >= _SURE
    ]
    covered = sum(any(_iou(one.detection.box, _box_at(track, one.t)) >= _SAME_IOU for track in people) for one in sure)
    return covered, len(sure)


def _box_at(track: Track, t: float) -> Box | None:
    """Where a track is at a moment between two of its sightings, or shortly before or after all of them."""
    sightings = track.sightings
    for one, other in pairwise(sightings):
        if one.t <= t <= other.t and other.t - one.t <= _GAP_SECONDS:
            return _between(one, other, t)
    near = min((sightings[0], sightings[-1]), key=lambda one: abs(one.t - t))
    return near.detection.box if abs(near.t - t) <= _EDGE_SECONDS else None


def _between(one: Sighting, other: Sighting, t: float) -> Box:
    share = (t - one.t) / max(other.t - one.t, 1e-9)
    x1, y1, x2, y2 = (a + (b - a) * share for a, b in zip(one.detection.box, other.detection.box, strict=True))
    return x1, y1, x2, y2


def _iou(one: Box, other: Box | None) -> float:
    if other is None:
        return 0.0
    shared = overlap_px(one, other)
    return shared / max(area_px(one) + area_px(other) - shared, 1e-9)
