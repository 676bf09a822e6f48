"""Which parts of a frame are looked at: never less than what moved, and nothing that is no part of the frame."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_utils.segments import BoxPx
from video_worker.regions import Box, clipped, overlap_px, regions_to_look_at, whole

HD = (1080, 1920)
any_number = st.integers(-5000, 9000)
any_box = st.tuples(any_number, any_number, any_number, any_number)
any_size = st.sampled_from([(1, 1), (16, 16), (360, 640), HD, (2160, 3840), (640, 360)])


@given(st.lists(any_box, max_size=10), st.lists(any_box, max_size=10), any_size)
def test_regions_lie_in_the_frame_apart_and_hold_all_that_moved(
    moved: list[BoxPx], known: list[Box], size: tuple[int, int]
) -> None:
    """The boxes come from a file that may be damaged: empty, inside out, outside the frame."""
    regions = [region.box for region in regions_to_look_at(moved, known, size)]

    assert all(0 <= x1 < x2 <= size[1] and 0 <= y1 < y2 <= size[0] for x1, y1, x2, y2 in regions)
    assert not any(overlap_px(one, other) for one, other in combinations(regions, 2))
    for core in (core for box in moved if (core := clipped(box, size))):
        assert any(clipped(core, size) == _shared(core, region) for region in regions)


def _shared(one: BoxPx, other: BoxPx) -> BoxPx:
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def test_where_nothing_moved_nothing_is_looked_at() -> None:
    """What is known stays known."""
    assert regions_to_look_at([], [(10, 10, 90, 90)], HD) == ()


def test_what_moved_is_shown_with_its_surroundings() -> None:
    """A detector that sees a leg alone sees nothing."""
    (region,) = regions_to_look_at([(900, 500, 1000, 700)], [], HD)

    assert region.box == (823, 423, 1077, 777)


def test_an_object_that_is_known_is_shown_as_a_whole() -> None:
    """Of somebody who sits only a hand moves."""
    (region,) = regions_to_look_at([(900, 500, 940, 520)], [(800.0, 300.0, 1000.0, 900.0)], HD)

    assert region.box == (780, 240, 1020, 960)


def test_a_known_object_beside_the_motion_makes_no_region_larger() -> None:
    """Otherwise a table would be looked at each time somebody passes it."""
    (alone,) = regions_to_look_at([(900, 500, 1000, 700)], [], HD)

    (beside,) = regions_to_look_at([(900, 500, 1000, 700)], [(1010.0, 400.0, 1400.0, 700.0)], HD)

    assert beside == alone


def test_where_most_of_the_frame_moves_the_whole_frame_is_looked_at() -> None:
    """In a crowd, or with a camera that shakes, tiles save nothing."""
    (region,) = regions_to_look_at([(0, 0, 900, 1000), (1000, 0, 1900, 1000)], [], HD)

    assert region.box == whole(HD)


def test_the_smallest_thing_of_a_region_is_remembered() -> None:
    """It decides how much smaller the region may be shown."""
    (region,) = regions_to_look_at([(900, 500, 1000, 700)], [(950.0, 560.0, 980.0, 600.0)], HD)

    assert region.detail_px == 40


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((-10.5, 5.2, 20.1, 30.9), (0, 5, 21, 31)),
        ((1900, 1000, 4000, 4000), (1900, 1000, 1920, 1080)),
        ((50, 50, 50, 90), None),
        ((90, 50, 40, 90), None),
        ((2000, 10, 2100, 50), None),
    ],
)
def test_a_box_is_cut_at_the_edges_of_the_frame(box: Box, inside: BoxPx | None) -> None:
    """What is left must be there to be shown; what is empty is nothing."""
    assert clipped(box, HD) == inside
