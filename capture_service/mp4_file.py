"""Reading segments back: what is in one, and making one whole that was cut off."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.container.input import InputContainer
from av.container.output import OutputContainer
from av.stream import Stream

from shared_utils.errors import SegmentError
from shared_utils.segments import VideoInfo

_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What is really in a file."""

    video: VideoInfo
    audio: str | None
    frames: int
    duration_seconds: float


def measure(path: Path) -> Measured:
    """Read a segment through. Raises SegmentError if there is no video in it."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        audio = container.streams.audio[0].codec_context.name if container.streams.audio else None
        codec, width, height = stream.codec_context.name, stream.codec_context.width, stream.codec_context.height
        frames, first, end = 0, None, 0.0
        for packet in _readable(container):
            if packet.stream.type == "video" and packet.dts is not None:
                seconds = float(packet.dts * packet.time_base)
                first = seconds if first is None else first
                end = seconds + float((packet.duration or 0) * packet.time_base)
                frames += 1
    if first is None:
        raise SegmentError(f"{path} holds no video.")
    duration = end - first
    fps = round(frames / duration, 3) if duration > 0 else 0.0
    return Measured(VideoInfo(codec=codec, width=width, height=height, fps=fps), audio, frames, duration)


def repair(source: Path, target: Path) -> int:
    """Copy what can be read of `source` into an ordinary MP4; how many frames that is.

    Raises SegmentError if `source` holds no video, OSError if `target` cannot be written.
    """
    try:
        with _opened(source) as container, av.open(str(target), "w", format="mp4") as output:
            frames = _copy(container, output)
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
            raise  # the disk
        raise SegmentError(f"{source} cannot be made whole: {error.strerror}.") from error
    if not frames:
        raise SegmentError(f"{source} holds no video.")
    return frames


def _copy(container: InputContainer, output: OutputContainer) -> int:
    video = container.streams.video[0]
    streams: dict[int, Stream] = {video.index: output.add_stream_from_template(video, opaque=True)}
    if video.codec_context.name == "hevc":
        streams[video.index].codec_context.codec_tag = "hvc1"
    for audio in container.streams.audio[:1]:
        streams[audio.index] = output.add_stream_from_template(audio, opaque=True)
    frames = 0
    for packet in _readable(container):
        if packet.dts is not None and packet.stream.index in streams:
            frames += packet.stream.type == "video"
            packet.stream = streams[packet.stream.index]
            output.mux(packet)
    return frames


def _opened(path: Path) -> InputContainer:
    try:
        container = av.open(str(path), timeout=_TIMEOUT_SECONDS)
    except (av.FFmpegError, OSError) as error:
        raise SegmentError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not container.streams.video:
        container.close()
        raise SegmentError(f"{path} holds no video.")
    return container


def _readable(container: InputContainer) -> Iterator["av.Packet[Any]"]:
    """The packets up to the first damaged one: behind it a file that was cut off has nothing to trust."""
    packets = container.demux()
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return
        if packet.size == 0:  # the flush packet at the end
            continue
        if packet.is_corrupt or not _is_whole(packet):
            return
        yield packet


def _is_whole(packet: "av.Packet[Any]") -> bool:
    """Whether the lengths in an H.264 or H.265 packet add up: after a power cut a file may end in zeros."""
    if packet.stream.type != "video" or packet.stream.codec_context.name not in {"h264", "hevc"}:
        return True
    data, at = memoryview(bytes(packet)), 0
    while at + 4 < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 0:
            return False
        at += 4 + length
    return at == len(data)
