"""What finding the objects of segments costs, and what is found, against the plain loop over every frame."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.report import table
from benchmarks.worker_reference import (
    LASTING_SECONDS,
    SINGLE_FRAME_SCORE,
    Reference,
    people_covered,
    plain_loop,
)
from shared_utils.analysis.sampling import Sampling
from shared_utils.analysis.segment_worker import Segment
from shared_utils.config.schema import ObjectsConfig
from shared_utils.segments import MotionLook
from tests.support.as_segment import as_segment
from tests.support.clips import make_clip
from video_worker.analysis import Analysis, analyse
from video_worker.detectors import Detection, Detector, Image, choose_detector, load_detector

TITLE = "Object worker"
_QUANTISED = "originals/yolov8n_int8_qdq.onnx"
_FULL_SECONDS = 25.0  # clips this long are full segments: the ways are compared on them


@dataclass(frozen=True, slots=True)
class Case:
    """One segment, and the plain loop over it."""

    name: str
    segment: Segment
    reference: Reference


@dataclass(frozen=True, slots=True)
class Cost:
    """Our way over one segment."""

    analysis: Analysis
    images: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def labels(self) -> set[str]:
        return {track.label for track in self.analysis.tracks}


@dataclass(slots=True)
class Counting:
    """A detector that counts the images it is shown."""

    detector: Detector
    images: int = field(default=0)

    @property
    def name(self) -> str:
        return self.detector.name

    @property
    def labels(self) -> tuple[str, ...]:
        return self.detector.labels

    @property
    def input_size_px(self) -> tuple[int, int] | None:
        return self.detector.input_size_px

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        self.images += len(images)
        return self.detector.detect(images)


def measure() -> str:
    """The section of the report."""
    models_dir = Path(os.environ.get("MODELS_DIR", "models"))
    detector = choose_detector(ObjectsConfig(), models_dir)
    with tempfile.TemporaryDirectory() as name:
        cases = list(_cases(Path(name), detector))
        ours = [our_way(case.segment, detector) for case in cases]
        text = _HEAD.format(model=detector.name) + table(_CLIP_HEAD, _clip_rows(cases, ours))
        text += "\n" + _speed(cases, ours) + _DIFFERENCES + _differences(cases, ours)
        full = [case for case in cases if case.segment.duration_seconds >= _FULL_SECONDS]
        return text + _WAYS_TEXT + table(_WAYS_HEAD, _way_rows(full, detector, models_dir))


_HEAD = f"""\
## {TITLE}

The first 30 s of each clip with people as one segment, with the looks of the motion detector in its manifest. *Plain
loop*: every frame through OpenCV and the same weights ({{model}}), one at a time, all cores, measured once. *Vedette*:
the analysis of the worker, decoding and tracking included, the median of three times. *Images*: what the model was run
on. *People*: the part of the plain loop's sure sightings of people (score 0.5 or more) that lie in a person's track of
ours.

"""
_CLIP_HEAD = ["clip", "frames", "CPU s", "wall s", "Vedette: frames", "images", "CPU s", "wall s"]
_CLIP_HEAD += ["CPU, ratio", "labels", "people"]
_DIFFERENCES = f"""
*Labels*: both ways take an object that is seen in one frame only if its score is {SINGLE_FRAME_SCORE} or more. A label
counts for the plain loop if one of its tracks was seen for {LASTING_SECONDS:.0f} s in all; what it sees more briefly
("a dog", for two frames) may be found or not. *Same*: all labels that count were found, and none that the plain loop
never saw.

"""
_WAYS_TEXT = """
What pays, on the full segments among them together, each measured once:

