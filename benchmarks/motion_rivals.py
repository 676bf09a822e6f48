"""Other ways to look for motion, given the same looks: what the detector has to beat."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from capture_service.motion import MotionDetector, MotionSeen
from capture_service.motion_regions import find_regions
from shared_utils.config.schema import MotionConfig

Picture = NDArray[np.uint8]


class Looks(Protocol):
    """Anything that looks at one picture after the other."""

    def look(self, luma: Picture, t: float) -> MotionSeen: ...


class Rival:
    """A way to find changed pixels, with the same smallest area and the same two of three looks as ours."""

    def __init__(self, changed_pixels: Callable[[Picture], Picture], settings: MotionConfig) -> None:
        self._changed_pixels, self._settings = changed_pixels, settings
        self._recent: deque[bool] = deque(maxlen=3)

    def look(self, luma: Picture, t: float) -> MotionSeen:
        changed = cv2.medianBlur(self._changed_pixels(luma), 3).astype(np.uint8, copy=False)
        regions = find_regions(changed, self._settings.min_area * luma.size) if t >= 1.0 else []
        self._recent.append(bool(regions))
        return MotionSeen(t, bool(regions) and sum(self._recent) >= 2, 0.0, tuple(region.box for region in regions))


def frame_difference(settings: MotionConfig) -> Looks:
    """Against the look before."""
    before: list[Picture] = []

    def changed_pixels(luma: Picture) -> Picture:
        blurred = cv2.GaussianBlur(luma, (5, 5), 0).astype(np.uint8, copy=False)
        difference = cv2.absdiff(blurred, before[-1]) if before else np.zeros_like(blurred)
        before[:] = [blurred]
        changed: Picture = (difference > settings.threshold).astype(np.uint8)
        return changed

    return Rival(changed_pixels, settings)


def running_average(settings: MotionConfig) -> Looks:
    """Against a plain average of the last seconds."""
    average: list[NDArray[np.float32]] = []

    def changed_pixels(luma: Picture) -> Picture:
        blurred = cv2.GaussianBlur(luma, (5, 5), 0).astype(np.float32)
        if not average:
            average.append(blurred.copy())
        changed: Picture = (np.abs(blurred - average[0]) > settings.threshold).astype(np.uint8)
        cv2.accumulateWeighted(blurred, average[0], 0.025)
        return changed

    return Rival(changed_pixels, settings)


def mixture(settings: MotionConfig) -> Looks:
    """OpenCV's MOG2 as it comes, without its shadow detection."""
    model = cv2.createBackgroundSubtractorMOG2(detectShadows=False)
    return Rival(lambda luma: (model.apply(luma) > 0).astype(np.uint8), settings)


def neighbours(settings: MotionConfig) -> Looks:
    """OpenCV's KNN as it comes, without its shadow detection."""
    model = cv2.createBackgroundSubtractorKNN(detectShadows=False)
    return Rival(lambda luma: (model.apply(luma) > 0).astype(np.uint8), settings)


RIVALS: dict[str, Callable[[MotionConfig], Looks] | None] = {
    "Vedette": None,
    "frame difference": frame_difference,
    "running average": running_average,
    "MOG2": mixture,
    "KNN": neighbours,
}


def looker(name: str, settings: MotionConfig, width: int, height: int) -> Looks:
    """A fresh one, for pictures of this size."""
    make = RIVALS[name]
    return MotionDetector(settings, width, height) if make is None else make(settings)
