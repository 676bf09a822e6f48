"""What naming the people of segments costs, against the plain loop: InsightFace's FaceAnalysis on every frame."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from insightface.app import FaceAnalysis

from benchmarks.report import table
from face_worker.pipeline import Faces, Options, find_faces
from shared_utils.analysis.sampling import Sampling
from shared_utils.analysis.segment_worker import Segment
from shared_utils.config.schema import FacesConfig
from shared_utils.faces.engine import FaceEngine, load_engine
from shared_utils.faces.pack import find_pack
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.snapshot import UNKNOWN, GallerySnapshot, KnownIdentity, ModelVectors
from shared_utils.segments import MotionLook
from tests.support.as_segment import as_segment

TITLE = "Face worker"
_PACKS = ("buffalo_l", "buffalo_s", "local_mbf")
_FULL_SECONDS = 30.0
_PEOPLE = {"woman": "head-pose-face-detection-female.gif", "man": "head-pose-face-detection-male.gif"}
_TOGETHER = "head-pose-face-detection-female-and-male.gif"
_CLIPS = {
    "face-demographics-walking-and-pause.gif": "three",
    "short_hamilton_clip.mp4": "many, with cuts",
    "people-walking.mp4": "a crowd",
    "night-walk.mp4": "one, at the end",
    "one-by-one-person-detection.mp4": "people, no face",
    "worker-zone-detection.gif": "a person, no face",
    "negative-car-detection.mp4": "none",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One segment, and how many faces are in view."""

    name: str
    faces: str
    segment: Segment


@dataclass(frozen=True, slots=True)
class Cost:
    """One way over one segment."""

    frames: int
    names: frozenset[str]  # of known people
    cpu_seconds: float
    wall_seconds: float


_HEAD = f"""\
## {TITLE}

The first 30 s of each clip as one segment, with the looks of the motion detector in its manifest; the first case is the
clip of two people, played to and fro for 30 s. Two people are known, each by one embedding from a clip of their own.
*Plain loop*: every frame through OpenCV and `FaceAnalysis.get` with the same weights ({{model}}, detector at 640x640),
each face compared with the gallery, all cores. *Vedette*: the pipeline of the worker as it is configured by default,
decoding and tracking included, the median of three times. *Names*: known people that are named anywhere in the segment.

"""
_CLIP_HEAD = ["clip", "faces in view", "plain loop: frames", "CPU s", "wall s", "Vedette: frames", "CPU s", "wall s"]
_CLIP_HEAD += ["CPU, ratio", "wall, ratio", "names"]
_WAYS_TEXT = "\nWhat pays, over all of these segments together, each measured once:\n\n"
_WAYS_HEAD = ["way", "frames", "CPU s", "CPU, ratio", "names"]


def measure() -> str:
    """The section of the report; says so where there are no weights or recordings."""
    models_dir, media = Path(os.environ.get("MODELS_DIR", "models")), os.environ.get("MEDIA_DIR")
    pack = next((name for name in _PACKS if (models_dir / "insightface" / "models" / name).is_dir()), None)
    if pack is None or not media:
        print("the face worker is not measured: it needs MODELS_DIR with a pack and MEDIA_DIR", file=sys.stderr)
        return f"## {TITLE}\n\nNot measured: there were no weights, or no recordings with faces.\n"
    config = FacesConfig(model=pack)
    engine, plain = load_engine(config, models_dir), _plain_analysis(find_pack(pack, models_dir).detector.parent)
    with tempfile.TemporaryDirectory() as name:
        folder, videos = Path(name), Path(media) / "videos"
        matcher = _known_people(engine, videos, folder)
        cases = list(_cases(videos, folder))
        naive = [_every_frame(case, plain, matcher) for case in cases]
        ours = [_median(partial(_once, case.segment, engine, matcher, Options())) for case in cases]
        text = _HEAD.format(model=pack) + table(_CLIP_HEAD, _rows(cases, naive, ours)) + _speed(cases, naive, ours)
        return text + _WAYS_TEXT + table(_WAYS_HEAD, list(_ways(cases, naive, ours, engine, matcher)))


def _plain_analysis(folder: Path) -> FaceAnalysis:
    analysis = FaceAnalysis(name=str(folder), providers=["CPUExecutionProvider"])
    analysis.prepare(ctx_id=-1, det_size=(640, 640))
    return analysis


def _known_people(engine: FaceEngine, videos: Path, folder: Path) -> Matcher:
    nobody = Matcher(GallerySnapshot(), engine.embedding_model, 0.4, 0.05)
    found = [
        find_faces(as_segment(videos / clip, folder), engine, lambda: nobody, Options()) for clip in _PEOPLE.values()
    ]
    embeddings = np.stack([one.tracks[0].track.embedding for one in found])
    none = np.zeros((0, embeddings.shape[1]), np.float32)
    vectors = ModelVectors(embeddings, np.arange(len(found), dtype=np.int32), none, np.zeros(0, np.int32))
    identities = tuple(KnownIdentity(name, name) for name in _PEOPLE)
    defaults = FacesConfig()
    snapshot = GallerySnapshot(1, "benchmark", identities, {engine.embedding_model: vectors})
    return Matcher(snapshot, engine.embedding_model, defaults.threshold, defaults.margin)


def _cases(videos: Path, folder: Path) -> Iterator[Case]:
    yield Case("two people, 30 s", "two", as_segment(_to_and_fro(videos / _TOGETHER, folder / "two.mp4"), folder))
    for name, faces in _CLIPS.items():
        yield Case(name, faces, as_segment(videos / name, folder, _FULL_SECONDS))


