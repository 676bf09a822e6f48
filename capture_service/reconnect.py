"""How long to wait before a camera is tried again."""

from capture_service.errors import LoginRefusedError
from shared_utils.backoff import Backoff
from shared_utils.clock import Clock

STEADY_SECONDS = 10.0  # a connection that lasted so long was a success
FIRST_PAUSE_SECONDS = 0.25
# A longer pause saves nothing, for an attempt is one TCP connection, and costs footage when the camera is back.
LONGEST_PAUSE_SECONDS = 5.0
# Cameras lock an account after some wrong passwords in a row.
REFUSED_PAUSE_SECONDS, LONGEST_REFUSED_PAUSE_SECONDS = 1.0, 30.0
# A camera that is lost every few seconds would have its last event resumed each time, and fill the disk with nothing.
LONGEST_RESUMED_SECONDS = 600.0


class InterruptedEvent:
    """Whether the event that was going on when a connection ended is resumed by the next one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: float | None = None  # None: nothing was going on

    @property
    def is_resumed(self) -> bool:
        return self._until is not None and self._clock.monotonic() < self._until

    def connection_ended(self, *, event_goes_on: bool, motion_was_seen: bool) -> None:
        """Motion counts only if this connection saw it: an event that was resumed goes on without any."""
        if not event_goes_on:
            self._until = None
        elif motion_was_seen or self._until is None:
            self._until = self._clock.monotonic() + LONGEST_RESUMED_SECONDS


class Reconnect:
    """Attempts at one camera: the next begins 0.25, 0.5, 1 … 5 s after the last one did, or soon after a longer one."""

    def __init__(self) -> None:
        self._away = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._refused = Backoff(REFUSED_PAUSE_SECONDS, LONGEST_REFUSED_PAUSE_SECONDS)

    def pause_after(self, error: Exception | None, lasted_seconds: float) -> float:
        """Seconds to wait after an attempt, or a connection, that lasted so long and ended like this."""
        if lasted_seconds >= STEADY_SECONDS:
            self._away.reset()
            self._refused.reset()
        if isinstance(error, LoginRefusedError):
            return self._refused.next_pause()
        self._refused.reset()
        return max(self._away.next_pause() - lasted_seconds, FIRST_PAUSE_SECONDS)
