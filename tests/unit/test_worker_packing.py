"""Rectangles in canvases: what the detector is shown must not lie one upon the other."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from video_worker.packing import Place, SizePx, pack

CANVAS = (640, 640)
GUTTER = 12
sizes = st.lists(st.tuples(st.integers(1, 640), st.integers(1, 640)), max_size=12)


def apart(one: tuple[Place, SizePx], other: tuple[Place, SizePx], px: int) -> bool:
    (here, size), (there, its_size) = one, other
    return (
        here.canvas != there.canvas
        or here.left + size[1] + px <= there.left
        or there.left + its_size[1] + px <= here.left
        or here.top + size[0] + px <= there.top
        or there.top + its_size[0] + px <= here.top
    )


@given(sizes)
def test_each_lies_inside_its_canvas_and_apart_from_every_other(sizes: list[SizePx]) -> None:
    """Two that overlap hide each other; one over the edge is cut."""
    places = pack(sizes, CANVAS, most_canvases=12, gutter_px=GUTTER)

    assert places is not None
    placed = list(zip(places, sizes, strict=True))
    assert all(place.top >= 0 and place.top + size[0] <= CANVAS[0] for place, size in placed)
    assert all(place.left >= 0 and place.left + size[1] <= CANVAS[1] for place, size in placed)
    assert all(apart(one, other, GUTTER) for one, other in combinations(placed, 2))


@given(sizes, st.integers(1, 3))
def test_no_more_canvases_are_used_than_allowed(sizes: list[SizePx], most: int) -> None:
    """Every one of them is paid for."""
    places = pack(sizes, CANVAS, most, GUTTER)

    assert places is None or all(0 <= place.canvas < most for place in places)


def test_what_fills_a_canvas_needs_no_gutter_at_its_edges() -> None:
    """A whole frame is as large as the canvas."""
    assert pack([CANVAS], CANVAS, 1, GUTTER) == [Place(0, 0, 0)]


def test_what_is_larger_than_a_canvas_has_no_place() -> None:
    """It would be cut; the caller has to make it smaller."""
    assert pack([(10, 641)], CANVAS, 5, GUTTER) is None


def test_a_canvas_is_filled_beside_and_below() -> None:
    """Four of nearly a quarter fit: this is what packing is for."""
    places = pack([(310, 310)] * 4, CANVAS, 1, GUTTER)

    assert places is not None
    assert {(place.top, place.left) for place in places} == {(0, 0), (0, 322), (322, 0), (322, 322)}
