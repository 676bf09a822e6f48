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
    """Turns the comings and goings of one camera's video into gaps. They are measured by the monotonic clock."""

    def __init__(self, camera: str, clock: Clock) -> None:
        self._camera, self._clock = camera, clock
        self._since: float | None = None  # the last video packet, or the first failure where there was none yet
        self._reasons: list[str] = []

    def failed(self, reason: str) -> None:
        """Why there is no video now. The first reasons are kept: they began the gap."""
        if self._since is None:
            self._since = self._clock.monotonic()
        if reason not in self._reasons and len(self._reasons) < MAX_REASONS:
            self._reasons.append(reason)

    def video(self) -> Gap | None:
        """A video packet came; the gap that it ends, if there was one."""
        gap = self.stop()
        self._since, self._reasons = self._clock.monotonic(), []
        return gap

    def stop(self) -> Gap | None:
        """Capture ends here; the gap that is still open, if there is one."""
        if self._since is None:
            return None
        lasted = self._clock.monotonic() - self._since
        if lasted < LEAST_GAP_SECONDS:
            return None
        now = self._clock.now()
        reason = "; then ".join(self._reasons) or NO_REASON
        return Gap(self._camera, now - timedelta(seconds=lasted), now, reason)
