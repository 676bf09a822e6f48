"""Noticing that video comes and nobody can look for motion in it, for whatever reason: then nothing tells who is there.

A decoder that understands nothing of a stream says so with every packet, or says nothing at all.
"""

from shared_utils.clock import Clock

BLIND_SECONDS = 10.0  # an idle detector looks every three seconds; after damage it waits for a keyframe


class Blindness:
    """Packets are noted by the thread that has the connection, looks by the detector's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None  # the first packet after the last look

    def looked(self) -> None:
        self._since = None

    def offered(self) -> bool:
        """A frame was handed to the detector; whether it has not looked at any for long."""
        now, since = self._clock.monotonic(), self._since
        if since is None:
            self._since = now
            return False
        return now - since > BLIND_SECONDS
