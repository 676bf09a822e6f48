"""The pause between attempts."""

from shared_utils.backoff import Backoff


def test_the_pause_grows_to_its_longest_and_starts_anew_after_a_success() -> None:
    """What is away for days is not asked all the time; what blinked is back at once."""
    backoff = Backoff(first_seconds=1.0, longest_seconds=5.0)

    growing = [backoff.next_pause() for _ in range(5)]
    backoff.reset()

    assert growing == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.next_pause() == 1.0


def test_no_pause_is_longer_than_the_longest() -> None:
    """Even the first one."""
    assert Backoff(first_seconds=10.0, longest_seconds=0.5).next_pause() == 0.5
