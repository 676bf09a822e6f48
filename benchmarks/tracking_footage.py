"""Annotated footage for trackers: what a detector found in each frame, and who was really there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from shared_utils.analysis.detections import Detection
from tests.support.tracking_score import Tracked, read_detections, read_ground_truth
from video_worker.detectors import Detector

_PETS_SCALE = 0.625  # its annotations are of 768x576 pixels, the clip has 480x360
_PETS_FRAMES = 265  # of 795: as far as there is ground truth


@dataclass(frozen=True, slots=True)
class Footage:
    """A clip as a tracker sees it. Frames are numbered from 1."""

    name: str
    frames_per_second: float
    frames: int
    detections: Mapping[int, Sequence[Detection]]
    truth: Mapping[int, Sequence[Tracked]]  # only the frames that somebody annotated
    ignored: Mapping[int, Sequence[Tracked]]  # people who may be found or not

    def time_of(self, frame: int) -> float:
        """Seconds from the start."""
        return (frame - 1) / self.frames_per_second

    def thinned(self, frames_per_second: float) -> list[list[int]]:
        """The frames that a slower look would see, for each moment at which it may begin."""
        step = self.frames_per_second / frames_per_second
        beginnings = 1 if step <= 1 else max(round(step), 5 if step < 2 else 1)
        return [self._every(step, beginning) for beginning in range(beginnings)]

    def _every(self, step: float, beginning: int) -> list[int]:
        last = int((self.frames - 1 - beginning) / step + 1e-9)
        return [1 + int(beginning + number * step + 1e-9) for number in range(last + 1)]


def pets(tracking_dir: Path) -> Footage:
    """PETS09-S2L1 by the detections that came with it (Faster R-CNN): a campus road from above, ten people."""
    folder = tracking_dir / "PETS09-S2L1"
    detections = read_detections(folder / "det.txt", _PETS_SCALE)
    return _pets("PETS09-S2L1, given detections", folder, detections)


def pets_by(detector: Detector, tracking_dir: Path, clip: Path) -> Footage:
    """PETS09-S2L1 by our own detector."""
    return _pets(f"PETS09-S2L1, {detector.name}", tracking_dir / "PETS09-S2L1", _detected(detector, clip))


def tud_campus(tracking_dir: Path) -> Footage:
    """TUD-Campus by the detections that came with it (Faster R-CNN): eight people pass a low camera, 2.8 s."""
    folder = tracking_dir / "TUD-Campus"
    truth, ignored = read_ground_truth(folder / "gt.txt", scale=1.0)
    detections = read_detections(folder / "det.txt", 1.0)
    return Footage("TUD-Campus, given detections", 25.0, max(truth), detections, truth, ignored)


def _pets(name: str, folder: Path, detections: Mapping[int, Sequence[Detection]]) -> Footage:
    truth, ignored = read_ground_truth(folder / "gt_every5.txt", _PETS_SCALE)
    return Footage(name, 10.0, _PETS_FRAMES, detections, truth, ignored)


def _detected(detector: Detector, clip: Path) -> dict[int, list[Detection]]:
    capture = cv2.VideoCapture(str(clip))
    found = {}
    for number in range(1, _PETS_FRAMES + 1):
        read, frame = capture.read()
        if not read:
            break
        detections = detector.detect([np.asarray(frame, np.uint8)])[0]
        found[number] = [one for one in detections if one.label == "person"]
    capture.release()
    return found
