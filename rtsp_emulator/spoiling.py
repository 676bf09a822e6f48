"""What the faults of a camera do to its packets, between the packetiser and the clients."""

import random
from collections.abc import Sequence

from rtsp_emulator import rtp
from rtsp_emulator.clips import Kind
from rtsp_emulator.faults import Fault, FaultBoard

NOISE_BYTES = 200


class Spoiler:
    """Applies the faults that hold now. A set clock stays set; everything else ends with its fault."""

    def __init__(self, faults: FaultBoard, rng: random.Random) -> None:
        self._faults, self._rng = faults, rng
        self._jumped_seconds = 0.0
        self._frozen_at: dict[Kind, int] = {}

    def jump(self, seconds: float) -> None:
        """Set the camera's clock forwards, or backwards if negative."""
        self._jumped_seconds += seconds

    def spoil(self, kind: Kind, packets: Sequence[bytes], clock_rate: int, now: float) -> list[bytes]:
        """The packets of one access unit as the clients get them."""
        spoiled = rtp.shifted(packets, self._jumped_seconds, clock_rate)
        spoiled = self._frozen(kind, spoiled, now)
        if loss := self._faults.order(Fault.LOSS, now):
            spoiled = rtp.thinned(spoiled, loss.share, self._rng)
        garbage = self._faults.order(Fault.GARBAGE, now)
        if garbage and garbage.where == "payload":
            spoiled = rtp.scrambled(spoiled, garbage.share, self._rng)
        return spoiled

    def noise(self, now: float) -> bytes:
        """Bytes to put between the packets; empty unless the framing is to break."""
        garbage = self._faults.order(Fault.GARBAGE, now)
        if garbage and garbage.where == "framing" and self._rng.random() < garbage.share:
            return self._rng.randbytes(NOISE_BYTES)
        return b""

    def _frozen(self, kind: Kind, packets: list[bytes], now: float) -> list[bytes]:
        if not self._faults.holds(Fault.FROZEN_TIMESTAMPS, now):
            self._frozen_at.pop(kind, None)
            return packets
        if not packets:  # the muxer may keep back a block of sound
            return packets
        frozen_at = self._frozen_at.setdefault(kind, rtp.timestamp_of(packets[-1]))
        return [packet if rtp.is_rtcp(packet) else rtp.with_timestamp(packet, frozen_at) for packet in packets]
