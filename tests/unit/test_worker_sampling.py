"""Which moments of a segment are looked at."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_utils.analysis.sampling import Interval, Sampling, moving_intervals, sample_times, spread
from shared_utils.segments import MotionLook

INTERVALS = st.lists(st.tuples(st.floats(0, 10), st.floats(0, 20)), min_size=1, max_size=90)


def looks(*times: float) -> list[MotionLook]:
    return [MotionLook(t=t, area=0.01, boxes=()) for t in times]


def every(seconds: float, begin: float, end: float) -> list[float]:
    return [begin + number * seconds for number in range(int((end - begin) / seconds) + 1)]


def apart(lengths_and_gaps: list[tuple[float, float]]) -> list[Interval]:
    """Intervals that follow each other, from (pause before, length) pairs."""
    intervals, now = [], 0.0
    for pause, length in lengths_and_gaps:
        intervals.append((now + pause, now + pause + length))
        now += pause + length
    return intervals


def test_only_moments_of_motion_are_looked_at_three_times_a_second() -> None:
    """Looking at the still pre-roll costs as much as looking at the visitor."""
    seen = looks(*every(0.2, 5.0, 9.0))

    times = sample_times(seen, 30.0, Sampling())

    assert all(4.7 <= t <= 9.3 for t in times)
    assert len(times) == 14  # 4.6 s


def test_two_moves_with_a_pause_between_are_two_intervals() -> None:
    """Nothing is to be seen in the pause."""
    seen = looks(*every(0.2, 2.0, 4.0), *every(0.2, 20.0, 21.0))

    intervals = moving_intervals(seen, 30.0)

    assert intervals == [pytest.approx((1.7, 4.3)), pytest.approx((19.7, 21.3))]


def test_a_missed_look_does_not_split_a_move() -> None:
    """A walking person stands still for a moment; one interval is sampled more evenly than two."""
    seen = looks(2.0, 2.2, 3.1, 3.3)

    assert moving_intervals(seen, 30.0) == [pytest.approx((1.7, 3.6))]


def test_a_segment_that_moves_all_along_is_looked_at_60_times_and_evenly() -> None:
    """The cost of a segment is bounded, and its end is as well seen as its beginning."""
    seen = looks(*every(0.2, 0.0, 30.0))

    times = sample_times(seen, 30.0, Sampling())
    pauses = {round(later - earlier, 6) for earlier, later in itertools.pairwise(times)}

    assert len(times) == 60
    assert pauses == {0.5}


def test_a_short_move_beside_a_long_one_is_still_looked_at() -> None:
    """The cat that crosses in one second of ten busy minutes must not fall between two looks."""
    seen = looks(*every(0.2, 0.0, 500.0), 590.0)

    times = sample_times(seen, 600.0, Sampling())

    assert len(times) == 60
    assert any(589.7 <= t <= 590.3 for t in times)


def test_a_segment_of_unknown_motion_is_looked_at_once_a_second() -> None:
    """Continuous and salvaged recordings have no looks in their manifest."""
    times = sample_times([], 30.0, Sampling())

    assert times == tuple(number + 0.5 for number in range(30))


def test_a_segment_without_length_is_looked_at_once() -> None:
    """A file cut off after its first frame still shows something."""
    assert sample_times([], 0.0, Sampling()) == (0.0,)


def test_looks_outside_the_segment_do_not_count() -> None:
    """A file may be shorter than its manifest says, after a power cut."""
    assert moving_intervals(looks(12.0), 10.0) == []


@given(parts=INTERVALS, per_second=st.floats(0.1, 30), most=st.integers(1, 100))
def test_moments_are_ordered_bounded_and_inside(parts: list[tuple[float, float]], per_second: float, most: int) -> None:
    """Whatever a manifest says, the work is bounded and the decoder can go forward."""
    intervals = apart(parts)

    times = spread(intervals, per_second, most)

    assert list(times) == sorted(times)
    assert 1 <= len(times) <= most
    assert all(any(begin <= t <= end + 1e-6 for begin, end in intervals) for t in times)


@given(parts=INTERVALS, per_second=st.floats(0.1, 30))
def test_every_move_is_looked_at_while_there_are_looks_enough(
    parts: list[tuple[float, float]], per_second: float
) -> None:
    """A move that nobody looked at is a visitor that nobody can search for."""
    intervals = apart(parts)

    times = spread(intervals, per_second, most=90)

    assert all(any(begin <= t <= end + 1e-6 for t in times) for begin, end in intervals)
