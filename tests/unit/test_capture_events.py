"""When an event begins and ends."""

import pytest

from capture_service.events import LEARN_SECONDS, MAX_LOOK_DELAY_SECONDS, EventRule, EventState, Mode


@pytest.fixture
def state() -> EventState:
    return EventState(EventRule("motion", pre_roll_seconds=5, post_roll_seconds=3))


def test_an_event_begins_the_pre_roll_before_the_look_that_saw_motion(state: EventState) -> None:
    """The look may come late; what counts is the frame it was taken of."""
    state.saw(11.5, moving=True)

    assert state.wanted_from == 6.5


def test_looks_that_see_nothing_begin_no_event(state: EventState) -> None:
    """A quiet camera records nothing."""
    state.saw(11.5, moving=False)

    assert state.wanted_from is None


def test_an_event_ends_at_a_keyframe_after_the_post_roll_when_the_looks_have_come_so_far(state: EventState) -> None:
    """Recordings end between GOPs, so that the next one can begin there."""
    state.saw(10.0, moving=True)
    state.saw(13.2, moving=False)

    over = [t for t in (12.0, 13.0, 14.0) if state.is_over(t)]

    assert over == [13.0, 14.0]


def test_motion_prolongs_the_event_without_moving_its_start(state: EventState) -> None:
    """One event, however long it lasts."""
    state.saw(10.0, moving=True)
    state.saw(12.0, moving=True)
    state.saw(14.9, moving=False)

    assert not state.is_over(14.0)
    assert state.wanted_from == 5.0


def test_an_event_waits_for_looks_that_are_late(state: EventState) -> None:
    """Motion that was not told yet would be cut in two."""
    state.saw(10.0, moving=True)

    assert not state.is_over(14.0)


def test_an_event_does_not_wait_for_a_detector_that_is_stuck(state: EventState) -> None:
    """A dead detector must not make a camera record for ever."""
    state.saw(10.0, moving=True)

    assert state.is_over(13.0 + MAX_LOOK_DELAY_SECONDS)


def test_after_its_end_the_next_motion_begins_another_event(state: EventState) -> None:
    """Each motion is an event of its own."""
    state.saw(10.0, moving=True)
    state.end()
    state.saw(30.0, moving=False)
    nothing = state.wanted_from

    state.saw(31.0, moving=True)

    assert nothing is None
    assert state.wanted_from == 26.0


def test_an_event_that_the_camera_interrupted_is_resumed_at_once(state: EventState) -> None:
    """Whoever is in the picture then would be part of the scene that the detector learns first."""
    state.resume()
    resumed_from = state.wanted_from
    state.began(20.0)
    state.saw(28.0, moving=False)

    over = [t for t in range(20, 30) if state.is_over(t)]

    assert resumed_from == float("-inf")
    assert over == list(range(20 + round(LEARN_SECONDS) + 3, 30))


def test_motion_prolongs_an_event_that_was_resumed(state: EventState) -> None:
    """It is an event like any other."""
    state.resume()
    state.began(20.0)
    state.saw(25.0, moving=True)
    state.saw(28.2, moving=False)

    assert [t for t in (26.0, 27.0, 28.0) if state.is_over(t)] == [28.0]
    state.end()
    assert not state.goes_on


def test_only_events_go_on_after_an_interruption() -> None:
    """Continuous recording begins at once anyhow, and what is off stays off."""
    modes: tuple[Mode, ...] = ("continuous", "off")
    for mode in modes:
        state = EventState(EventRule(mode, 5, 3))
        before = state.wanted_from
        state.resume()

        assert not state.goes_on
        assert state.wanted_from == before


def test_continuous_recording_begins_at_once_and_is_never_over() -> None:
    """`record: continuous` does not depend on looks."""
    state = EventState(EventRule("continuous", 5, 3))

    state.saw(1.0, moving=True)

    assert state.wanted_from is not None
    assert not state.is_over(1000.0)


def test_a_camera_that_is_off_records_nothing_whatever_moves() -> None:
    """`record: off` is a promise."""
    state = EventState(EventRule("off", 5, 3))

    state.saw(1.0, moving=True)

    assert state.wanted_from is None
