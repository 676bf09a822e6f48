"""The packets of the last seconds, kept so that a recording can begin before the motion was seen."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from capture_service.packets import Packet


@dataclass(slots=True)
class Gop:
    """A keyframe and the packets that came after it, audio included."""

    start: float  # stream seconds of the keyframe
    packets: list[Packet] = field(default_factory=list)
    size_bytes: int = 0


class PacketRing:
    """Whole GOPs of at least the last `seconds`, or less where that would be more than `max_bytes`."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds, self._max_bytes = seconds, max_bytes
        self._gops: deque[Gop] = deque()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def add(self, packet: Packet) -> None:
        """Keep a packet. What comes before the first keyframe is of no use and is left out."""
        if packet.kind == "video" and packet.is_keyframe:
            self._gops.append(Gop(packet.dts_seconds))
        if not self._gops:
            return
        self._gops[-1].packets.append(packet)
        self._gops[-1].size_bytes += len(packet.data)
        self._size_bytes += len(packet.data)
        self._shorten(packet.dts_seconds)

    def take_from(self, start: float) -> list[Packet]:
        """Empty the ring and return its packets from the keyframe at or before `start`, or from the oldest one kept."""
        while len(self._gops) > 1 and self._gops[1].start <= start:
            self._drop_oldest()
        packets = list(self._packets())
        self.clear()
        return packets

    def clear(self) -> None:
        """Forget everything; the next packet kept is a keyframe."""
        self._gops.clear()
        self._size_bytes = 0

    def _packets(self) -> Iterator[Packet]:
        for gop in self._gops:
            yield from gop.packets

    def _shorten(self, now: float) -> None:
        # The oldest GOP may go once the one after it reaches back far enough.
        while len(self._gops) > 1 and self._gops[1].start <= now - self._seconds:
            self._drop_oldest()
        while self._gops and self._size_bytes > self._max_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._size_bytes -= self._gops.popleft().size_bytes
