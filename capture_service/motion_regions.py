"""From changed pixels to a few boxes: masks, connected regions, merging, scaling."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capture_service.mask_components import components_of
from shared_utils.segments import BoxPx

MAX_BOXES = 10
JOIN_PX = 5  # parts of one person (legs, a bag) may be this far apart in the scaled picture


@dataclass(frozen=True, slots=True)
class Region:
    """Changed pixels that belong together, in pixels of the scaled picture."""

    box: BoxPx
    area_px: int


def allowed_area(masks: Sequence[Sequence[tuple[float, float]]], size: tuple[int, int]) -> NDArray[np.uint8]:
    """1 where motion counts, 0 within any of the polygons (corners 0 to 1)."""
    width, height = size
    allowed = np.ones((height, width), np.uint8)
    for polygon in masks:
        corners = np.round(np.asarray(polygon) * (width, height)).astype(np.int32)
        cv2.fillPoly(allowed, [corners], (0,))
    return allowed


def find_regions(changed: NDArray[np.uint8], min_px: float) -> list[Region]:
    """The regions of at least `min_px` changed pixels, largest first, at most `MAX_BOXES`.

    Only pixels that did change are counted: joining parts makes boxes larger, never the area.
    """
    if not changed.any():
        return []
    joined = cv2.dilate(changed, np.ones((JOIN_PX, JOIN_PX), np.uint8))
    found_at = components_of(joined)
    areas = np.bincount(found_at.labels[changed[found_at.window] > 0], minlength=len(found_at.boxes))
    found = [
        Region(_box_of(found_at.boxes[label]), int(areas[label]))
        for label in np.argsort(-areas)
        if label and areas[label] >= max(1.0, min_px)
    ]
    return _merged(found)[:MAX_BOXES]


def _box_of(box: NDArray[np.int32]) -> BoxPx:
    half = JOIN_PX // 2  # the joining widened the box by this much on every side
    left, top, width, height = (int(value) for value in box)
    return left + half, top + half, max(left + half + 1, left + width - half), max(top + half + 1, top + height - half)


def _merged(regions: list[Region]) -> list[Region]:
    """Regions whose boxes overlap become one: two boxes upon one another say no more than their hull."""
    merged: list[Region] = []
    for region in regions:
        joined = region
        while touching := [other for other in merged if _overlap(joined.box, other.box)]:
            merged = [other for other in merged if other not in touching]
            for other in touching:
                joined = Region(_hull(joined.box, other.box), joined.area_px + other.area_px)
        merged.append(joined)
    return sorted(merged, key=lambda region: -region.area_px)


def _overlap(one: BoxPx, two: BoxPx) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def _hull(one: BoxPx, two: BoxPx) -> BoxPx:
    return min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])


def scale_box(box: BoxPx, size: tuple[int, int], full: tuple[int, int]) -> BoxPx:
    """A box of the scaled picture in pixels of the full one, cut at its edges."""
    x, y = full[0] / size[0], full[1] / size[1]
    left, top = max(0, int(box[0] * x)), max(0, int(box[1] * y))
    return left, top, min(full[0], round(box[2] * x)), min(full[1], round(box[3] * y))
