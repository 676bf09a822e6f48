"""How well track ids stick to people and faces, at the frame rates that workers have: ours and other trackers."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from scipy.optimize import linear_sum_assignment

from benchmarks.report import table
from benchmarks.tracking_faces import face_clips, heads_of
from benchmarks.tracking_footage import Footage, pets, pets_by, tud_campus
from benchmarks.tracking_rivals import Found, Way, ways
from benchmarks.tracking_score import LEAST_OVERLAP, Score, score
from shared_utils.config.schema import FacesConfig, ObjectsConfig
from shared_utils.errors import VedetteError
from shared_utils.faces.engine import load_engine
from tests.support.tracking_score import Tracked, overlaps_of
from video_worker.detectors import load_detector

_RATES = (8.0, 5.0, 10 / 3, 2.0)  # and as fast as the footage is
_FACE_RATES = (8.0, 5.0, 4.0, 3.0)
_HEADS_SEEDS = 4
_FACE_PACK = "local_mbf"
_HEAD = """\
## Tracking

Each cell: IDF1 / MOTA / identity switches, by motmetrics at an overlap of 0.5, on annotated frames; boxes that the
annotation says to ignore are. Slower looks drop frames and keep the times of the others; they are scored for each frame
that they may begin with, all together, and the switches are the mean of one such run. All ways: tracks of which no
detection scores 0.5 are taken for clutter and left out. *As it comes*: the defaults of the library. *Tuned*:
thresholds, similarity and confirmation searched on PETS09-S2L1 with our detector at 10, 5 and 3.3 frames a second.
*Vedette* and the way before it give an id to every detection, the others to those of confirmed tracks. *Perfect ids*:
each box that shows somebody bears their name, and all others are left out.
"""
_BASELINE = """
Ultralytics' ByteTrack with the same weights at 640 px and full rate on the first of them: 0.70 / 0.66 / 11.
"""
_BOUND = "*perfect ids on these boxes*"
_HEADS_TEXT = f"""
Heads of the people of TUD-Campus, a seventh of their height, some missed and none quite in its place, {_HEADS_SEEDS}
times: what faces do at few frames a second. IDF1 / switches, the mean of one run:

"""
_FACES_TEXT = """
Faces as SCRFD finds them in clips of which it was seen by eye who is where: tracks / identity switches of Vedette, the
most of any beginning. One track for each person is right.

"""


def measure() -> str:
    """The section of the report. Needs MODELS_DIR and MEDIA_DIR."""
    models_dir, media_dir = (Path(os.environ.get(name, "")) for name in ("MODELS_DIR", "MEDIA_DIR"))
    tracking_dir = media_dir / "tracking"
    if not tracking_dir.is_dir():
        raise SystemExit("MEDIA_DIR has no folder 'tracking': there is nothing annotated to measure on.")
    _say("our detector looks at every frame …")
    detector = load_detector("yolov8n.onnx", ObjectsConfig(), models_dir)
    campus = tud_campus(tracking_dir)
    footages = [pets_by(detector, tracking_dir, media_dir / "videos" / "vtest.mp4"), pets(tracking_dir), campus]
    text = _HEAD + "".join(_people(footage) for footage in footages) + _BASELINE
    return text + _HEADS_TEXT + _heads(campus) + _FACES_TEXT + _faces(models_dir, media_dir / "videos")


def _people(footage: Footage) -> str:
    rates = [footage.frames_per_second, *_RATES]
    rows = [[way.name, *(_cell(footage, way, rate) for rate in rates)] for way in _said(ways())]
    rows.append([_BOUND, *(_shown(*_with_perfect_ids(footage, rate)) for rate in rates)])
    return f"\n**{footage.name}**, {footage.frames} frames\n\n" + table(["frames a second", *map(_rate, rates)], rows)


def _cell(footage: Footage, way: Way, rate: float) -> str:
    runs = way.runs(footage, rate)
    return _shown(score(footage, runs), len(runs))


def _with_perfect_ids(footage: Footage, rate: float) -> tuple[Score, int]:
    """What no tracker that adds and moves no boxes can exceed."""
    runs = [{frame: _named(footage, frame) for frame in frames} for frames in footage.thinned(rate)]
    return score(footage, runs), len(runs)


def _named(footage: Footage, frame: int) -> list[Tracked]:
    people = footage.truth.get(frame, [])
    boxes: list[Tracked] = [(0, one.box) for one in footage.detections.get(frame, [])]
    overlap = overlaps_of(people, boxes)
    pairs = zip(*linear_sum_assignment(overlap, maximize=True), strict=True)
    return [(people[who][0], boxes[place][1]) for who, place in pairs if overlap[who, place] >= LEAST_OVERLAP]


def _shown(scored: Score, runs: int) -> str:
    return f"{scored.idf1:.2f} / {scored.mota:.2f} / {scored.switches / runs:.0f}"


def _heads(campus: Footage) -> str:
    rows = []
    for way in _said(ways()):
        cells = []
        for rate in _FACE_RATES:
            scores = [_mean_of_runs(heads_of(campus, seed), way, rate) for seed in range(_HEADS_SEEDS)]
            idf1, switches = (sum(column) / len(scores) for column in zip(*scores, strict=True))
            cells.append(f"{idf1:.2f} / {switches:.0f}")
        rows.append([way.name, *cells])
    return table(["frames a second", *map(_rate, _FACE_RATES)], rows)


def _mean_of_runs(footage: Footage, way: Way, rate: float) -> tuple[float, float]:
    runs = way.runs(footage, rate)
    scored = score(footage, runs)
    return scored.idf1, scored.switches / len(runs)


def _faces(models_dir: Path, videos_dir: Path) -> str:
    try:
        clips = face_clips(load_engine(FacesConfig(model=_FACE_PACK), models_dir), videos_dir)
    except VedetteError as error:
        return f"Not measured: {error}\n"
    vedette, rows = ways()[-1], []
    for clip in clips:
        rates = [clip.frames_per_second, *_FACE_RATES]
        worst = [_most(clip, vedette.runs(clip, rate)) for rate in rates]
        rows.append([clip.name, str(len(clip.truth[1])), *worst])
    return table(["clip", "people", "every frame", *map(_rate, _FACE_RATES)], rows)


def _most(clip: Footage, runs: Sequence[Found]) -> str:
    tracks = max(len({number for found in run.values() for number, _ in found}) for run in runs)
    return f"{tracks} / {max(score(clip, [run]).switches for run in runs)}"


def _said(every: Sequence[Way]) -> Sequence[Way]:
    _say(f"{len(every)} ways …")
    return every


def _rate(frames_per_second: float) -> str:
    return f"{frames_per_second:.3g}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
