"""What looking for motion costs, in CPU seconds per second of video, against the naive ways."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import av
import cv2

from benchmarks.report import table
from capture_service.motion_decoder import LumaDecoder
from capture_service.motion_looker import Looker
from capture_service.packets import StreamFormat
from capture_service.segment_writer import SegmentWriter
from shared_utils.config.schema import MotionConfig
from tests.support.clips import make_clip
from tests.support.motion_clips import video_of

SECONDS = 12
FPS = 15
REPEATS = 3


def cost_table(folder: Path) -> str:
    """One 1080p stream, in a busy and in a quiet version."""
    busy = make_clip(
        folder / "busy.mp4", seconds=SECONDS, fps=FPS, width=1920, height=1080, gop_seconds=2, noise=8,
        bit_rate=4_000_000, moving=[(0, SECONDS)],
    )  # fmt: skip
    quiet = make_clip(
        folder / "quiet.mp4", seconds=SECONDS, fps=FPS, width=1920, height=1080, gop_seconds=2, bit_rate=500_000
    )
    ways: dict[str, Callable[[Path], object]] = {
        "**Vedette: decode, detect 5 times a second, write the segment**": watch_and_record,
        "Vedette: without writing the segment": watch,
        "Vedette: its decoding alone": decode_only,
        "OpenCV: decode every frame to BGR": opencv_decode,
        "OpenCV: decode, MOG2 on the full picture": opencv_mog2,
        "OpenCV: decode, MOG2, write .avi": opencv_mog2_avi,
    }
    costs = {name: (cpu_seconds(way, busy), cpu_seconds(way, quiet)) for name, way in ways.items()}
    ours = next(iter(costs.values()))
    rows = [
        [name, f"{cost[0]:.3f}", f"{cost[1]:.3f}", f"{cost[0] / ours[0]:.1f}", f"{cost[1] / ours[1]:.1f}"]
        for name, cost in costs.items()
    ]
    return table(["1080p, 15 fps, H.264", "busy", "quiet", "busy, ratio", "quiet, ratio"], rows)


def cpu_seconds(way: Callable[[Path], object], clip: Path) -> float:
    """Per second of video; of all threads; the median of several times."""
    return median(_once(way, clip) for _ in range(REPEATS)) / SECONDS


def _once(way: Callable[[Path], object], clip: Path) -> float:
    began = time.process_time()
    way(clip)
    return time.process_time() - began


def watch(clip: Path) -> None:
    video_format, packets = video_of(clip)
    looker = Looker("bench", MotionConfig(), video_format, lambda _seen: None)
    for packet in packets:
        looker.take(packet)


def watch_and_record(clip: Path) -> None:
    """All that capture does with a packet but receiving it."""
    video_format, packets = video_of(clip, in_band=True)
    looker = Looker("bench", MotionConfig(), video_format, lambda _seen: None)
    with av.open(str(clip)) as source:
        stream = StreamFormat(video_format, None, template=source.streams.video[0])
        writer = SegmentWriter(clip.with_suffix(".copy.mp4"), stream, packets[0])
        writer.open()
        for packet in packets:
            writer.write(packet)
            looker.take(packet)
        writer.close()
    assert writer.frames == SECONDS * FPS


def decode_only(clip: Path) -> None:
    video_format, packets = video_of(clip)
    decoder = LumaDecoder("bench", video_format)
    for packet in packets:
        for _frame in decoder.frames(packet):
            pass


def opencv_decode(clip: Path) -> None:
    _each_frame(clip, lambda _frame: None)


def opencv_mog2(clip: Path) -> None:
    _each_frame(clip, cv2.createBackgroundSubtractorMOG2().apply)


def opencv_mog2_avi(clip: Path) -> None:
    model = cv2.createBackgroundSubtractorMOG2()
    fourcc = cv2.VideoWriter.fourcc(*"XVID")
    writer = cv2.VideoWriter(str(clip.with_suffix(".avi")), fourcc, FPS, (1920, 1080))
    assert writer.isOpened()

    def both(frame: cv2.typing.MatLike) -> None:
        model.apply(frame)
        writer.write(frame)

    _each_frame(clip, both)
    writer.release()


def _each_frame(clip: Path, use: Callable[[cv2.typing.MatLike], object]) -> None:
    video = cv2.VideoCapture(str(clip))
    frames = 0
    while True:
        there, frame = video.read()
        if not there:
            break
        frames += 1
        use(frame)
    assert frames == SECONDS * FPS
