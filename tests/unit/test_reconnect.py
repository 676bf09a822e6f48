"""How soon a camera is tried again."""

import pytest

from capture_service.errors import CameraLostError, CameraUnreachableError, LoginRefusedError
from capture_service.reconnect import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    LONGEST_REFUSED_PAUSE_SECONDS,
    LONGEST_RESUMED_SECONDS,
    STEADY_SECONDS,
    InterruptedEvent,
    Reconnect,
)
from tests.support.fixed_clock import FixedClock

URL = "rtsp://127.0.0.1/cam"
REFUSED = CameraUnreachableError("cam", URL, "connection refused", "Check it.")
NO_ANSWER = CameraUnreachableError("cam", URL, "no answer within 5 s", "Check it.")
WRONG_LOGIN = LoginRefusedError("cam", URL, "wrong user name or password", "Check it.")


def test_a_camera_that_is_away_for_long_is_back_within_the_longest_pause() -> None:
    """Every second that we wait after its return is lost footage; an attempt costs next to nothing."""
    reconnect = Reconnect()

    pauses = [reconnect.pause_after(REFUSED, 0.0) for _ in range(20)]

    assert pauses[0] == FIRST_PAUSE_SECONDS
    assert pauses == sorted(pauses)
    assert max(pauses) == LONGEST_PAUSE_SECONDS <= 5


def test_an_attempt_that_took_long_itself_is_followed_by_the_next_at_once() -> None:
    """A camera without power lets every attempt run into its time limit; waiting again would double the loss."""
    reconnect = Reconnect()

    pauses = [reconnect.pause_after(NO_ANSWER, LONGEST_PAUSE_SECONDS) for _ in range(20)]

    assert set(pauses) == {FIRST_PAUSE_SECONDS}


def test_a_camera_that_was_steady_is_tried_again_at_once() -> None:
    """Whatever came before."""
    reconnect = Reconnect()
    for _ in range(20):
        reconnect.pause_after(REFUSED, 0.0)

    assert reconnect.pause_after(CameraLostError("cam", "it ended the stream"), STEADY_SECONDS) == FIRST_PAUSE_SECONDS


@pytest.mark.parametrize("lasted_seconds", [0.0, 2.0])
def test_a_wrong_password_is_not_repeated_often(lasted_seconds: float) -> None:
    """Cameras lock the account, and then the right password does not help either."""
    reconnect = Reconnect()

    pauses = [reconnect.pause_after(WRONG_LOGIN, lasted_seconds) for _ in range(20)]

    assert pauses[-1] == LONGEST_REFUSED_PAUSE_SECONDS
    assert sum(pauses[:7]) > 60


def test_an_interrupted_event_is_resumed() -> None:
    """The detector learns the scene anew, and who was there before the interruption may be there still."""
    event = InterruptedEvent(FixedClock())
    at_first = event.is_resumed

    event.connection_ended(event_goes_on=True, motion_was_seen=True)

    assert (at_first, event.is_resumed) == (False, True)


def test_an_event_is_not_resumed_for_ever_by_a_camera_that_is_lost_every_few_seconds() -> None:
    """Each connection is too short for its event to end, so nothing but time tells that nobody is there any more."""
    clock = FixedClock()
    event = InterruptedEvent(clock)
    event.connection_ended(event_goes_on=True, motion_was_seen=True)

    connections = 0
    while event.is_resumed and connections < 1000:
        clock.advance(6.0)
        event.connection_ended(event_goes_on=True, motion_was_seen=False)
        connections += 1
    event.connection_ended(event_goes_on=False, motion_was_seen=False)
    event.connection_ended(event_goes_on=True, motion_was_seen=True)

    assert connections == LONGEST_RESUMED_SECONDS / 6
    assert event.is_resumed


def test_an_event_goes_on_for_as_long_as_motion_is_seen() -> None:
    """A camera on a bad radio link, and somebody who stays."""
    clock = FixedClock()
    event = InterruptedEvent(clock)

    for _ in range(10):
        event.connection_ended(event_goes_on=True, motion_was_seen=True)
        clock.advance(LONGEST_RESUMED_SECONDS - 1)

        assert event.is_resumed
