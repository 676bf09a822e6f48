"""The second look at a face: upright, close, and with the right to say that there is none."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from face_worker.best_faces import Portrait
from face_worker.upright import seen_again
from shared_utils.analysis.detections import Floats, Image
from shared_utils.faces.face import FaceFound
from shared_utils.faces.quality import pose_of
from tests.support.face_engines import BlockEngine

# Where the landmarks of an upright face of 60 px lie, round its middle; each is a dot of its own colour.
POINTS = np.array([(-12, -12), (12, -12), (0, 0), (-9, 14), (9, 14)], np.float32)
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))


class DotEngine(BlockEngine):
    """Sees faces of five dots, and, like SCRFD, best where they are upright: here, only there."""

    def find(self, image: Image) -> list[FaceFound]:
        centres = [_centre_of(image, colour) for colour in COLOURS]
        if any(centre is None for centre in centres):
            return []
        landmarks = np.array(centres, np.float32)
        if abs(pose_of(landmarks).roll_degrees) > 15:
            return []
        (left, top), (right, bottom) = landmarks.min(axis=0).tolist(), landmarks.max(axis=0).tolist()
        return [FaceFound((left, top, right, bottom), 0.9, landmarks)]


def _centre_of(image: Image, colour: Sequence[int]) -> Floats | None:
    rows, columns = np.nonzero((np.abs(image.astype(np.int32) - colour) < 60).all(axis=2))
    return np.array((columns.mean(), rows.mean()), np.float32) if len(rows) else None


def leaning(degrees: float) -> tuple[Image, Floats]:
    """A face that leans, and where its landmarks are."""
    radians = np.radians(degrees)
    turn = np.array(((np.cos(radians), -np.sin(radians)), (np.sin(radians), np.cos(radians))))
    points = np.asarray(POINTS @ turn.T + (100, 90), np.float32)
    image = np.full((180, 200, 3), 60, np.uint8)
    for (x, y), colour in zip(points.tolist(), COLOURS, strict=True):
        cv2.circle(image, (round(x), round(y)), 4, colour, cv2.FILLED)
    return image, points


def portrait(image: Image, landmarks: Floats) -> Portrait:
    return Portrait(0.0, image, FaceFound((70, 55, 130, 125), 0.8, landmarks), 0.5)


@pytest.mark.parametrize("degrees", [-40, -10, 0, 25, 50])
def test_the_landmarks_of_a_head_that_leans_are_found_as_if_it_were_upright(degrees: float) -> None:
    """By them the face is aligned; landmarks that are off by a few pixels make somebody else of her."""
    image, points = leaning(degrees)
    rough = points + np.random.default_rng(1).normal(0, 2, points.shape).astype(np.float32)

    found = seen_again(portrait(image, rough), DotEngine())

    assert found is not None
    assert found.landmarks == pytest.approx(points, abs=1.0)
    assert found.box == (70, 55, 130, 125)


def test_what_is_no_face_at_the_second_look_is_none() -> None:
    """A shop window would be a stranger in the gallery, and the next one the same stranger again."""
    _, points = leaning(0)

    assert seen_again(portrait(np.full((180, 200, 3), 60, np.uint8), points), DotEngine()) is None


def test_the_face_of_a_neighbour_is_not_taken_for_it() -> None:
    """Beside somebody who turns away stands somebody who looks into the camera."""
    image, points = leaning(0)

    assert seen_again(portrait(image, points - np.array((40, 0), np.float32)), DotEngine()) is None
