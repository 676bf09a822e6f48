"""Which parts of a frame have to be looked at again, given what moved there and what is known to be there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared_utils.segments import BoxPx

Box = tuple[float, float, float, float]  # x1, y1, x2, y2

# A detector needs the surroundings of what it is to recognise, and motion boxes are tighter than objects.
_MARGIN_OF_BOX = 0.25
_MARGIN_OF_FRAME = 0.04
# The border of an object that is known is known as well: it needs air around it, no more.
_MARGIN_OF_KNOWN = 0.1
# Crops and the gutters between them that together are as large as this save nothing.
_MOST_OF_FRAME = 0.6


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a frame that is to be looked at."""

    box: BoxPx
    detail_px: float = 0.0  # longer side of the smallest thing that is expected in it; 0: anything may be in it


def regions_to_look_at(moved: Iterable[BoxPx], known: Iterable[Box], size: tuple[int, int]) -> tuple[Region, ...]:
    """Regions of a frame of this size (height, width) that hold all that moved, none overlapping another.

    An object that is known and moved is in one region as a whole. Where most of the frame would have to be looked at,
    the only region is the whole frame. Boxes may lie outside the frame, or be empty: they come from a file.
    """
    objects = list(known)
    cores = [core for box in moved if (core := clipped(box, size)) is not None]
    regions = merged([_around(core, objects, size) for core in cores])
    if sum(area_px(region.box) for region in regions) > _MOST_OF_FRAME * size[0] * size[1]:
        return (Region(whole(size), min(region.detail_px for region in regions)),)
    return tuple(regions)


def _around(core: BoxPx, objects: Sequence[Box], size: tuple[int, int]) -> Region:
    """The region of one thing that moved, with the known objects that it is a part of."""
    involved = [box for box in objects if overlap_px(box, core) > 0]
    outline = _grown(core, _MARGIN_OF_BOX, _MARGIN_OF_FRAME * max(size))
    for box in involved:
        outline = _hull(outline, _grown(box, _MARGIN_OF_KNOWN, 0))
    return Region(clipped(outline, size) or core, min(_longer_side(box) for box in (core, *involved)))


def whole(size: tuple[int, int]) -> BoxPx:
    """The region of a whole frame of this size (height, width)."""
    return 0, 0, size[1], size[0]


def clipped(box: Box, size: tuple[int, int]) -> BoxPx | None:
    """The whole pixels of the frame that a box touches; None if there are none."""
    height, width = size
    x1, y1 = max(int(box[0] // 1), 0), max(int(box[1] // 1), 0)
    x2, y2 = min(-int(-box[2] // 1), width), min(-int(-box[3] // 1), height)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def merged(regions: Sequence[Region]) -> list[Region]:
    """Regions of which none overlaps another: those that do are joined to their hull."""
    apart: list[Region] = []
    for region in regions:
        joined = region
        while touching := [other for other in apart if overlap_px(joined.box, other.box) > 0]:
            apart = [other for other in apart if other not in touching]
            for other in touching:
                joined = Region(_hull_px(joined.box, other.box), min(joined.detail_px, other.detail_px))
        apart.append(joined)
    return apart


def overlap_px(one: Box, other: Box) -> float:
    """How many pixels two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


def area_px(box: Box) -> float:
    """How many pixels a box has."""
    return overlap_px(box, box)


def _longer_side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _grown(box: Box, share: float, least_px: float) -> Box:
    x1, y1, x2, y2 = box
    along, up = max((x2 - x1) * share, least_px), max((y2 - y1) * share, least_px)
    return x1 - along, y1 - up, x2 + along, y2 + up


def _hull(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _hull_px(one: BoxPx, other: BoxPx) -> BoxPx:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])
