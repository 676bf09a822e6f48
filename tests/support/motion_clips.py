"""Clips and packets for tests of motion detection: grainy still scenes, and files read as a camera would send them."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

from capture_service.motion import MotionSeen
from capture_service.motion_looker import Looker
from capture_service.packets import Packet, VideoFormat
from shared_utils.config.schema import MotionConfig
from tests.support.clips import room


def still_clip(
    path: Path,
    *,
    seconds: float,
    grain: float,
    brightness: float = 1.0,
    bit_rate: int = 400_000,
    fps: int = 15,
    size: tuple[int, int] = (640, 360),
) -> Path:
    """A room in which nothing moves, seen by a sensor with that much grain, keyframes every 2 s.

    A low bit rate lets every keyframe look a little different from the frames before it ("pumping").
    """
    width, height = size
    rng = np.random.default_rng(3)
    still = room(width, height)[:, :, 0].astype(np.float32) * brightness
    grains = [rng.normal(0, grain, (height, width)).astype(np.float32) for _ in range(24)]
    gray = np.full((height // 2, width), 128, np.uint8)
    gop = str(2 * fps)
    with av.open(str(path), "w") as container:
        options = {"g": gop, "keyint_min": gop, "sc_threshold": "0", "preset": "ultrafast"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", bit_rate
        for number in range(round(seconds * fps)):
            shift = (int(rng.integers(height)), int(rng.integers(width)))
            picture = still + np.roll(grains[int(rng.integers(len(grains)))], shift, (0, 1))
            luma = np.clip(picture, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, gray]), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def video_of(path: Path, *, in_band: bool = False) -> tuple[VideoFormat, list[Packet]]:
    """A file as a source hands it out; `in_band`: with parameter sets in the stream only, as Annex B."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert stream.time_base is not None
        extradata = b"" if in_band else bytes(context.extradata or b"")
        codec = context.name.removeprefix("lib")
        video_format = VideoFormat(codec, context.width, context.height, 0.0, stream.time_base, extradata)
        raw = container.demux(stream)
        if in_band:
            annex_b = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
            raw = (out for packet in raw for out in annex_b.filter(packet if packet.size else None))
        return video_format, list(_packets(raw, stream.time_base))


def _packets(raw: "Iterator[av.Packet[VideoStream]]", time_base: Fraction) -> Iterator[Packet]:
    for packet in raw:
        if packet.size and packet.pts is not None:
            dts = packet.pts if packet.dts is None else packet.dts
            yield Packet(
                "video", bytes(packet), packet.pts, dts, packet.duration or 0, time_base, packet.is_keyframe, 0.0
            )


def looks_at(path: Path, settings: MotionConfig | None = None) -> list[MotionSeen]:
    """Every look at a file, as fast as it can be decoded."""
    video_format, packets = video_of(path)
    seen: list[MotionSeen] = []
    looker = Looker("camera", settings or MotionConfig(), video_format, seen.append)
    for packet in packets:
        looker.take(packet)
    return seen


def recorded_intervals(
    seen: list[MotionSeen], pre_roll: float = 5.0, post_roll: float = 5.0
) -> list[tuple[float, float]]:
    """From when to when a recorder with these rolls would record, in stream seconds."""
    intervals: list[tuple[float, float]] = []
    for look in seen:
        if not look.moving:
            continue
        begin, end = max(0.0, look.t - pre_roll), look.t + post_roll
        if intervals and begin <= intervals[-1][1]:
            begin = intervals.pop()[0]
        intervals.append((begin, end))
    return intervals


def covered_seconds(wanted: tuple[float, float], intervals: list[tuple[float, float]]) -> float:
    """How much of `wanted` lies within the intervals, which do not overlap."""
    return sum(max(0.0, min(wanted[1], end) - max(wanted[0], begin)) for begin, end in intervals)
