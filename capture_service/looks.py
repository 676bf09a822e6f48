"""What the motion detector saw on one connection, kept until the segments it belongs to have their manifests."""

from collections import deque
from threading import Condition

from capture_service.motion import MotionSeen
from shared_utils.segments import MotionLook

MAX_KEPT = 5000  # looks that saw motion: a quarter of an hour at five a second


class LookBook:
    """Looks by stream seconds. Written by the detector's thread, read by the one that commits segments."""

    def __init__(self) -> None:
        self._moving: deque[MotionSeen] = deque(maxlen=MAX_KEPT)
        self._until = float("-inf")
        self._closed = False
        self._changed = Condition()

    def add(self, seen: MotionSeen) -> None:
        with self._changed:
            self._until = max(self._until, seen.t)
            if seen.moving:
                self._moving.append(seen)
            self._changed.notify_all()

    def assume(self, seen: MotionSeen) -> None:
        """Motion that nobody could look for. What was not dropped before it is still being looked at."""
        with self._changed:
            self._moving.append(seen)

    def close(self) -> None:
        """No look will come any more; nobody needs to wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_until(self, t: float, timeout_seconds: float) -> bool:
        """Wait for the looks up to `t`; False if they did not come in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or self._until >= t, timeout=max(0.0, timeout_seconds))

    def between(self, start: float, end: float) -> tuple[MotionLook, ...]:
        """The looks that saw motion in [start, end), with `t` counted from `start`."""
        with self._changed:
            seen = sorted((look for look in self._moving if start <= look.t < end), key=lambda look: look.t)
        return tuple(
            MotionLook(t=round(look.t - start, 3), area=round(look.area, 5), boxes=look.boxes) for look in seen
        )
