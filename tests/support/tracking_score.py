"""How well track ids stick to people, against hand-made ground truth: IDF1 (Ristani et al., 2016)."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from shared_utils.analysis.detections import Detection, Floats
from shared_utils.analysis.tracking import SegmentTracker
from video_worker.detectors.suppression import overlaps

Tracked = tuple[int, tuple[float, float, float, float]]  # identity, box


def read_ground_truth(path: Path, scale: float) -> tuple[dict[int, list[Tracked]], dict[int, list[Tracked]]]:
    """What counts and what is to be ignored, by frame number (from 1); boxes scaled to the clip's pixels."""
    counted: dict[int, list[Tracked]] = {}
    ignored: dict[int, list[Tracked]] = {}
    with path.open(newline="") as handle:
        for row in csv.reader(handle):
            frame, identity = int(row[0]), int(row[1])
            left, top, width, height = (float(value) * scale for value in row[2:6])
            kind = counted if int(float(row[6])) else ignored
            kind.setdefault(frame, []).append((identity, (left, top, left + width, top + height)))
    return counted, ignored


def read_detections(path: Path, scale: float) -> dict[int, list[Detection]]:
    """People by frame number, from a file of the MOT challenge: frame, -1, left, top, width, height, score."""
    found: dict[int, list[Detection]] = {}
    with path.open(newline="") as handle:
        for row in csv.reader(handle):
            left, top, width, height = (float(value) * scale for value in row[2:6])
            box = (left, top, left + width, top + height)
            found.setdefault(int(row[0]), []).append(Detection("person", float(row[6]), box))
    return found


def followed(detections: Mapping[int, Sequence[Detection]], frames_per_second: float) -> dict[int, list[Tracked]]:
    """The tracks in each frame, by frame number, of footage from which frames may have been left out."""
    numbers = list(detections)
    tracker = SegmentTracker(frames_per_second / (numbers[1] - numbers[0]))
    for number in numbers:
        tracker.add(number / frames_per_second, detections[number])
    found: dict[int, list[Tracked]] = {number: [] for number in numbers}
    for track in tracker.tracks:
        for sighting in track.sightings:
            found[round(sighting.t * frames_per_second)].append((track.track_id, sighting.detection.box))
    return found


def idf1(
    truth: Mapping[int, Sequence[Tracked]],
    ignored: Mapping[int, Sequence[Tracked]],
    found: Mapping[int, Sequence[Tracked]],
    least_overlap: float = 0.5,
) -> float:
    """1 means that every person has one track of their own, 0 that no track follows anybody."""
    pairs: dict[tuple[int, int], int] = {}
    people, boxes = 0, 0
    for frame, persons in truth.items():
        tracks = [track for track in found.get(frame, []) if not only_ignored(track, persons, ignored.get(frame, []))]
        people, boxes = people + len(persons), boxes + len(tracks)
        for (person, _), row in zip(persons, overlaps_of(persons, tracks), strict=True):
            for (track, _), overlap in zip(tracks, row, strict=True):
                if overlap >= least_overlap:
                    pairs[person, track] = pairs.get((person, track), 0) + 1
    rows = {person: number for number, person in enumerate(sorted({person for person, _ in pairs}))}
    columns = {track: number for number, track in enumerate(sorted({track for _, track in pairs}))}
    together = np.zeros((len(rows), len(columns)))
    for (person, track), count in pairs.items():
        together[rows[person], columns[track]] = count
    matched = together[linear_sum_assignment(together, maximize=True)].sum()
    return float(2 * matched / (people + boxes))


def only_ignored(track: Tracked, persons: Sequence[Tracked], ignored: Sequence[Tracked]) -> bool:
    """Whether a track is of somebody who need not be found, and of nobody else."""
    return bool(overlaps_of([track], ignored).max(initial=0) >= 0.5 > overlaps_of([track], persons).max(initial=0))


def overlaps_of(some: Sequence[Tracked], others: Sequence[Tracked]) -> Floats:
    """Intersection over union of each with each other."""
    boxes = [np.array([box for _, box in side], np.float32).reshape(-1, 4) for side in (some, others)]
    return overlaps(boxes[0], boxes[1])
