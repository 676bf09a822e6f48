"""Whether something moves in a camera's picture, and where: looks in, `MotionSeen` out. No I/O, no threads."""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capture_service.motion_regions import allowed_area, find_regions, scale_box
from capture_service.scene import Scene
from shared_utils.config.schema import MotionConfig
from shared_utils.segments import BoxPx

LOOK_WIDTH, LOOK_HEIGHT = 480, 270  # the picture is scaled to about this many pixels, in its own shape
CONFIRM_WITHIN = 3  # of this many looks, this one included, two must have seen something: one alone is flicker


@dataclass(frozen=True, slots=True)
class MotionSeen:
    """What one look saw. If `moving`, there is at least one box; an unconfirmed look has boxes and is not moving."""

    t: float  # stream seconds of the frame looked at
    moving: bool
    area: float  # changed part of the picture, 0 to 1, masked areas left out
    boxes: tuple[BoxPx, ...]  # pixels of the full picture, largest first


def look_size(width: int, height: int) -> tuple[int, int]:
    """Width and height that a picture is scaled to: as many pixels as 480x270, in the picture's own shape."""
    scale = min(1.0, ((LOOK_WIDTH * LOOK_HEIGHT) / (width * height)) ** 0.5)
    return max(16, round(width * scale)), max(16, round(height * scale))


class MotionDetector:
    """Motion in one picture size. Give it every look in order; it keeps the background between them."""

    def __init__(self, settings: MotionConfig, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._size = look_size(width, height)
        self._min_px = settings.min_area * self._size[0] * self._size[1]
        self._allowed = allowed_area(settings.masks, self._size)
        self._scene = Scene(settings.threshold, self._allowed, settings.looks_per_second)
        self._recent: deque[bool] = deque(maxlen=CONFIRM_WITHIN)

    def look(self, luma: NDArray[np.uint8], t: float) -> MotionSeen:
        """Look at the Y plane of a frame, of full size or already scaled, at `t` seconds of the stream."""
        picture = luma
        if (luma.shape[1], luma.shape[0]) != self._size:
            picture = cv2.resize(luma, self._size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
        changed = self._scene.look(picture, t)
        regions = find_regions(changed, self._min_px)
        self._recent.append(bool(regions))
        moving = bool(regions) and sum(self._recent) >= 2
        return MotionSeen(
            t=t,
            moving=moving,
            area=sum(region.area_px for region in regions) / float(changed.size),
            boxes=tuple(scale_box(region.box, self._size, (self._width, self._height)) for region in regions),
        )

    def unrest(self) -> float:
        """How much of the picture the last look found changed, explained or not, 0 to 1; 1 if its light did.

        A car that leaves is a ghost, which is no motion; but it moved, and somebody may come with the light.
        """
        if self._scene.was_upset:
            return 1.0
        regions = find_regions(self._scene.differing, self._min_px)
        return regions[0].area_px / float(self._scene.differing.size) if regions else 0.0