"""
_WAYS_HEAD = ["way", "frames", "images", "CPU s", "CPU ms per frame", "CPU, ratio", "people"]


def our_way(segment: Segment, detector: Detector) -> Cost:
    """The median, by CPU time, of three times."""
    costs = sorted((_once(segment, detector, Sampling()) for _ in range(3)), key=lambda one: one.cpu_seconds)
    return costs[1]


def _once(segment: Segment, detector: Detector, sampling: Sampling) -> Cost:
    cv2.setNumThreads(1)  # as in the service
    counting = Counting(detector)
    wall, cpu = time.perf_counter(), time.process_time()
    analysis = analyse(segment, counting, sampling, single_frame_score=SINGLE_FRAME_SCORE)
    return Cost(analysis, counting.images, time.process_time() - cpu, time.perf_counter() - wall)


def _cases(folder: Path, detector: Detector) -> Iterator[Case]:
    detector.detect([np.zeros((360, 640, 3), np.uint8)])
    for path in _clips(folder):
        print(f"every frame of {path.name} …", file=sys.stderr, flush=True)
        segment = as_segment(path, folder)
        cv2.setNumThreads(-1)  # the default of the naive way
        yield Case(path.name, segment, plain_loop(segment, detector))


def _clips(folder: Path) -> list[Path]:
    """The clips with people in MEDIA_DIR; without it, a room of our own in which a block moves."""
    videos = Path(os.environ.get("MEDIA_DIR", "")) / "videos"
    if os.environ.get("MEDIA_DIR") and videos.is_dir():
        suffixes = {".mp4", ".gif", ".avi"}
        return [p for p in sorted(videos.iterdir()) if p.suffix in suffixes and not p.name.startswith("negative")]
    print("MEDIA_DIR names no folder with videos: a room with a moving block takes their place", file=sys.stderr)
    return [make_clip(folder / "room.mp4", seconds=30.0, width=1280, height=720, moving=[(8, 20)])]


def _clip_rows(cases: Sequence[Case], ours: Sequence[Cost]) -> list[list[str]]:
    rows = [_clip_row(case.name, [case], [cost]) for case, cost in zip(cases, ours, strict=True)]
    return [*rows, _clip_row("**all**", cases, ours)]


def _clip_row(name: str, cases: Sequence[Case], ours: Sequence[Cost]) -> list[str]:
    naive = [case.reference for case in cases]
    cpu, our_cpu = sum(one.cpu_seconds for one in naive), sum(cost.cpu_seconds for cost in ours)
    same = all(not missing and not invented for missing, invented, _ in map(_compared, cases, ours))
    return [
        name,
        str(sum(one.frames for one in naive)),
        f"{cpu:.1f}",
        f"{sum(one.wall_seconds for one in naive):.1f}",
        str(sum(cost.analysis.frames_analysed for cost in ours)),
        str(sum(cost.images for cost in ours)),
        f"{our_cpu:.2f}",
        f"{sum(cost.wall_seconds for cost in ours):.2f}",
        f"1/{cpu / max(our_cpu, 0.01):.1f}",
        "same" if same else "differ",
        _people(cases, ours),
    ]


def _people(cases: Sequence[Case], ours: Sequence[Cost]) -> str:
    counts = [people_covered(case.reference, cost.analysis.tracks) for case, cost in zip(cases, ours, strict=True)]
    covered, all_of_them = (sum(column) for column in zip(*counts, strict=True))
    return f"{covered / all_of_them:.1%}" if all_of_them else ""


def _compared(case: Case, cost: Cost) -> tuple[set[str], set[str], set[str]]:
    """Labels that are missing, that the plain loop never saw, and that it saw and we did not need to."""
    lasting, all_of_them = case.reference.lasting_labels, case.reference.labels
    return lasting - cost.labels, cost.labels - all_of_them, all_of_them - lasting


def _differences(cases: Sequence[Case], ours: Sequence[Cost]) -> str:
    rows = []
    for case, cost in zip(cases, ours, strict=True):
        missing, invented, brief = _compared(case, cost)
        lists = (case.reference.lasting_labels, missing, invented, brief & cost.labels, brief - cost.labels)
        rows.append([case.name, *(", ".join(sorted(labels)) for labels in lists)])
    head = ["clip", "labels that count", "missing", "never seen by the plain loop", "brief, found", "brief, not found"]
    return table(head, rows)


def _speed(cases: Sequence[Case], ours: Sequence[Cost]) -> str:
    seconds = sum(case.segment.duration_seconds for case in cases)
    wall = sum(cost.wall_seconds for cost in ours)
    naive = sum(case.reference.wall_seconds for case in cases)
    full = [cost for case, cost in zip(cases, ours, strict=True) if case.segment.duration_seconds >= _FULL_SECONDS]
    each = ", ".join(f"{cost.cpu_seconds:.2f}" for cost in full)
    return (
        f"Segment seconds per wall second: {seconds / wall:.1f}, the plain loop {seconds / naive:.1f}. "
        f"CPU seconds per full segment of 30 s: {each}.\n"
    )


def _way_rows(cases: Sequence[Case], detector: Detector, models_dir: Path) -> list[list[str]]:
    ways = [
        ("whole frames, one image each, 3 a second", detector, _without_boxes, Sampling()),
        ("**regions that moved, several in one image**", detector, _as_it_is, Sampling()),
        ("the same, 2 a second", detector, _as_it_is, Sampling(frames_per_second=2)),
        ("the same, at most 30 frames", detector, _as_it_is, Sampling(max_frames=30)),
        ("motion unknown: whole frames, 1 a second", detector, _without_looks, Sampling()),
    ]
    quantised = models_dir / _QUANTISED
    if quantised.is_file():
        int8 = load_detector(quantised.name, ObjectsConfig(), quantised.parent)
        ways.append(("regions that moved, int8 weights", int8, _as_it_is, Sampling()))
    rows = []
    for way, by, changed, sampling in ways:
        costs = [_once(changed(case.segment), by, sampling) for case in cases]
        rows.append(_way_row(way, cases, costs))
    return rows


def _way_row(way: str, cases: Sequence[Case], costs: Sequence[Cost]) -> list[str]:
    frames, cpu = sum(cost.analysis.frames_analysed for cost in costs), sum(cost.cpu_seconds for cost in costs)
    naive = sum(case.reference.cpu_seconds for case in cases)
    images = sum(cost.images for cost in costs)
    each = f"{cpu / max(frames, 1) * 1000:.1f}"
    return [way, str(frames), str(images), f"{cpu:.2f}", each, f"1/{naive / max(cpu, 0.01):.1f}", _people(cases, costs)]


def _as_it_is(segment: Segment) -> Segment:
    return segment


def _without_boxes(segment: Segment) -> Segment:
    """It is known when something moved, and not where: every frame is shown as a whole."""
    return replace(segment, looks=tuple(MotionLook(t=one.t, area=one.area, boxes=()) for one in segment.looks))


def _without_looks(segment: Segment) -> Segment:
    return replace(segment, looks=())
