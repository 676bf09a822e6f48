"""The quality of a face orders faces as recognition would, and is calm about what does not matter."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from shared_utils.analysis.detections import Image
from shared_utils.faces.alignment import aligned_crop
from shared_utils.faces.face import FaceFound
from shared_utils.faces.quality import Pose, pose_of, quality_of

FRONTAL = np.array(((38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2)), np.float32)
SIDE_PX = 112


def face_at(landmarks: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = FRONTAL, *, scale: float = 1) -> FaceFound:
    box = (0.0, 0.0, SIDE_PX * scale, SIDE_PX * scale)
    return FaceFound(box, 0.9, np.asarray(landmarks * scale, np.float32))


@pytest.fixture
def image() -> Image:
    """As much detail at every scale as a photograph has: noise, smoothed in steps and added up."""
    random = np.random.default_rng(0)
    layers = [cv2.GaussianBlur(random.normal(size=(SIDE_PX, SIDE_PX, 3)), (0, 0), s) * s for s in (0.7, 2, 5, 12)]
    grey = sum(layers)
    return np.asarray(np.clip(128 + 45 * grey / np.std(grey), 0, 255), np.uint8)


def turned(by: float) -> FaceFound:
    """The nose moved sideways by this share of the distance between the eyes."""
    landmarks = FRONTAL.copy()
    landmarks[2, 0] += by * (FRONTAL[1, 0] - FRONTAL[0, 0])
    return face_at(landmarks)


def test_a_large_sharp_frontal_face_is_as_good_as_it_gets(image: Image) -> None:
    """Quality weighs embeddings: the best faces must not be told apart by noise in the measure."""
    quality = quality_of(image, face_at())

    assert quality.size_px == SIDE_PX
    assert quality.overall > 0.9
    assert quality.frontality > 0.95


def test_the_smaller_a_face_the_worse(image: Image) -> None:
    """Recognition loses a quarter at 24 px and three quarters at 12."""
    overall = []
    for scale in (1.0, 0.4, 0.2, 0.1):
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        overall.append(quality_of(np.asarray(small, np.uint8), face_at(scale=scale)).overall)

    assert overall == sorted(overall, reverse=True)
    assert overall[0] > 2 * overall[-1]


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_a_face_that_moved_is_blurred_whichever_way_it_went(image: Image, angle: int) -> None:
    """The variance of the Laplacian takes motion blur for sharpness: across it everything is as sharp as ever."""
    streak = np.zeros((13, 13), np.float32)
    streak[6] = 1
    kernel = cv2.warpAffine(streak, cv2.getRotationMatrix2D((6, 6), angle, 1), (13, 13))
    smeared = np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)

    assert quality_of(smeared, face_at()).sharpness < 0.5 * quality_of(image, face_at()).sharpness


def test_a_face_in_poor_light_is_no_blurred_one(image: Image) -> None:
    """A camera in a dark hall would never get a face named, though recognition loses little."""
    dim = (image * 0.4).astype(np.uint8)

    assert quality_of(dim, face_at()).sharpness == pytest.approx(quality_of(image, face_at()).sharpness, abs=0.1)
    assert quality_of((image * 0.05).astype(np.uint8), face_at()).overall < quality_of(dim, face_at()).overall


def test_the_further_a_face_looks_away_the_worse(image: Image) -> None:
    qualities = [quality_of(image, turned(by)) for by in (0, 0.15, -0.3, 0.5)]

    assert [q.frontality for q in qualities] == sorted((q.frontality for q in qualities), reverse=True)
    assert [q.overall for q in qualities] == sorted((q.overall for q in qualities), reverse=True)
    assert qualities[-1].frontality == pytest.approx(0, abs=0.05)


def test_a_face_that_the_detector_is_unsure_of_is_worth_less(image: Image) -> None:
    """A hand before the mouth shows in the score, and in nothing else."""
    assert quality_of(image, replace(face_at(), score=0.7)).overall < 0.6 * quality_of(image, face_at()).overall


def test_pose_is_the_same_in_any_picture() -> None:
    """It is told to people and compared between cameras: size and place must not matter."""
    small, far = pose_of(FRONTAL * np.float32(0.3)), pose_of(FRONTAL + np.float32(500))

    for pose in (small, far):
        assert (pose.yaw, pose.pitch) == pytest.approx((0, 0), abs=0.05)
        assert pose.roll_degrees == pytest.approx(0, abs=1)


@pytest.mark.parametrize("degrees", [-40, 25])
def test_a_head_that_leans_looks_into_the_camera_all_the_same(degrees: float) -> None:
    """Alignment turns it upright, so nothing is lost."""
    angle = np.radians(degrees)
    turn = np.array(((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))), np.float32)

    pose = pose_of(np.asarray(FRONTAL @ turn, np.float32))

    assert pose.roll_degrees == pytest.approx(degrees, abs=1)
    assert (pose.yaw, pose.pitch) == pytest.approx((0, 0), abs=0.05)


def test_a_pose_can_be_told_of_any_five_points() -> None:
    """Landmarks of a face that is no face must not end a worker."""
    for landmarks in (np.zeros((5, 2)), np.ones((5, 2)) * 7, FRONTAL[::-1]):
        assert isinstance(pose_of(np.asarray(landmarks, np.float32)), Pose)


def test_an_aligned_face_lies_where_recognisers_expect_it(image: Image) -> None:
    """The template: a face that is upright already comes out as it is."""
    assert np.abs(aligned_crop(image, face_at())[8:-8, 8:-8].astype(int) - image[8:-8, 8:-8]).mean() < 6
