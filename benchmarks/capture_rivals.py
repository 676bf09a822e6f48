"""Other ways to record a camera and see motion, as processes to be measured: `python -m benchmarks.capture_rivals`."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.capture_clips import FPS, HEIGHT, WIDTH
from tests.support.services import REPOSITORY

LOOKS_PER_SECOND, LOOK_WIDTH, LOOK_HEIGHT = 5, 480, 270
STOP_SECONDS = 10.0


class Rival:
    """A rival that runs. It tells how many frames it has dealt with by the size of a file: a byte each."""

    def __init__(self, process: subprocess.Popen[bytes], tally: Path) -> None:
        self.pid, self._tally = process.pid, tally

    @property
    def frames(self) -> int:
        return self._tally.stat().st_size if self._tally.exists() else 0


@contextmanager
def naive(url: str, folder: Path) -> Iterator[Rival]:
    """OpenCV decodes every frame, MOG2 looks at the full picture, XVID writes an .avi."""
    with _running("naive", url, folder) as rival:
        yield rival


@contextmanager
def ffmpeg_child(url: str, folder: Path) -> Iterator[Rival]:
    """An ffmpeg child copies segments and pipes 5 small gray frames a second to its parent."""
    with _running("ffmpeg", url, folder) as rival:
        yield rival


@contextmanager
def decoding(url: str, folder: Path) -> Iterator[Rival]:
    """FFmpeg's decoder in one thread, every frame thrown away: no way that looks at every frame costs less."""
    with _running("decoding", url, folder) as rival:
        yield rival


def ffmpeg_is_installed() -> bool:
    return shutil.which("ffmpeg") is not None


@contextmanager
def _running(way: str, url: str, folder: Path) -> Iterator[Rival]:
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "benchmarks.capture_rivals", way, url, str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True)
        try:
            yield Rival(process, folder / "tally")
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # ours alone, with its ffmpeg
            process.wait(STOP_SECONDS)


def _run_naive(url: str, folder: Path) -> None:
    video, model = cv2.VideoCapture(url), cv2.createBackgroundSubtractorMOG2()
    fourcc = cv2.VideoWriter.fourcc(*"XVID")
    writer = cv2.VideoWriter(str(folder / "all.avi"), fourcc, FPS, (WIDTH, HEIGHT))
    with (folder / "tally").open("ab", buffering=0) as tally:
        while True:
            there, frame = video.read()
            if not there:
                return
            model.apply(frame)
            writer.write(frame)
            tally.write(b".")


def _run_decoding(url: str, folder: Path) -> None:
    with av.open(url, options={"rtsp_transport": "tcp"}) as camera, (folder / "tally").open("ab", buffering=0) as tally:
        video = camera.streams.video[0]
        video.thread_type = "NONE"
        for _ in camera.decode(video):
            tally.write(b".")


def _run_ffmpeg(url: str, folder: Path) -> None:
    """The parent looks for motion in the simplest way: by the difference of two frames."""
    command = [
        *("ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url),
        *("-map", "0:v", "-c", "copy", "-f", "segment", "-segment_time", "30", str(folder / "%03d.mp4")),
        *("-map", "0:v", "-vf", f"fps={LOOKS_PER_SECOND},scale={LOOK_WIDTH}:{LOOK_HEIGHT},format=gray"),
        *("-f", "rawvideo", "-"),
    ]
    before = np.zeros((LOOK_HEIGHT, LOOK_WIDTH), np.uint8)
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as child,
        (folder / "tally").open("ab", buffering=0) as tally,
    ):
        assert child.stdout is not None
        while len(picture := child.stdout.read(before.size)) == before.size:
            now = np.frombuffer(picture, np.uint8).reshape(before.shape)
            cv2.countNonZero(cv2.compare(cv2.absdiff(now, before), np.full_like(now, 18), cv2.CMP_GT))
            before = now
            tally.write(b"." * (FPS // LOOKS_PER_SECOND))


def main(arguments: Sequence[str]) -> int:
    way, url, folder = arguments
    {"naive": _run_naive, "decoding": _run_decoding, "ffmpeg": _run_ffmpeg}[way](url, Path(folder))
    return 1  # the camera has gone


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
