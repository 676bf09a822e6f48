"""Packets for capture tests: made up, or read from a clip as a camera would send them."""

from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext
from av.container.input import InputContainer

from capture_service.packets import AudioFormat, Packet, StreamFormat, VideoFormat

VIDEO_CLOCK = Fraction(1, 90000)


def video_packet(t: float, *, key: bool = False, size: int = 100, arrived: float | None = None) -> Packet:
    """A packet that nobody will decode."""
    ticks = round(t * 90000)
    return Packet("video", bytes(size), ticks, ticks, 6000, VIDEO_CLOCK, key, t if arrived is None else arrived)


def stream_of(seconds: float, *, gop: float = 1.0, fps: int = 10, start: float = 0.0) -> list[Packet]:
    """Made-up video with a keyframe every `gop` seconds."""
    frames = round(gop * fps)
    return [video_packet(start + n / fps, key=n % frames == 0) for n in range(round(seconds * fps))]


@dataclass(frozen=True)
class Footage:
    """A clip as packets. The container must stay open as long as its format is used."""

    stream: StreamFormat
    packets: list[Packet]
    container: InputContainer

    def between(self, begin_seconds: float = -inf, end_seconds: float = inf) -> list[Packet]:
        """What arrives from one moment on, and before another."""
        return [packet for packet in self.packets if begin_seconds <= packet.dts_seconds < end_seconds]


def footage(path: Path) -> Footage:
    """Read a clip; its video comes in Annex B, as from RTSP."""
    container = av.open(str(path))
    video = container.streams.video[0]
    audio = container.streams.audio[0] if container.streams.audio else None
    codec = video.codec_context.name
    to_annex_b = BitStreamFilterContext(f"{codec}_mp4toannexb", video)
    packets = []
    for packet in container.demux():
        if packet.dts is None or packet.pts is None:
            continue
        kind = "video" if packet.stream is video else "audio"
        pts, dts, duration, key = packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe
        base = packet.time_base
        data = bytes(to_annex_b.filter(packet)[0]) if packet.stream is video else bytes(packet)
        arrived = float(dts * base)
        packets.append(Packet("video" if kind == "video" else "audio", data, pts, dts, duration, base, key, arrived))
    context = video.codec_context
    stream = StreamFormat(
        video=VideoFormat(codec, context.width, context.height, 15.0, video.time_base or VIDEO_CLOCK, b""),
        audio=None
        if audio is None
        else AudioFormat(
            audio.codec_context.name,
            audio.codec_context.sample_rate,
            1,
            audio.time_base or VIDEO_CLOCK,
            bytes(audio.codec_context.extradata or b""),
            template=audio,
        ),
        template=video,
    )
    return Footage(stream, packets, container)


@dataclass(frozen=True)
class Contents:
    """What a player finds in a segment."""

    video: list[bytes]  # the frames' own NAL units, without parameter sets
    audio: list[bytes]
    decoded: int
    starts_with_keyframe: bool
    duration_seconds: float
    start_seconds: float


def contents_of(path: Path) -> Contents:
    """Read and decode a whole MP4."""
    frames: list[bytes] = []
    sound: list[bytes] = []
    keyframe = False
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        codec = video.codec_context.name
        start = float((video.start_time or 0) * (video.time_base or 0))
        duration = float((video.duration or 0) * (video.time_base or 0))
        for packet in container.demux():
            if packet.size == 0:
                continue
            if packet.stream is video:
                keyframe = keyframe or (not frames and packet.is_keyframe)
                frames.append(slices(codec, bytes(packet)))
            else:
                sound.append(bytes(packet))
    with av.open(str(path)) as container:
        decoded = sum(1 for _ in container.decode(video=0))
    return Contents(frames, sound, decoded, keyframe, duration, start)


def slices(codec: str, length_prefixed: bytes) -> bytes:
    """The picture data of one access unit out of an MP4, whatever parameter sets stand beside it."""
    found, at = b"", 0
    while at + 4 < len(length_prefixed):
        length = int.from_bytes(length_prefixed[at : at + 4], "big")
        nal = length_prefixed[at + 4 : at + 4 + length]
        kind = nal[0] & 0x1F if codec == "h264" else (nal[0] >> 1) & 0x3F
        if kind in (range(1, 6) if codec == "h264" else range(32)):
            found += nal
        at += 4 + length
    return found
