"""Faces for trackers: small boxes that leave their own place between two frames."""

import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.tracking_footage import Footage
from shared_utils.analysis.detections import Box, Detection
from shared_utils.faces.engine import FaceEngine
from tests.support.tracking_score import Tracked

# Looked at frame by frame on contact sheets: every face is found in every frame, and nobody passes anybody, so that
# the faces from left to right are always the same people.
PEOPLE_IN_CLIPS = {
    "head-pose-face-detection-female-and-male.gif": 2,
    "face-demographics-walking-and-pause.gif": 3,
    "classroom.gif": 4,
}
_HEAD = 1 / 7  # of a person's height
_HEAD_WIDTH = 0.8  # of a head's height
_MISSED, _JITTER = 0.15, 0.08  # of the heads, and of a head's height


def face_clips(engine: FaceEngine, videos_dir: Path) -> list[Footage]:
    """The clips of which it is known who is where. Raises ValueError if a face was not found, or one too many."""
    return [_faces_of(engine, videos_dir / name, people) for name, people in PEOPLE_IN_CLIPS.items()]


def heads_of(footage: Footage, seed: int) -> Footage:
    """The heads of annotated people as a face detector might find them: some missed, none quite in its place."""
    chance = random.Random(seed)  # noqa: S311  # the same at every run
    truth = {frame: [(who, _head(box)) for who, box in people] for frame, people in footage.truth.items()}
    found = {frame: _as_found([box for _, box in heads], chance) for frame, heads in truth.items()}
    return Footage("heads of TUD-Campus", footage.frames_per_second, footage.frames, found, truth, {})


def _faces_of(engine: FaceEngine, path: Path, people: int) -> Footage:
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS)
    detections: dict[int, list[Detection]] = {}
    truth: dict[int, list[Tracked]] = {}
    while (read := capture.read())[0]:
        faces = sorted(engine.find(np.asarray(read[1], np.uint8)), key=lambda face: face.box[0])
        if len(faces) != people:
            raise ValueError(f"{path.name}: {len(faces)} faces in frame {len(truth) + 1}; known are {people}")
        frame = len(truth) + 1
        detections[frame] = [Detection("face", face.score, face.box) for face in faces]
        truth[frame] = [(place, face.box) for place, face in enumerate(faces)]
    capture.release()
    return Footage(path.name, rate, len(truth), detections, truth, {})


def _head(box: Box) -> Box:
    x1, y1, x2, y2 = box
    height = (y2 - y1) * _HEAD
    half, centre = height * _HEAD_WIDTH / 2, (x1 + x2) / 2
    return centre - half, y1, centre + half, y1 + height


def _as_found(heads: Sequence[Box], chance: random.Random) -> list[Detection]:
    found = []
    for x1, y1, x2, y2 in heads:
        if chance.random() >= _MISSED:
            off = [chance.gauss(0, _JITTER * (y2 - y1)) for _ in range(4)]
            found.append(Detection("face", 0.8, (x1 + off[0], y1 + off[1], x2 + off[2], y2 + off[3])))
    return found
