"""IDF1, MOTA and identity switches by motmetrics, over any number of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import motmetrics  # type: ignore[import-untyped]
import numpy as np

from benchmarks.tracking_footage import Footage
from tests.support.tracking_score import Tracked, only_ignored, overlaps_of

LEAST_OVERLAP = 0.5
_APART = 1_000_000  # lies between the frames, and the identities, of two runs
_METRICS = ("idf1", "mota", "num_switches")


@dataclass(frozen=True, slots=True)
class Score:
    """What the MOT challenge asks for."""

    idf1: float
    mota: float
    switches: int

    def __str__(self) -> str:
        return f"{self.idf1:.2f} / {self.mota:.2f} / {self.switches}"


def score(footage: Footage, runs: Sequence[Mapping[int, Sequence[Tracked]]]) -> Score:
    """Each run is what was found in the frames that it saw; only annotated frames count, and all runs as one."""
    accumulated = motmetrics.MOTAccumulator(auto_id=False)
    for place, found in enumerate(runs):
        for frame in sorted(footage.truth.keys() & found.keys()):
            _add(accumulated, footage, frame, found[frame], place * _APART)
    computed = motmetrics.metrics.create().compute(accumulated, metrics=list(_METRICS), return_dataframe=False)
    return Score(float(computed["idf1"]), float(computed["mota"]), int(computed["num_switches"]))


def _add(
    accumulated: motmetrics.MOTAccumulator, footage: Footage, frame: int, found: Sequence[Tracked], offset: int
) -> None:
    people, ignored = footage.truth[frame], footage.ignored.get(frame, [])
    tracks = [track for track in found if not only_ignored(track, people, ignored)]
    overlap = overlaps_of(people, tracks)
    # Its own distances need a NumPy before 2; NaN is a pair that cannot be.
    distances = np.where(overlap >= LEAST_OVERLAP, 1.0 - overlap, np.nan)
    names = [offset + identity for identity, _ in people], [offset + identity for identity, _ in tracks]
    accumulated.update(*names, distances, frameid=offset + frame)
