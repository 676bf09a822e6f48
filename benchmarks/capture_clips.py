"""1080p15 clips for the emulator, as cameras compress them: High profile, CABAC, deblocking, a keyframe every 2 s."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.support.clips import room, with_block

WIDTH, HEIGHT, FPS, GOP_SECONDS = 1920, 1080, 15, 2
CLIP_SECONDS = 20
PAN_PX = 6  # how far everything moves from frame to frame in the busy clip
# veryfast switches CABAC and deblocking on, as a camera's encoder does; ultrafast has neither, and decodes in a third
# of the time. The difference decides what watching costs, so both are measured.
USUAL, SIMPLE = "veryfast", "ultrafast"
_ROLL = 997  # grain repeats itself only after so many columns

Luma = NDArray[np.uint8]
Scene = Callable[[int], Luma]


def busy_clip(path: Path, preset: str = USUAL) -> Path:
    """Everything moves: a textured place that the camera pans over, at 4 Mbit/s."""
    rng = np.random.default_rng(1)
    texture = rng.integers(-20, 21, (HEIGHT // 4, WIDTH // 2)).repeat(4, 0).repeat(4, 1)
    place = np.clip(room(2 * WIDTH, HEIGHT)[:, :, 0] + texture, 0, 255).astype(np.uint8)

    def panned(number: int) -> Luma:
        left = number * PAN_PX % WIDTH
        view: Luma = place[:, left : left + WIDTH]
        return view

    return _encode(path, panned, grain=6, bit_rate=4_000_000, preset=preset)


def quiet_clip(path: Path, preset: str = USUAL) -> Path:
    """Nothing moves but the sensor's grain, at 0.5 Mbit/s."""
    still = room(WIDTH, HEIGHT)[:, :, 0]
    return _encode(path, lambda _number: still, grain=2, bit_rate=500_000, preset=preset)


def walker_clip(path: Path) -> Path:
    """Something of a sixth of the picture's height crosses it, at 1.5 Mbit/s."""
    still = room(WIDTH, HEIGHT)
    return _encode(path, lambda n: with_block(still, n / FPS)[:, :, 0], grain=2, bit_rate=1_500_000, preset=USUAL)


def _encode(path: Path, scene: Scene, *, grain: int, bit_rate: int, preset: str) -> Path:
    rng = np.random.default_rng(2)
    grains = rng.integers(-grain, grain + 1, (HEIGHT, WIDTH + _ROLL)).astype(np.int16)
    colour = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)
    gop = str(GOP_SECONDS * FPS)
    options = {"g": gop, "keyint_min": gop, "sc_threshold": "0", "bf": "0", "preset": preset}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", bit_rate
        for number in range(CLIP_SECONDS * FPS):
            left = int(rng.integers(0, _ROLL))
            luma = np.clip(scene(number) + grains[:, left : left + WIDTH], 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, colour]), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def chained_clip(path: Path, parts: Sequence[Path], first_part: int = 0) -> Path:
    """Clips one after the other, each frame with its number in the whole, see `frame_number`.

    The whole may be told from another beginning: then `first_part` says which part of it stands first here.
    """
    length = CLIP_SECONDS * FPS
    placed = 0
    with av.open(str(path), "w") as container:
        with av.open(str(parts[0])) as first:
            output = container.add_stream_from_template(first.streams.video[0], opaque=True)
        for part in parts:
            with av.open(str(part)) as source:
                for packet in source.demux(video=0):
                    if not packet.size:
                        continue
                    number = (placed + first_part * length) % (len(parts) * length)
                    numbered = av.Packet(_number_sei(number) + bytes(packet))
                    numbered.time_base = Fraction(1, FPS)
                    numbered.pts = numbered.dts = placed
                    numbered.duration, numbered.is_keyframe, numbered.stream = 1, packet.is_keyframe, output
                    container.mux(numbered)
                    placed += 1
    return path


_MARK = b"vedette frame no"  # the 16 bytes by which such a message (SEI, user data) is known


def _number_sei(number: int) -> bytes:
    """An H.264 SEI message that players ignore, behind its length, as MP4 has it."""
    digits = b"%08d" % number
    nal = b"\x06\x05" + bytes([len(_MARK) + len(digits)]) + _MARK + digits + b"\x80"
    return len(nal).to_bytes(4, "big") + nal


def frame_number(packet: bytes) -> int | None:
    """The number that a frame of a `chained_clip` bears, wherever the frame has been since."""
    at = packet.find(_MARK)
    return None if at < 0 else int(packet[at + len(_MARK) : at + len(_MARK) + 8])
