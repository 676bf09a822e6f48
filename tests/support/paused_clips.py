"""Footage with quiet pauses between, coded like a camera's stream: what two-speed motion detection is tried on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.support.clips import room

Luma = NDArray[np.uint8]
FPS = 15
LONGEST_SIDE = 640


@dataclass(frozen=True, slots=True)
class Coding:
    """How the camera codes. Without a bit rate the quality is held, as cameras do with a variable one."""

    gop_seconds: float
    bit_rate: int | None = None
    codec: str = "libx264"
    options: tuple[tuple[str, str], ...] = ()

    def as_options(self) -> dict[str, str]:
        gop = str(round(self.gop_seconds * FPS))
        if self.codec == "libx265":
            return {"preset": "ultrafast", "x265-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:log-level=none"}
        options = {"g": gop, "keyint_min": gop, "sc_threshold": "0", "preset": "ultrafast", "bf": "0"}
        options["x264-params"] = "deblock=0,0"  # as cameras do; the preset leaves it out
        if self.bit_rate:
            rate = str(self.bit_rate)
            options |= {"b": rate, "minrate": rate, "maxrate": rate, "bufsize": str(self.bit_rate // 2)}
        else:
            options |= {"crf": "26"}
        return options | dict(self.options)


def frames_of(path: Path, *, until: float = float("inf")) -> Iterator[Luma]:
    """The brightness of a file's frames, at `FPS`, sides even, not much larger than what is looked at of a picture."""
    with av.open(str(path)) as container:
        due, first = 0, None
        for frame in container.decode(container.streams.video[0]):
            first = frame.time if first is None else first
            t = frame.time - first
            if t >= until:
                return
            if t * FPS < due - 0.01:
                continue
            scale = min(1.0, LONGEST_SIDE / frame.width)
            width, height = (int(side * scale) // 2 * 2 for side in (frame.width, frame.height))
            luma = frame.reformat(width, height, format="gray").to_ndarray().astype(np.uint8, copy=False)
            while due <= t * FPS + 0.01:  # a slow clip shows a frame several times
                due += 1
                yield luma


def paused(excerpt: Iterable[Luma], pause_seconds: float) -> Iterator[Luma]:
    """The first frame for as long as the pause, then the excerpt."""
    frames = iter(excerpt)
    first = next(frames)
    for _ in range(round(pause_seconds * FPS) + 1):
        yield first
    yield from frames


def flashes(lengths_seconds: Sequence[float], pauses_seconds: Sequence[float]) -> tuple[list[Luma], list[float]]:
    """A dark room in which somebody shows for moments, and when each of them begins."""
    dark = (room(640, 360)[:, :, 0] * 0.3).astype(np.uint8)
    frames: list[Luma] = []
    begins = []
    for length, pause in zip(lengths_seconds, pauses_seconds, strict=True):
        frames += [dark] * round(pause * FPS)
        begins.append(len(frames) / FPS)
        frames += [_with_person(dark, 300 + number * 5) for number in range(round(length * FPS))]
    return frames + [dark] * round(pauses_seconds[0] * FPS), begins


def _with_person(dark: Luma, left: int) -> Luma:
    """Somebody in the infrared: bright face and hands, a coat that shines in stripes."""
    picture = dark.copy()
    body = picture[150:260, left : left + 36]
    body[:] = 62
    body[::12], body[4:22, 10:26], body[90:] = 22, 118, 14
    return cv2.GaussianBlur(picture, (5, 5), 0).astype(np.uint8)


def write_clip(path: Path, frames: Iterable[Luma], coding: Coding, *, grain: float = 2.0) -> Path:
    """Code the frames, with a sensor's grain on them."""
    rng = np.random.default_rng(3)
    grains: list[NDArray[np.int16]] = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream(coding.codec, rate=FPS, options=coding.as_options())
        assert isinstance(stream, VideoStream)
        for number, luma in enumerate(frames):
            height, width = luma.shape
            if not grains:
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                grains = [rng.normal(0, grain, (height, width)).astype(np.int16) for _ in range(12)]
            shift = (int(rng.integers(height)), int(rng.integers(width)))
            noisy = cv2.add(luma, np.roll(grains[number % len(grains)], shift, (0, 1)), dtype=cv2.CV_8U)
            frame = av.VideoFrame.from_ndarray(
                np.vstack([noisy, np.full((height // 2, width), 128, np.uint8)]).astype(np.uint8), format="yuv420p"
            )
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
