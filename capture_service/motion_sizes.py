"""What the sizes of packets tell without decoding them: where something begins to move, they often grow."""

from math import log

from capture_service.packets import Packet

USUAL_AFTER = 6  # GOPs before the usual size of a packet is known
MOST_PLACES = 600  # after a keyframe, ten seconds at 60 frames/s; some cameras send one keyframe and then none for days
LEARN_SIZE, LEARN_SPREAD = 1 / 8, 1 / 128  # per GOP, and per packet
OUTLIER = 3.0  # spreads; what lies further out teaches no more than this
FIRST_SPREAD, LEAST_SPREAD = 0.2, 0.01  # of the logarithm of a size: 0.01 is one per cent
USUAL_EXCESS = 1.5  # spreads above the usual that mean nothing
MOST_EXCESS = 5.0  # of one packet, so that one alone never is a rise: some cameras send a large one now and then
LEAST_LIMIT, MOST_LIMIT = 8.0, 200.0
WRONG, RIGHT = 1.5, 0.8  # what the limit is multiplied with after each alarm
FORGIVE_SECONDS, FORGIVEN = 600.0, 0.8  # so long without an alarm, the limit comes down


class SizeWatch:
    """Notices that the packets between two keyframes are larger than usual at their place after the keyframe.

    A sum (CUSUM) over the packets in a row, in spreads. Under a constant bitrate sizes wander by themselves: their
    spread is wide, and alarms that turned out wrong raise the limit, so they become rare.
    """

    def __init__(self) -> None:
        self._usual: list[float] = []  # logarithm of the size, by place after the keyframe
        self._times: list[int] = []  # that each was seen
        self._spread, self._judged = FIRST_SPREAD, 0
        self._place = -1  # of the packet before; -1: it was no part of a GOP seen from its beginning
        self._sum = 0.0
        self._limit = LEAST_LIMIT
        self._limit_since = 0.0

    @property
    def rose(self) -> bool:
        """Whether the packets up to the last one are larger than usual."""
        return self._sum > self._limit

    @property
    def limit(self) -> float:
        """What the sum must exceed, in spreads."""
        return self._limit

    def note(self, packet: Packet, *, learn: bool) -> None:
        """Every packet in order; `learn` from it unless something is known to move."""
        if packet.is_keyframe:
            self._place = 0
            self._forgive(packet.dts_seconds)
        elif 0 <= self._place < MOST_PLACES:
            self._place += 1
            self._judge(log(max(1, len(packet.data))), learn=learn)

    def skip_to_keyframe(self) -> None:
        """Packets are missing: the places of those that follow are not known."""
        self._place, self._sum = -1, 0.0

    def alarm_was(self, *, right: bool, t: float) -> None:
        """Whether something had moved when they rose last."""
        self._limit = min(MOST_LIMIT, max(LEAST_LIMIT, self._limit * (RIGHT if right else WRONG)))
        self._limit_since = t

    def forget_rise(self) -> None:
        """What rose has been dealt with."""
        self._sum = 0.0

    def _judge(self, size: float, *, learn: bool) -> None:
        place = self._place - 1
        if place == len(self._usual):
            self._usual.append(size)
            self._times.append(0)
        excess = size - self._usual[place]
        known = self._times[place] >= USUAL_AFTER
        if known:
            spreads = min(excess / self._spread, MOST_EXCESS)
            self._sum = max(0.0, self._sum + spreads - USUAL_EXCESS)
        if not learn:
            return
        self._times[place] += 1
        bound = OUTLIER * self._spread if known else abs(excess)
        self._usual[place] += LEARN_SIZE * max(-bound, min(bound, excess))
        if known:
            self._judged += 1
            rate = max(LEARN_SPREAD, 1 / self._judged)
            self._spread = max(LEAST_SPREAD, self._spread + rate * (min(abs(excess), bound) - self._spread))

    def _forgive(self, t: float) -> None:
        if t - self._limit_since > FORGIVE_SECONDS:
            self._limit = max(LEAST_LIMIT, self._limit * FORGIVEN)
            self._limit_since = t
