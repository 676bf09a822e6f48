"""Clips made by our own code: a still, slightly noisy room with a block that moves when it is told to."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def room(width: int, height: int, seed: int = 1) -> Picture:
    """A grey picture with furniture-like blocks, h x w x 3, BGR."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 110, np.uint8)
    for _ in range(12):
        left, top = int(rng.integers(0, width - 20)), int(rng.integers(0, height - 20))
        picture[top : top + height // 6, left : left + width // 8] = rng.integers(60, 180, 3)
    return picture


def with_block(picture: Picture, t_seconds: float) -> Picture:
    """The room with a bright block, a sixth of its height, that crosses it once in 4 s."""
    height, width, _ = picture.shape
    side = height // 6
    left = int((t_seconds % 4.0) / 4.0 * (width - side))
    changed = picture.copy()
    changed[height // 2 : height // 2 + side, left : left + side] = (235, 240, 245)
    return changed


def make_clip(
    path: Path,
    *,
    seconds: float = 4.0,
    fps: int = 15,
    width: int = 640,
    height: int = 360,
    codec: str = "libx264",
    gop_seconds: float = 1.0,
    b_frames: int = 0,
    moving: Sequence[tuple[float, float]] = (),
    audio: bool = False,
    noise: int = 2,
    bit_rate: int | None = None,
) -> Path:
    """Write a clip (container by suffix); the block is seen only within the `moving` intervals, in seconds."""
    rng = np.random.default_rng(7)
    still = room(width, height)
    with av.open(str(path), "w") as container:
        gop = str(round(gop_seconds * fps))
        options = {"g": gop, "keyint_min": gop, "sc_threshold": "0", "preset": "ultrafast", "bf": str(b_frames)}
        if codec == "libx265":
            options = {
                "preset": "ultrafast",
                "x265-params": f"keyint={gop}:min-keyint={gop}:bframes={b_frames}:log-level=none",
            }
        video = container.add_stream(codec, rate=fps, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        if bit_rate:
            video.bit_rate = bit_rate
        sound = container.add_stream("aac", rate=16000, layout="mono") if audio else None
        assert sound is None or isinstance(sound, AudioStream)
        samples_done = 0
        for number in range(round(seconds * fps)):
            t_seconds = number / fps
            picture = with_block(still, t_seconds) if any(a <= t_seconds < b for a, b in moving) else still
            grain = rng.integers(-noise, noise + 1, (height, width, 1)) if noise else 0
            frame = av.VideoFrame.from_ndarray(np.clip(picture + grain, 0, 255).astype(np.uint8), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
            while sound is not None and samples_done < (t_seconds + 1 / fps) * 16000:
                tone = np.sin(2 * np.pi * 440 * (samples_done + np.arange(1024)) / 16000) * 8000
                block = av.AudioFrame.from_ndarray(tone.astype(np.int16)[None, :], format="s16", layout="mono")
                block.sample_rate, block.pts, block.time_base = 16000, samples_done, Fraction(1, 16000)
                container.mux(sound.encode(block))
                samples_done += 1024
        container.mux(video.encode(None))
        if sound is not None:
            container.mux(sound.encode(None))
    return path
