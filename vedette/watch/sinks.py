"""Where the drawn frames go: a file, or a player's window."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import IO, Protocol

import av
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from shared_utils.analysis.detections import Image
from shared_utils.durable import PART_SUFFIX, rename_durably, sync_file
from shared_utils.errors import StorageError, VedetteError, WrongUseError

_MILLISECOND = Fraction(1, 1000)
_PLAYERS = (
    ("ffplay", "-loglevel", "error", "-autoexit", "-window_title", "Vedette", "-i", "-"),
    ("mpv", "--really-quiet", "--title=Vedette", "-"),
    ("vlc", "--quiet", "--play-and-exit", "-"),
)


class Sink(Protocol):
    """Takes drawn frames."""

    def put(self, t: float, image: Image) -> None:
        """The frame of this moment (seconds, ascending). All frames have one size."""


class PlayerClosedError(VedetteError):
    """Whoever was watching closed the window; no failure."""


@contextmanager
def mp4_file(path: Path) -> Iterator[Sink]:
    """An MP4 with H.264. It has its name once it is whole. Raises StorageError."""
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            encoder = _Encoder(container, {"crf": "21", "preset": "veryfast"})
            yield encoder
            encoder.finish()
        sync_file(part)
        rename_durably(part, path)
    except (OSError, av.FFmpegError) as error:
        raise StorageError(f"The video {path} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def player_window() -> Iterator[Sink]:
    """The first player that is installed. Raises WrongUseError if none is, or if it finds no display."""
    command = next((player for player in _PLAYERS if shutil.which(player[0])), None)
    if command is None:
        names = ", ".join(player[0] for player in _PLAYERS)
        raise WrongUseError(
            f"--show needs a player, and none of {names} is installed. Leave --show out: a file is written."
        )
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as player:
        assert player.stdin is not None  # noqa: S101  asked for above
        try:
            with _encoded_to(player.stdin) as encoder:
                yield encoder
                encoder.finish()
        except (BrokenPipeError, av.FFmpegError) as error:
            raise _closed(command[0], player) from error
        finally:
            with suppress(OSError):  # what is left in the buffer has nobody to go to
                player.stdin.close()
        if player.wait() != 0:
            raise _closed(command[0], player)


class _Encoder:
    """Frames into one container, which begins with the first of them."""

    def __init__(self, container: OutputContainer, options: dict[str, str]) -> None:
        self._container, self._options = container, options
        self._stream: VideoStream | None = None
        self._last = -1

    def put(self, t: float, image: Image) -> None:
        if self._stream is None:
            self._stream = self._begun(image)
        frame = VideoFrame.from_ndarray(image, format="bgr24")
        frame = frame.reformat(width=self._stream.width, height=self._stream.height, format="yuv420p")
        self._last = max(round(t * 1000), self._last + 1)
        frame.pts, frame.time_base = self._last, _MILLISECOND
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))

    def _begun(self, image: Image) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=25, options=self._options)
        assert isinstance(stream, VideoStream)  # noqa: S101  by the codec
        height, width = image.shape[:2]
        stream.width, stream.height, stream.pix_fmt = max(width // 2 * 2, 2), max(height // 2 * 2, 2), "yuv420p"
        stream.time_base = stream.codec_context.time_base = _MILLISECOND
        return stream


@contextmanager
def _encoded_to(pipe: IO[bytes]) -> Iterator[_Encoder]:
    with av.open(pipe, "w", format="matroska", options={"flush_packets": "1"}) as container:
        yield _Encoder(container, {"preset": "ultrafast", "tune": "zerolatency", "crf": "20"})


def _closed(name: str, player: "subprocess.Popen[bytes]") -> VedetteError:
    said = (player.stderr.read() if player.stderr else b"").decode(errors="replace").strip().splitlines()
    if player.wait() == 0 and not said:
        return PlayerClosedError("the window was closed")
    what = said[-1] if said else f"it ended with {player.returncode}"
    return WrongUseError(f"--show: {name} cannot show the video here ({what}). Leave --show out: a file is written.")
