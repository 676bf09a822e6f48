"""What a disk that stays full makes capture say, and how often."""

from capture_service.complaints import REMIND_SECONDS, Complaints
from tests.support.fixed_clock import FixedClock


def test_the_same_complaint_is_told_once_and_again_after_ten_minutes() -> None:
    """Three cameras try a full disk again every few seconds; a log of nothing else hides what else happens."""
    clock = FixedClock()
    complaints = Complaints(clock)

    first = [complaints.is_news("the disk is full") for _ in range(3)]
    clock.advance(REMIND_SECONDS - 1)
    soon = complaints.is_news("the disk is full")
    clock.advance(1)
    later = [complaints.is_news("the disk is full") for _ in range(2)]

    assert first == [True, False, False]
    assert not soon
    assert later == [True, False]


def test_another_complaint_is_told_at_once() -> None:
    """It is another fault, or of another segment."""
    complaints = Complaints(FixedClock())
    complaints.is_news("segment a cannot be salvaged")

    news = complaints.is_news("segment b cannot be salvaged")

    assert news
