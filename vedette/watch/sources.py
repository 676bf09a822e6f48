"""Frames of a file or of a camera, with their times."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from capture_service.pyav_source import OPEN_SECONDS, rtsp_options
from capture_service.rtsp_failures import explain
from shared_utils.analysis.frames import Frame
from shared_utils.clock import Clock
from shared_utils.config import CameraConfig
from shared_utils.errors import TemporaryError, WrongUseError
from shared_utils.segments import MOST_FRAME_PX

_LIMITS = {"max_pixels": str(MOST_FRAME_PX)}
_READ_SECONDS = 10.0
_AHEAD = 32  # decoded frames of a camera that wait; what comes when it is full is left out


@dataclass(frozen=True, slots=True)
class Source:
    """Something to watch."""

    name: str
    frames: Iterator[Frame]  # in order of time, from 0 on
    seconds: float | None  # how long it will be; None if nobody knows


class CameraAwayError(TemporaryError):
    """A camera cannot be watched now."""


@contextmanager
def opened_file(path: Path) -> Iterator[Source]:
    """A video, whatever its format. Raises WrongUseError for anything else."""
    try:
        container = av.open(str(path), options=_LIMITS, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise WrongUseError(f"{path} cannot be watched: {_words(error)}. Name a camera or a video file.") from error
    with container:
        if not container.streams.video:
            raise WrongUseError(f"{path} has no video in it.")
        seconds = container.duration / av.time_base if container.duration else None
        yield Source(path.name, _frames(container), seconds)


@contextmanager
def opened_camera(name: str, camera: CameraConfig, seconds: float, clock: Clock) -> Iterator[Source]:
    """A camera for some seconds. Frames that come while the one before is still at work are left out.

    Raises CameraAwayError.
    """
    url, began = camera.url.get_secret_value(), clock.monotonic()
    try:
        container = av.open(url, options=rtsp_options(camera), timeout=(OPEN_SECONDS, _READ_SECONDS))
    except (av.FFmpegError, OSError) as error:
        failure = explain(error, name, url, clock.monotonic() - began, OPEN_SECONDS)
        # FFmpeg's own text holds the address, and with it the password
        raise CameraAwayError(f"Camera {name!r} cannot be watched: {failure.reason}. {failure.advice}") from None
    reader = _CameraReader(name, container, seconds)
    reader.start()
    try:
        yield Source(name, reader.frames(), seconds)
    finally:
        reader.stop()


class _CameraReader:
    """Reads one camera in a thread of its own, which alone closes it."""

    def __init__(self, name: str, container: InputContainer, seconds: float) -> None:
        self._name, self._container, self._seconds = name, container, seconds
        self._frames: queue.Queue[Frame | Exception | None] = queue.Queue(_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"watch {name}")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the camera is closed."""
        self._stop.set()
        self._thread.join()

    def frames(self) -> Iterator[Frame]:
        while (found := self._frames.get()) is not None:
            if isinstance(found, Exception):
                raise CameraAwayError(f"Camera {self._name!r} has stopped sending: {_words(found)}.") from None
            yield found

    def _read(self) -> None:
        end: Exception | None = None
        try:
            with self._container:
                if not self._container.streams.video:
                    raise CameraAwayError(f"Camera {self._name!r} sends no video.")
                for frame in _frames(self._container):
                    if self._stop.is_set() or frame.t > self._seconds:
                        break
                    self._offer(frame)
        except (av.FFmpegError, OSError, CameraAwayError) as error:
            end = error
        self._finish(end)

    def _offer(self, frame: Frame) -> None:
        try:
            self._frames.put_nowait(frame)
        except queue.Full:
            return  # drawing is slower than the camera: this frame is not shown

    def _finish(self, end: Exception | None) -> None:
        """Tell the other side, which may have left."""
        messages: list[Exception | None] = [end, None] if end is not None else [None]
        while messages and not self._stop.is_set():
            with suppress(queue.Full):
                self._frames.put(messages[0], timeout=0.1)
                messages.pop(0)


def _frames(container: InputContainer) -> Iterator[Frame]:
    """The frames, their times from 0 on and growing; damaged ones are left out."""
    stream = container.streams.video[0]
    stream.thread_type = "SLICE"  # threads for frames can hang at the end
    stream.codec_context.options = _LIMITS
    start, last = 0.0, -1.0
    for packet in container.demux(stream):
        try:
            decoded = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in decoded:
            t = _time_of(frame, last)
            if last < 0:
                start = t
            if t - start > last:
                last = t - start
                yield Frame(last, _image_of(frame))


def _time_of(frame: VideoFrame, last: float) -> float:
    return float(frame.time) if frame.pts is not None else last + 0.04


def _image_of(frame: VideoFrame) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    return np.ascontiguousarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
