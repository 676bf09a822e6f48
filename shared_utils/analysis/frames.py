"""Frames of a segment at given moments, with no more decoded than they need."""

from __future__ import annotations  # av.Packet is generic for the type checker only

import errno
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from shared_utils.analysis.detections import Image
from shared_utils.errors import SegmentError, StorageError
from shared_utils.segments import MOST_FRAME_PX

log = logging.getLogger(__name__)

# By its contents alone FFmpeg would take a file for a playlist, too, and open what that names.
_FORMATS = {"format_whitelist": "mov,matroska,mpegts,avi,wav"}
_LIMITS = {"max_pixels": str(MOST_FRAME_PX)}  # of the decoders: those that look at the file first, and ours
# The folder behind the path is away, not the file broken: a mount that went stale, a disk that fails.
_STORAGE_ERRORS = {errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM, errno.ENOTCONN, errno.ETIMEDOUT, errno.EMFILE}
# Tasks can be written by hand: a name that no file can have is not to be waited for.
_NAMES_NO_FILE = {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR}


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture of a segment."""

    t: float  # seconds from the start of the segment
    image: Image


@dataclass(frozen=True, slots=True)
class _Gop:
    """A keyframe and the packets that need it, with the moments that are wanted from it."""

    packets: list[av.Packet[VideoStream]]
    times: list[float]


def frames_at(path: Path, times: Sequence[float]) -> Iterator[Frame]:
    """The frame shown at each of the moments (seconds, ascending); fewer where two moments show the same one.

    Of a file that breaks off, what decodes is used; that may be nothing. Raises SegmentError for what is no video,
    StorageError if the file cannot be read now.
    """
    with _opened(path) as container:
        stream = _video_stream(container, path)
        start = stream.start_time or 0
        last_pts: int | None = None
        for gop in _gops(container, stream, path, times):
            for frame in _shown_at_moments(gop, stream, start):
                if frame.pts == last_pts:
                    continue
                last_pts = frame.pts
                yield Frame(_seconds(frame.pts, start, stream), _image_of(frame))


def duration_seconds(path: Path) -> float:
    """How long the video is, from its packets: right even where the header does not know. Raises as `frames_at`."""
    with _opened(path) as container:
        stream = _video_stream(container, path)
        start, end = stream.start_time or 0, 0.0
        for packet in _packets(container, stream, path):
            if packet.pts is not None:
                end = max(end, _seconds(packet.pts + (packet.duration or 0), start, stream))
        return end


def _opened(path: Path) -> InputContainer:
    try:
        if path.stat().st_size == 0:
            raise SegmentError(f"{path.name} is empty: nothing was recorded into it.")
        return av.open(str(path), options=_LIMITS, container_options=_FORMATS, metadata_errors="replace")
    except FileNotFoundError as error:
        raise SegmentError(
            f"{path.name} is gone: it was deleted, by retention or by hand, before it was analysed."
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        raise _reading_error(path, error) from error


def _reading_error(path: Path, error: av.error.FFmpegError | OSError) -> SegmentError | StorageError:
    ours = not isinstance(error, av.error.FFmpegError)
    if error.errno not in _NAMES_NO_FILE if ours else error.errno in _STORAGE_ERRORS and not _can_be_read(path):
        return StorageError(
            f"{path} cannot be read now: {error.strerror}. Check that video/ is mounted and readable by this user; "
            "the task waits."
        )
    return SegmentError(f"{path.name} is not a video that can be read: {error.strerror}. It is damaged or was cut off.")


def _can_be_read(path: Path) -> bool:
    """Whether the disk gives the whole file: FFmpeg has the same errors for damaged ones."""
    try:
        with path.open("rb") as handle:
            while handle.read(1 << 20):
                continue
    except OSError:
        return False
    return True


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    # A damaged file may name a codec that does not exist; its stream has no context then, whatever PyAV's types say.
    known = (stream for stream in container.streams.video if getattr(stream, "codec_context", None) is not None)
    stream = next(known, None)
    if stream is None:
        raise SegmentError(f"{path.name} has no video in it.")
    stream.codec_context.options = _LIMITS
    # One thread: frame threads cost 14 % more and can hang at exit; scaling is by worker processes.
    stream.codec_context.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    return stream


def _packets(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[av.Packet[VideoStream]]:
    """The video packets, as far as the file goes."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except (av.error.FFmpegError, OSError) as error:
        failure = _reading_error(path, error)
        if isinstance(failure, StorageError):
            raise failure from error
        log.warning("%s breaks off (%s); what came before is used", path.name, error.strerror)


def _gops(container: InputContainer, stream: VideoStream, path: Path, times: Sequence[float]) -> Iterator[_Gop]:
    """The GOPs that hold a wanted moment. Stops reading after the last one."""
    start, waiting = stream.start_time or 0, list(times)
    packets: list[av.Packet[VideoStream]] = []
    for packet in _packets(container, stream, path):
        if packet.is_keyframe and packets and packet.pts is not None:
            begins = _seconds(packet.pts, start, stream)
            inside = [t for t in waiting if t < begins]
            if inside:
                yield _Gop(packets, inside)
                waiting = waiting[len(inside) :]
            if not waiting:
                return
            packets = []
        packets.append(packet)
    if packets:
        yield _Gop(packets, waiting)


def _shown_at_moments(gop: _Gop, stream: VideoStream, start: int) -> Iterator[av.VideoFrame]:
    """The last frame at or before each wanted moment; the first one for moments before it.

    In an open GOP the last few frames before a keyframe come after it and need both sides: the frame before them is
    taken instead.
    """
    waiting, before = list(gop.times), None
    for frame in _decoded(gop.packets, stream):
        t = _seconds(frame.pts, start, stream)
        while waiting and waiting[0] < t:
            yield before or frame
            waiting.pop(0)
        if not waiting:
            return
        before = frame
    if before is not None:
        yield before


def _decoded(packets: Sequence[av.Packet[VideoStream]], stream: VideoStream) -> Iterator[av.VideoFrame]:
    """The frames of one GOP in the order of showing; packets that do not decode are left out."""
    codec = stream.codec_context
    codec.flush_buffers()
    broken = 0
    for packet in (*packets, None):
        try:
            for frame in codec.decode(packet):
                if frame.pts is not None:
                    yield frame
        except av.error.FFmpegError:
            broken += 1
    if broken:
        log.warning("%d of %d packets of a GOP do not decode", broken, len(packets))


def _seconds(pts: int | None, start: int, stream: VideoStream) -> float:
    if pts is None or stream.time_base is None:
        return 0.0
    return float((pts - start) * stream.time_base)


def _image_of(frame: av.VideoFrame) -> Image:
    return np.ascontiguousarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
