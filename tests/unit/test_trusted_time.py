"""By which time footage is too old, when the clock of the machine cannot be relied on."""

from datetime import UTC, datetime, timedelta

import pytest

from capture_service.trusted_time import DOUBTED_SECONDS, TrustedTime
from tests.support.fixed_clock import FixedClock

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def time(clock: FixedClock) -> TrustedTime:
    """Started beside footage of a minute ago."""
    time = TrustedTime(clock)
    time.start(NOW.timestamp() - 60)
    return time


def step(clock: FixedClock, seconds: float) -> None:
    clock.set(clock.now() + timedelta(seconds=seconds))


def behind(time: TrustedTime, clock: FixedClock) -> float:
    """How far it is behind the wall clock."""
    return clock.now().timestamp() - time.now()


def test_a_clock_that_simply_goes_is_believed(time: TrustedTime, clock: FixedClock) -> None:
    """However long nobody asks: a camera may see nothing for a week."""
    clock.advance(7 * DAY)

    assert behind(time, clock) == 0


def test_a_clock_that_is_kept_right_is_believed(time: TrustedTime, clock: FixedClock) -> None:
    """The small steps of NTP are no jumps."""
    for seconds in (0.4, -0.2, 30.0, -45.0):
        step(clock, seconds)

        assert behind(time, clock) == 0


def test_a_jump_ahead_counts_after_a_day(time: TrustedTime, clock: FixedClock) -> None:
    """Time enough to notice, and not so long that footage is kept for ever."""
    step(clock, HOUR)
    at_once = behind(time, clock)
    clock.advance(DOUBTED_SECONDS - 1)
    on_that_day = behind(time, clock)
    clock.advance(1)

    assert (at_once, on_that_day) == pytest.approx((HOUR, HOUR))
    assert behind(time, clock) == 0


def test_each_jump_is_doubted_for_a_day_of_its_own(time: TrustedTime, clock: FixedClock) -> None:
    """A machine that sleeps every night jumps every morning: age must not stand still for that."""
    nights = []
    for _ in range(5):
        clock.advance(16 * HOUR)
        step(clock, 8 * HOUR)
        nights.append(behind(time, clock) / HOUR)

    assert nights == pytest.approx([8, 16, 16, 16, 16])


def test_a_jump_that_is_taken_back_leaves_nothing(time: TrustedTime, clock: FixedClock) -> None:
    """Wrong for a minute, then right again."""
    step(clock, 100 * DAY)
    wrong = behind(time, clock)
    step(clock, -100 * DAY)

    assert wrong == pytest.approx(100 * DAY)
    assert behind(time, clock) == pytest.approx(0)


def test_a_step_back_counts_at_once(time: TrustedTime, clock: FixedClock) -> None:
    """It makes all footage younger; the step that puts it right makes it older again, and is doubted."""
    step(clock, -HOUR)
    back = behind(time, clock)
    step(clock, HOUR)

    assert back == 0
    assert behind(time, clock) == pytest.approx(HOUR)


def test_a_start_long_after_the_newest_footage_is_doubted_beyond_a_day(clock: FixedClock) -> None:
    """A clock without a battery may come back in any year, and the whole archive would be too old."""
    time = TrustedTime(clock)

    time.start(NOW.timestamp() - 10 * DAY)

    assert behind(time, clock) == pytest.approx(9 * DAY)


def test_a_start_without_footage_is_believed(clock: FixedClock) -> None:
    """There is nothing that could be lost."""
    time = TrustedTime(clock)

    time.start(None)

    assert behind(time, clock) == 0


def test_the_owner_is_told_what_to_do(time: TrustedTime, clock: FixedClock, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each jump: the wrong clock is theirs to mend."""
    step(clock, 2 * HOUR)

    time.now()
    time.now()

    assert caplog.text.count("has jumped ahead, by 2:00:00") == 1
