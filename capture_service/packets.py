"""Packets and stream formats as values: what the source hands out and everything else works on."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from av.audio.stream import AudioStream
from av.video.stream import VideoStream

Kind = Literal["video", "audio"]


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What the camera says of its video stream. A different value means that a new segment must begin."""

    codec: str  # FFmpeg's name: h264, hevc
    width: int
    height: int
    fps: float  # as announced; 0 if the camera does not say
    time_base: Fraction
    extradata: bytes  # parameter sets; empty if they come in the stream only


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What the camera says of its audio stream."""

    codec: str
    sample_rate: int
    channels: int
    time_base: Fraction
    extradata: bytes
    template: AudioStream = field(repr=False, compare=False)  # see StreamFormat


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """Everything one connection delivers."""

    video: VideoFormat
    audio: AudioFormat | None
    # PyAV gives an output stream its parameters only by copying them from an opened one.
    template: VideoStream = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Received:
    """One compressed access unit as the source got it. Its times are the camera's and may be missing or wrong."""

    kind: Kind
    data: bytes
    pts: int | None
    dts: int | None
    duration: int  # ticks; 0 if unknown
    time_base: Fraction
    is_keyframe: bool
    arrived: float  # monotonic seconds


@dataclass(frozen=True, slots=True)
class Packet:
    """One compressed access unit with mended times: ticks of `time_base`, never None; DTS always grow."""

    kind: Kind
    data: bytes
    pts: int
    dts: int
    duration: int  # ticks; 0 if unknown
    time_base: Fraction
    is_keyframe: bool
    arrived: float  # monotonic seconds; what lay in a buffer for a while has the time when it came

    @property
    def dts_seconds(self) -> float:
        return _seconds(self.dts, self.time_base)

    @property
    def pts_seconds(self) -> float:
        return _seconds(self.pts, self.time_base)


def _seconds(ticks: int, time_base: Fraction) -> float:
    # The same number as float(ticks * time_base), without a greatest common divisor: several times a packet.
    return ticks * time_base.numerator / time_base.denominator
