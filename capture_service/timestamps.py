"""Mending the times of packets, so that everything behind can rely on them.

A camera's times may be missing, jump when its clock is set, or leave a hole where the network failed. What comes out
of `Mender` is one line of stream seconds for a connection: DTS grow strictly, PTS >= DTS, and a step that is not smooth
is marked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction

from capture_service.packets import Packet, Received

HOLE_SECONDS = 3.0  # a longer pause between two frames means that frames are missing
MAX_HELD = 16  # packets; a camera that gives no DTS for so long is not waited for
DEFAULT_FRAME_SECONDS = 1 / 15


class Step(Enum):
    """How a packet follows the one before."""

    SMOOTH = auto()
    JUMP = auto()  # the camera's clock was set; nothing is missing, and the line goes on
    HOLE = auto()  # video is missing before this packet


@dataclass(frozen=True, slots=True)
class Mended:
    """A packet with its times put right, and how it follows the one before."""

    packet: Packet
    step: Step = Step.SMOOTH


class Mender:
    """Mends the packets of one connection, in the order of arrival."""

    def __init__(self, fps: float) -> None:
        """`fps` as announced; 0 if unknown."""
        self._video = _VideoLine(1 / fps if fps > 0 else DEFAULT_FRAME_SECONDS)
        self._audio = _AudioLine()

    def mend(self, received: Received) -> list[Mended]:
        """What can be handed on now. The first video packets are held until their times are known."""
        if received.kind == "video":
            return list(self._video.mend(received))
        packet = self._audio.mend(received, self._video.now_seconds, self._video.offset_seconds)
        return [Mended(packet)] if packet else []


class _VideoLine:
    def __init__(self, frame_seconds: float) -> None:
        self._frame_seconds = frame_seconds
        self._held: list[Received] | None = []  # None once the first complete packet has been seen
        self._offset = 0  # ticks added to what the camera says
        self._time_base = Fraction(1, 90000)
        self._last_dts: int | None = None
        self._anchor: float | None = None  # arrival minus stream time, for a packet that was not late

    @property
    def now_seconds(self) -> float | None:
        return None if self._last_dts is None else float(self._last_dts * self._time_base)

    @property
    def offset_seconds(self) -> float:
        return float(self._offset * self._time_base)

    def mend(self, received: Received) -> Iterator[Mended]:
        self._time_base = received.time_base
        if self._held is None:
            yield self._follow(received, *self._stamped(received))
            return
        self._held.append(received)
        if (received.pts is not None and received.dts is not None) or len(self._held) >= MAX_HELD:
            held, self._held = self._held, None
            for packet, (pts, dts) in zip(held, _first_times(held, self._frame_ticks(received)), strict=True):
                yield self._follow(packet, pts, dts)

    def _frame_ticks(self, received: Received) -> int:
        return received.duration or max(1, round(self._frame_seconds / received.time_base))

    def _stamped(self, received: Received) -> tuple[int, int]:
        """PTS and DTS in the camera's ticks; what is missing follows from the packet before."""
        expected = (self._last_dts or 0) - self._offset + self._frame_ticks(received)
        dts = received.dts
        if dts is None:
            dts = expected if received.pts is None else min(expected, received.pts)
        return (dts if received.pts is None else max(received.pts, dts)), dts

    def _follow(self, received: Received, pts: int, dts: int) -> Mended:
        step = self._place(received, dts)
        shifted = dts + self._offset
        self._last_dts = shifted
        self._note_arrival(received.arrived - float(shifted * received.time_base), step)
        return Mended(_packet(received, pts + self._offset, shifted, self._arrived(received, shifted)), step)

    def _place(self, received: Received, dts: int) -> Step:
        """Choose the offset so that this packet follows the one before."""
        if self._last_dts is None or self._anchor is None:
            return Step.SMOOTH
        tick = float(received.time_base)
        limit = max(HOLE_SECONDS, 10 * self._frame_ticks(received) * tick)
        delta = (dts + self._offset - self._last_dts) * tick
        if 0 < delta <= limit:
            return Step.SMOOTH
        # What the wall clock says has passed since the packet before.
        passed = received.arrived - self._anchor - self._last_dts * tick
        if delta <= 0 or abs(delta - passed) > limit / 2:
            pause = max(passed, self._frame_ticks(received) * tick) if passed > limit else 0.0
            self._offset = self._last_dts + (round(pause / tick) or self._frame_ticks(received)) - dts
            if passed > limit:
                return Step.HOLE
            # A small step back (sound and picture being aligned, a clock that stands still) is put right in passing.
            return Step.SMOOTH if -limit < delta <= 0 else Step.JUMP
        return Step.HOLE

    def _arrived(self, received: Received, dts: int) -> float:
        """When the packet really came: what lay waiting in a buffer is handed out later."""
        on_time = (self._anchor or 0.0) + float(dts * received.time_base)
        return min(received.arrived, on_time)

    def _note_arrival(self, lag: float, step: Step) -> None:
        if self._anchor is None or lag < self._anchor or step is not Step.SMOOTH:
            self._anchor = lag
        else:
            self._anchor += (lag - self._anchor) * 0.01  # clocks drift


class _AudioLine:
    """Audio follows the video: it takes over the video's offset, and is tied to it anew when it is far off."""

    def __init__(self) -> None:
        self._offset_seconds = 0.0
        self._last_dts: int | None = None

    def mend(self, received: Received, video_now: float | None, video_offset: float) -> Packet | None:
        """None for a packet that has no place: without time, before any video, or not later than the one before."""
        raw = received.dts if received.dts is not None else received.pts
        if raw is None or video_now is None:
            return None
        seconds = float(raw * received.time_base)
        if abs(seconds + self._offset_seconds - video_now) > HOLE_SECONDS:
            follows_video = abs(seconds + video_offset - video_now) <= HOLE_SECONDS
            self._offset_seconds = video_offset if follows_video else video_now - seconds
        dts = raw + round(self._offset_seconds / received.time_base)
        if self._last_dts is not None and dts <= self._last_dts:
            return None
        self._last_dts = dts
        return _packet(received, dts, dts, received.arrived)


def _first_times(held: list[Received], frame: int) -> list[tuple[int, int]]:
    """PTS and DTS of a connection's first packets, counted back from the last, whose times are complete.

    FFmpeg's RTSP gives the very first packet no times, and with B-frames the next ones no DTS.
    """
    last = held[-1]
    known_pts = [packet.pts for packet in held if packet.pts is not None]
    guessed_dts = known_pts[-1] if known_pts else len(held) * frame
    last_dts = guessed_dts if last.dts is None else last.dts
    times = []
    for number, packet in enumerate(held):
        dts = packet.dts if packet.dts is not None else last_dts - (len(held) - 1 - number) * frame
        pts = packet.pts if packet.pts is not None else (min(known_pts) - frame if known_pts else dts)
        times.append((max(pts, dts), dts))
    return times


def _packet(received: Received, pts: int, dts: int, arrived: float) -> Packet:
    return Packet(
        kind=received.kind,
        data=received.data,
        pts=max(pts, dts),
        dts=dts,
        duration=received.duration,
        time_base=received.time_base,
        is_keyframe=received.is_keyframe,
        arrived=arrived,
    )
