"""Times without video: when they begin, when they end, and why. Written to `video/gaps_log.jsonl`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared_utils.clock import Clock, to_iso

LEAST_GAP_SECONDS = 2.0  # a shorter one is a hiccup
MAX_REASONS = 3
NO_REASON = "the camera sent no video"


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without video of one camera."""

    camera: str
    start: datetime
    end: datetime
    reason: str

    def as_line(self) -> dict[str, Any]:
        """One line of the gaps log."""
        return {
            "schema": 1,
            "camera": self.camera,
            "from": to_iso(self.start),
            "to": to_iso(self.end),
            "reason": self.reason,
        }


class GapWatch:
    """Turns the comings and goings of one camera's video into gaps. They are measured by the monotonic clock.

    A gap ends with a keyframe, since nobody can watch what comes before it, and is over when another packet follows: in
    the middle of a stall FFmpeg hands out the one frame that it holds. A lost connection is a gap however short it was.
    """

    def __init__(self, camera: str, clock: Clock) -> None:
        self._camera, self._clock = camera, clock
        self._since: float | None = None  # the last video packet, or the first failure where there was none yet
        self._back: float | None = None  # the first packet after a gap, until a second one confirms it
        self._reasons: list[str] = []

    def failed(self, reason: str) -> None:
        """Why there is no video now. The first reasons are kept: they began the gap."""
        self._back = None
        if self._since is None:
            self._since = self._clock.monotonic()
        if reason not in self._reasons and len(self._reasons) < MAX_REASONS:
            self._reasons.append(reason)

    def video(self, *, is_keyframe: bool) -> Gap | None:
        """A video packet came; the gap that is over now, if there was one."""
        now = self._clock.monotonic()
        if self._since is not None and self._is_gap(self._since, now):
            if self._back is None or now - self._back >= LEAST_GAP_SECONDS:
                self._back = now if is_keyframe else None
                return None
            gap = self._gap_until(self._back, self._since)
        else:
            gap = None
        self._since, self._back, self._reasons = now, None, []
        return gap

    def stop(self) -> Gap | None:
        """Capture ends here; the gap that is still open, if there is one. It is told once, whoever asks first."""
        until = self._clock.monotonic() if self._back is None else self._back
        since, self._since = self._since, None
        if since is None or not self._is_gap(since, until):
            return None
        return self._gap_until(until, since)

    def _is_gap(self, since: float, until: float) -> bool:
        return bool(self._reasons) or until - since >= LEAST_GAP_SECONDS

    def _gap_until(self, until: float, since: float) -> Gap:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        return Gap(
            self._camera,
            start=now - timedelta(seconds=monotonic - since),
            end=now - timedelta(seconds=monotonic - until),
            reason="; then ".join(self._reasons) or NO_REASON,
        )
