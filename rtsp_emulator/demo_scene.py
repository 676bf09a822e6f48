"""The demo scene: people walk through a yard, with pauses in which nobody is there.

The film is made on the machine that shows it, from photographs that an installed wheel carries, and is made again
only when the code, the photographs or what was asked for has changed. It begins and ends with the empty yard, so it
can be played in a loop without a jump.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from rtsp_emulator import demo
from rtsp_emulator.demo.drawing import Stage, draw_people
from rtsp_emulator.demo.geometry import HEIGHT_PX, WIDTH_PX
from rtsp_emulator.demo.people import PEOPLE
from rtsp_emulator.demo.pictures import Picture, picture_path
from rtsp_emulator.demo.walks import LOOP_SECONDS, seen_intervals, walks_within
from rtsp_emulator.demo.yard import empty_yard, sunny
from shared_utils.durable import PART_SUFFIX

KEYFRAME_SECONDS = 2
FPS = 15

_MAX_BITS_PER_PIXEL = 0.13  # of a second of film: 4 Mbit/s at 1080p and 15 frames a second
_NOISE = 1.5  # standard deviation of the sensor's noise, in grey levels
_NOISE_FRAMES = 8

Grain = tuple[Picture, Picture]  # what noise adds to each pixel, and what it takes away


def demo_intervals(seconds: float = LOOP_SECONDS, fps: int = FPS) -> Sequence[tuple[float, float]]:
    """When something moves: from the first to the last sight of a person or a shadow, in seconds from the start."""
    return seen_intervals(walks_within(seconds), fps)


def make_demo_scene(
    path: Path,
    *,
    seconds: float = LOOP_SECONDS,
    width: int = WIDTH_PX,
    height: int = HEIGHT_PX,
    fps: int = FPS,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Write the film as H.264 in MP4, unless the file at `path` is this very film already.

    A shorter film leaves out the visits that would not be over in time; width to height must be 16 to 9.
    `progress` is told the share that is done, 0 to 1. Raises PicturesMissingError without the photographs.
    """
    if width * 9 != height * 16 or width % 2 or height % 2:
        raise ValueError(f"the demo scene is 16:9 with even sides, not {width}x{height}")
    recipe = _recipe(seconds, width, height, fps)
    if _recipe_of(path) == recipe:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}{PART_SUFFIX}")
    try:
        frames = _told(_frames(seconds, width, height, fps), round(seconds * fps), progress)
        _write(part, recipe, frames, fps)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _told(frames: Iterable[Picture], total: int, progress: Callable[[float], None] | None) -> Iterator[Picture]:
    for number, picture in enumerate(frames, 1):
        yield picture
        if progress is not None:
            progress(number / total)


def _recipe(seconds: float, width: int, height: int, fps: int) -> str:
    """What the film depends on, as one short word: the code, the photographs and the wishes."""
    sources = [Path(__file__), *sorted(Path(next(iter(demo.__path__))).glob("*.py"))]
    pictures = [picture_path(name) for name in sorted({person.picture for person in PEOPLE})]
    digest = hashlib.sha256(f"{seconds} {width} {height} {fps} {av.__version__} {cv2.__version__}".encode())
    for file in (*sources, *pictures):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:20]


def _recipe_of(path: Path) -> str | None:
    """The recipe that an existing film was made by; None for anything else."""
    try:
        with av.open(str(path)) as container:
            return container.metadata.get("comment")
    except (OSError, av.FFmpegError):
        return None


def _frames(seconds: float, width: int, height: int, fps: int) -> Iterator[Picture]:
    """The film's frames in I420, with the noise of a camera."""
    stage = _stage(width, height)
    grain = _grain(width, height)
    empty = [_noisy(_i420(stage.empty), layer) for layer in grain]
    walks = walks_within(seconds)
    busy = seen_intervals(walks, fps)
    order = np.random.default_rng(3)
    layer = 0
    for number in range(round(seconds * fps)):
        t_seconds = number / fps
        layer = (layer + int(order.integers(1, _NOISE_FRAMES))) % _NOISE_FRAMES  # never the same twice running
        if any(start <= t_seconds < end for start, end in busy):
            yield _noisy(_i420(draw_people(stage, walks, t_seconds)), grain[layer])
        else:
            yield empty[layer]


def _stage(width: int, height: int) -> Stage:
    size = (width, height)
    empty = cv2.resize(empty_yard(), size, interpolation=cv2.INTER_AREA)
    sun = cv2.resize(sunny(), size, interpolation=cv2.INTER_AREA)
    return Stage(np.asarray(empty, np.uint8), np.asarray(sun, np.float32))


def _grain(width: int, height: int) -> list[Grain]:
    rng = np.random.default_rng(5)
    layers = (rng.standard_normal((height, width), np.float32) * np.float32(_NOISE) for _ in range(_NOISE_FRAMES))
    rounded = [np.rint(layer).astype(np.int8) for layer in layers]
    return [(np.maximum(layer, 0).view(np.uint8), np.maximum(-layer, 0).view(np.uint8)) for layer in rounded]


def _i420(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _noisy(i420: Picture, grain: Grain) -> Picture:
    """Put grain on the brightness, in place."""
    brighter, darker = grain
    brightness = i420[: brighter.shape[0]]
    cv2.add(brightness, brighter, dst=brightness)
    cv2.subtract(brightness, darker, dst=brightness)
    return i420


def _write(path: Path, recipe: str, frames: Iterable[Picture], fps: int) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        container.metadata["comment"] = recipe
        stream: VideoStream | None = None
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            stream = stream or _stream(container, frame.width, frame.height, fps)
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))


def _stream(container: av.container.OutputContainer, width: int, height: int, fps: int) -> VideoStream:
    most = str(round(width * height * fps * _MAX_BITS_PER_PIXEL))
    gop = str(KEYFRAME_SECONDS * fps)
    options = {
        "preset": "ultrafast", "crf": "23", "maxrate": most, "bufsize": most,
        "g": gop, "keyint_min": gop, "sc_threshold": "0", "bf": "0",
    }  # fmt: skip
    stream = container.add_stream("libx264", rate=fps, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    return stream
