"""The time by which footage is too old: the wall clock, without what it has jumped forward within the last day.

A clock that is set to next year by mistake would have the whole archive deleted for its age, before anybody notices.
A step back deletes nothing too early, so it counts at once, and first takes back the jumps before it.
"""

import logging
from datetime import timedelta

from shared_utils.clock import Clock

log = logging.getLogger(__name__)

DOUBTED_SECONDS = 24 * 3600.0
JUMP_SECONDS = 60.0  # smaller steps are those of a clock that is being kept right


class TrustedTime:
    """Not for use by two threads at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_seconds = self._measure()  # the wall clock's lead over the monotonic one
        self._jumps: list[tuple[float, float]] = []  # when, by the monotonic clock, and how far

    def start(self, newest: float | None) -> None:
        """`newest` is when the newest footage was recorded, in Unix time; None if there is none.

        A clock that is more than a day ahead of it may be wrong. It may as well be right, after a long time without
        motion or without power: then age counts a day later.
        """
        self._ahead_seconds = self._measure()
        self._jumps = []
        if newest is not None:
            self._note(
                self._clock.now().timestamp() - newest - DOUBTED_SECONDS, "the newest segment is older than a day"
            )

    def now(self) -> float:
        """Unix time. To be asked now and then: a jump is one when it is noticed."""
        before, self._ahead_seconds = self._ahead_seconds, self._measure()
        step = self._ahead_seconds - before
        if step < -JUMP_SECONDS:
            self._take_back(-step)
        self._note(step, "the clock of this machine has jumped ahead")
        now = self._clock.monotonic()
        self._jumps = [(at, seconds) for at, seconds in self._jumps if now - at < DOUBTED_SECONDS]
        return self._clock.now().timestamp() - sum(seconds for _, seconds in self._jumps)

    def _measure(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _note(self, seconds: float, what: str) -> None:
        if seconds <= JUMP_SECONDS:
            return
        self._jumps.append((self._clock.monotonic(), seconds))
        log.warning(
            "%s, by %s: until tomorrow no segment is deleted for being older by that. If the clock is right, nothing "
            "needs to be done; if it is wrong, set it right",
            what,
            timedelta(seconds=round(seconds)),
        )

    def _take_back(self, seconds: float) -> None:
        while self._jumps and seconds > 0:
            at, jumped = self._jumps.pop()
            if jumped > seconds:
                self._jumps.append((at, jumped - seconds))
            seconds -= jumped
