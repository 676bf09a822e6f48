"""Reading segments back: what is in one, and making one whole that was cut off.

Anything may stand in such a file. Only the MP4 reader is let at it: by its contents alone FFmpeg would take a file for
a playlist, and open what that names. And no frame larger than any camera's is decoded.

Where reading stops counts as the end of the file, and what stands behind it is not copied. FFmpeg stops for an error of
the disk, too, and for a time limit: so the whole file is read without it first, and it has no limit; its process has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.container.output import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from capture_service.decoders import DECODER_LIMITS
from shared_utils.errors import SegmentError
from shared_utils.segments import VideoInfo

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Measured:
    """What is really in a file."""

    video: VideoInfo
    audio: str | None
    frames: int
    duration_seconds: float


def measure(path: Path) -> Measured:
    """Read a segment through. Raises SegmentError if there is no video in it, OSError if the disk does not give it."""
    with opened(path) as container:
        stream, sound = video_of(container), _audio(container)
        audio = sound.codec_context.name if sound else None
        codec, width, height = stream.codec_context.name, stream.codec_context.width, stream.codec_context.height
        frames, first, end = 0, None, 0.0
        for packet in _readable(container):
            if packet.stream is stream and packet.dts is not None:
                seconds = float(packet.dts * packet.time_base)
                first = seconds if first is None else first
                end = seconds + float((packet.duration or 0) * packet.time_base)
                frames += 1
    if first is None:
        raise SegmentError(f"{path} holds no video.")
    duration = end - first
    fps = round(frames / duration, 3) if duration > 0 else 0.0
    return Measured(VideoInfo(codec=codec, width=width, height=height, fps=fps), audio, frames, duration)


def make_whole(source: Path, target: Path) -> Measured:
    """`repair`, and what is in the copy. Raises SegmentError as well if what was written cannot be read back."""
    repair(source, target)
    return measure(target)


def repair(source: Path, target: Path) -> int:
    """Copy what can be read of `source` into an ordinary MP4; how many frames that is.

    Raises SegmentError if `source` holds no video, OSError if the disk does not give it or does not take `target`.
    """
    try:
        with opened(source) as container, av.open(str(target), "w", format="mp4") as output:
            frames = _copy(container, output, source.stat().st_size)
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
            raise  # the disk
        raise SegmentError(f"{source} cannot be made whole: {error.strerror}.") from error
    if not frames:
        raise SegmentError(f"{source} holds no video.")
    return frames


def _copy(container: InputContainer, output: OutputContainer, most_bytes: int) -> int:
    """Copy the packets, at most so many bytes of them: an index may name one place again and again."""
    video, audio = video_of(container), _audio(container)
    streams: dict[int, Stream] = {video.index: output.add_stream_from_template(video, opaque=True)}
    if video.codec_context.name == "hevc":
        streams[video.index].codec_context.codec_tag = "hvc1"
    if audio:
        streams[audio.index] = output.add_stream_from_template(audio, opaque=True)
    frames = 0
    for packet in _readable(container):
        most_bytes -= packet.size
        if most_bytes < 0:
            break
        if packet.dts is not None and packet.stream.index in streams:
            is_frame = packet.stream is video
            packet.stream = streams[packet.stream.index]
            if not _taken(packet, output):
                break
            frames += is_frame
    return frames


def _taken(packet: "av.Packet[Any]", output: OutputContainer) -> bool:
    """Whether the packet was written. One that MP4 refuses is damaged; raises only what the disk is to blame for."""
    try:
        output.mux(packet)
    except OSError:
        raise
    except (av.FFmpegError, ValueError):
        return False
    return True


def opened(path: Path) -> InputContainer:
    """An MP4 that has video of a known codec. Raises SegmentError for anything else, OSError of the disk."""
    _require_readable(path)
    try:
        container = av.open(
            str(path),
            format="mp4",
            options=dict(DECODER_LIMITS),
            metadata_errors="replace",  # else a bit that fell over in a title is an exception
        )
    except (av.FFmpegError, OSError) as error:
        raise SegmentError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not any(_is_known(stream) for stream in container.streams.video):
        container.close()
        raise SegmentError(f"{path} holds no video.")
    return container


def _require_readable(path: Path) -> None:
    """Raises OSError. Costs little: FFmpeg finds in memory then what was read here."""
    with path.open("rb", buffering=0) as handle:
        while handle.read(_READ_BYTES):
            continue


def video_of(container: InputContainer) -> VideoStream:
    """The video stream of an opened file."""
    return next(stream for stream in container.streams.video if _is_known(stream))


def _audio(container: InputContainer) -> AudioStream | None:
    return next((stream for stream in container.streams.audio if _is_known(stream)), None)


def _is_known(stream: Stream) -> bool:
    """A damaged file may name a codec that does not exist; PyAV gives it no context then, whatever its types say."""
    return getattr(stream, "codec_context", None) is not None


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
    stream = packet.stream
    if stream.type != "video" or not _is_known(stream) or stream.codec_context.name not in {"h264", "hevc"}:
        return True
    data, at = memoryview(bytes(packet)), 0
    while at + 4 < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 0:
            return False
        at += 4 + length
    return at == len(data)
