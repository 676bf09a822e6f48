"""What finding the objects of a segment costs, against the plain loop: every picture, one at a time, all cores."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from benchmarks import report
from shared_utils.config.schema import ObjectsConfig
from shared_utils.segments import MotionLook
from tests.support.clips import make_clip
from video_worker.analysis import Segment, analyse
from video_worker.detectors import Detector, Picture, choose_detector
from video_worker.sampling import Sampling

TITLE = "Object worker"
SECONDS = 30.0  # a segment
_HEAD = ("way", "pictures", "wall s", "CPU s", "segment s per wall s")


@dataclass(frozen=True, slots=True)
class Cost:
    """One way of analysing one segment."""

    way: str
    pictures: int
    wall_seconds: float
    cpu_seconds: float

    def as_row(self) -> dict[str, Any]:
        """Under the headings of the table."""
        speed = SECONDS / self.wall_seconds
        figures = (self.way, self.pictures, round(self.wall_seconds, 2), round(self.cpu_seconds, 2), round(speed, 1))
        return dict(zip(_HEAD, figures, strict=True))


def table() -> list[dict[str, Any]]:
    """The ways, the naive one first, measured one after the other on the same segment."""
    # A thread of OpenCV's belongs to the naive way, where it is the default; ours are workers of one thread.
    with TemporaryDirectory() as folder:
        segment = _segment(Path(folder))
        detector = choose_detector(ObjectsConfig(), Path(os.environ.get("MODELS_DIR", "models")))
        detector.detect([np.zeros((360, 640, 3), np.uint8)])
        cv2.setNumThreads(-1)
        naive = _measured(f"every picture, one by one ({detector.name})", lambda: _plain_loop(segment.path, detector))
        cv2.setNumThreads(1)
        ours = [
            _measured("3 a second where something moves", lambda: _ours(segment, detector, Sampling())),
            _measured("the same, motion unknown: 1 a second", lambda: _ours(_still(segment), detector, Sampling())),
        ]
    return [cost.as_row() for cost in (naive, *ours)]


def measure() -> str:
    """The section of the report."""
    rows = table()
    first, second = rows[0], rows[1]
    ratio = first["CPU s"] / max(second["CPU s"], 0.01)
    text = [[str(value) for value in row.values()] for row in rows]
    return (
        f"## {TITLE}\n\nOne segment of {SECONDS:.0f} s; the median of three times. Looking only where something moves "
        f"takes 1/{ratio:.1f} of the CPU time of the plain loop.\n\n{report.table(_HEAD, text)}"
    )


def _measured(way: str, work: Callable[[], int]) -> Cost:
    """The median, by CPU time, of three times."""
    costs = sorted((_once(way, work) for _ in range(3)), key=lambda cost: cost.cpu_seconds)
    return costs[1]


def _once(way: str, work: Callable[[], int]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    pictures = work()
    return Cost(way, pictures, time.perf_counter() - wall, time.process_time() - cpu)


def _plain_loop(path: Path, detector: Detector) -> int:
    """What everybody writes first."""
    capture, pictures = cv2.VideoCapture(str(path)), 0
    while capture.get(cv2.CAP_PROP_POS_MSEC) < SECONDS * 1000:
        read, picture = capture.read()
        if not read:
            break
        detector.detect([_as_picture(picture)])
        pictures += 1
    capture.release()
    return pictures


def _ours(segment: Segment, detector: Detector, sampling: Sampling) -> int:
    return analyse(segment, detector, sampling).frames_analysed


def _still(segment: Segment) -> Segment:
    return Segment(segment.path, segment.duration_seconds)


def _segment(folder: Path) -> Segment:
    """Half a minute of a real room if there is one, else of a room of our own, with the motion in it."""
    media = os.environ.get("MEDIA_DIR")
    path = Path(media or folder) / "videos" / "one-by-one-person-detection.mp4"
    if media and path.exists():
        known = json.loads((path.parent / "annotations.json").read_text())[path.name]
        return Segment(path, SECONDS, _looks(known["person_visible"]))
    clip = make_clip(folder / "room.mp4", seconds=SECONDS, width=1280, height=720, moving=[(8, 20)])
    return Segment(clip, SECONDS, _looks([(8.0, 20.0)]))


def _looks(intervals: list[tuple[float, float]]) -> tuple[MotionLook, ...]:
    """Five looks a second, as the motion detector writes them down."""
    times = [
        begin + n / 5 for begin, end in intervals for n in range(int((end - begin) * 5)) if begin + n / 5 < SECONDS
    ]
    return tuple(MotionLook(t=t, area=0.05, boxes=()) for t in times)


def _as_picture(array: Any) -> Picture:
    return np.asarray(array, np.uint8)