def _to_and_fro(source: Path, target: Path) -> Path:
    """The clip forwards and backwards in turn, for half a minute, at its own frame rate."""
    with av.open(str(source)) as given:
        rate = round(given.streams.video[0].average_rate or 12)
        frames = [frame.to_ndarray(format="bgr24") for frame in given.decode(video=0)]
    there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast", "g": str(rate)})
        assert isinstance(stream, VideoStream)
        height, width = frames[0].shape[0] // 2 * 2, frames[0].shape[1] // 2 * 2
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(round(_FULL_SECONDS * rate)):
            picture = frames[there_and_back[number % len(there_and_back)]][:height, :width]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target


def _every_frame(case: Case, analysis: FaceAnalysis, matcher: Matcher) -> Cost:
    print(f"every frame of {case.name} …", file=sys.stderr, flush=True)
    cv2.setNumThreads(-1)  # the default of the naive way
    wall, cpu = time.perf_counter(), time.process_time()
    capture, frames, names = cv2.VideoCapture(str(case.segment.path)), 0, set()
    while True:
        read, frame = capture.read()
        if not read or capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 > case.segment.duration_seconds:
            break
        frames += 1
        names |= {matcher.match(face.normed_embedding).name for face in analysis.get(frame)}
    capture.release()
    cost = Cost(frames, frozenset(names - {UNKNOWN}), time.process_time() - cpu, time.perf_counter() - wall)
    cv2.setNumThreads(1)
    return cost


def _once(segment: Segment, engine: FaceEngine, matcher: Matcher, options: Options) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    found: Faces = find_faces(segment, engine, lambda: matcher, options)
    names = frozenset(found.detected) - {UNKNOWN}
    return Cost(found.frames_analysed, names, time.process_time() - cpu, time.perf_counter() - wall)


def _median(once: Callable[[], Cost]) -> Cost:
    return sorted((once() for _ in range(3)), key=lambda cost: cost.cpu_seconds)[1]


def _rows(cases: Sequence[Case], naive: Sequence[Cost], ours: Sequence[Cost]) -> list[list[str]]:
    rows = [_row(case.name, case.faces, [a], [b]) for case, a, b in zip(cases, naive, ours, strict=True)]
    return [*rows, _row("**all**", "", naive, ours)]


def _row(name: str, faces: str, naive: Sequence[Cost], ours: Sequence[Cost]) -> list[str]:
    row = [name, faces]
    for costs in (naive, ours):
        row += [str(sum(cost.frames for cost in costs)), f"{_cpu(costs):.2f}", f"{_wall(costs):.2f}"]
    row += [f"1/{_cpu(naive) / _cpu(ours):.1f}", f"1/{_wall(naive) / _wall(ours):.1f}", _names(naive, ours)]
    return row


def _names(naive: Sequence[Cost], ours: Sequence[Cost]) -> str:
    if any(one.names != other.names for one, other in zip(naive, ours, strict=True)):
        return "differ"
    return f"same: {', '.join(sorted(ours[0].names)) or 'none'}" if len(ours) == 1 else "same"


def _speed(cases: Sequence[Case], naive: Sequence[Cost], ours: Sequence[Cost]) -> str:
    parts = []
    for what, wanted in (("two faces in view", {"two"}), ("no face", {"people, no face", "a person, no face", "none"})):
        chosen = [number for number, case in enumerate(cases) if case.faces in wanted]
        seconds = sum(cases[number].segment.duration_seconds for number in chosen)
        plain, mine = [naive[number] for number in chosen], [ours[number] for number in chosen]
        parts.append(
            f"With {what}: {seconds / _wall(mine):.1f} segment seconds per wall second, the plain loop "
            f"{seconds / _wall(plain):.1f}; {_cpu(mine) / seconds * 30:.2f} CPU seconds for a segment of 30 s, "
            f"the plain loop {_cpu(plain) / seconds * 30:.1f}."
        )
    return "\n" + "\n".join(parts) + "\n"


def _ways(
    cases: Sequence[Case], naive: Sequence[Cost], ours: Sequence[Cost], engine: FaceEngine, matcher: Matcher
) -> Iterator[list[str]]:
    yield _way("**as it is**", naive, ours)
    usual = Options()
    fast = replace(usual, sampling=Sampling(8.0, 160))
    ways: list[tuple[str, Callable[[Segment], Segment], Options]] = [
        ("whole frames only", _without_boxes, usual),
        ("twice as many frames", lambda segment: segment, fast),
        ("faces of 48 px and more", lambda segment: segment, replace(usual, least_face_px=48)),
        ("three best faces in place of five", lambda segment: segment, replace(usual, best_faces=3)),
    ]
    for way, changed, options in ways:
        yield _way(way, naive, [_once(changed(case.segment), engine, matcher, options) for case in cases])


def _way(way: str, naive: Sequence[Cost], ours: Sequence[Cost]) -> list[str]:
    frames = str(sum(cost.frames for cost in ours))
    return [way, frames, f"{_cpu(ours):.2f}", f"1/{_cpu(naive) / _cpu(ours):.1f}", _names(naive, ours)]


def _without_boxes(segment: Segment) -> Segment:
    """It is known when something moved, and not where: every frame is shown as a whole."""
    return replace(segment, looks=tuple(MotionLook(t=one.t, area=one.area, boxes=()) for one in segment.looks))


def _cpu(costs: Sequence[Cost]) -> float:
    return max(sum(cost.cpu_seconds for cost in costs), 0.01)


def _wall(costs: Sequence[Cost]) -> float:
    return max(sum(cost.wall_seconds for cost in costs), 0.01)
