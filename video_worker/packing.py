"""Rectangles into few canvases of one size: geometry, no pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

SizePx = tuple[int, int]  # height, width


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rectangle lies: its canvas, from 0, and its top left corner in pixels of it."""

    canvas: int
    top: int
    left: int


def pack(sizes: Sequence[SizePx], canvas: SizePx, most_canvases: int, gutter_px: int) -> list[Place] | None:
    """A place for each rectangle, in the order given, `gutter_px` or more between any two; None if there is no room.

    The highest are placed first, each where its lower edge comes to lie highest.
    """
    skylines: list[_Skyline] = []
    places: dict[int, Place] = {}
    for number in sorted(range(len(sizes)), key=lambda number: (-sizes[number][0], -sizes[number][1])):
        place = _placed(sizes[number], skylines, canvas, most_canvases, gutter_px)
        if place is None:
            return None
        places[number] = place
    return [places[number] for number in range(len(sizes))]


def _placed(
    size: SizePx, skylines: "list[_Skyline]", canvas: SizePx, most_canvases: int, gutter_px: int
) -> Place | None:
    for number, skyline in enumerate(skylines):
        corner = skyline.take(size)
        if corner is not None:
            return Place(number, *corner)
    if len(skylines) == most_canvases:
        return None
    skylines.append(_Skyline(canvas, gutter_px))
    corner = skylines[-1].take(size)
    return None if corner is None else Place(len(skylines) - 1, *corner)


class _Skyline:
    """How far down a canvas is filled, as steps from left to right. Gutters lie right of rectangles and below them."""

    def __init__(self, canvas: SizePx, gutter_px: int) -> None:
        # One gutter is added to the canvas on the right and below, where rectangles at its edge need none.
        self._height, self._width = canvas[0] + gutter_px, canvas[1] + gutter_px
        self._gutter_px = gutter_px
        self._steps: list[tuple[int, int]] = [(0, 0)]  # left edge, filled down to; each step ends where the next begins

    def take(self, size: SizePx) -> tuple[int, int] | None:
        """Top and left of the best place for a rectangle, which is taken with this; None if there is no room."""
        height, width = size[0] + self._gutter_px, size[1] + self._gutter_px
        tops = [(self._top(left, width), left) for left, _ in self._steps if left + width <= self._width]
        if not tops:
            return None
        top, left = min(tops)
        if top + height > self._height:
            return None
        self._fill(left, left + width, top + height)
        return top, left

    def _top(self, left: int, width: int) -> int:
        """How far down the canvas is filled between here and there."""
        ends = [begin for begin, _ in self._steps[1:]] + [self._width]
        return max(
            filled
            for (begin, filled), end in zip(self._steps, ends, strict=True)
            if begin < left + width and end > left
        )

    def _fill(self, left: int, right: int, filled_to: int) -> None:
        after = self._top(right, 1) if right < self._width else None
        kept = [step for step in self._steps if not left <= step[0] <= right]
        here = [(left, filled_to)]
        if after is not None:
            here.append((right, after))
        self._steps = sorted([*kept, *here])
