"""The engine on real weights: it must find and tell apart what InsightFace itself does."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from insightface.app import FaceAnalysis

from shared_utils.analysis.detections import Image
from shared_utils.config import FacesConfig
from shared_utils.faces.alignment import aligned_crop
from shared_utils.faces.engine import FaceEngine, FaceFound, load_engine
from shared_utils.faces.pack import find_pack
from shared_utils.models import PACKS_FOLDER
from tests.support.photographs import group_photograph, photograph

# What InsightFace calls for alignment is about to be removed from scikit-image; the engine calls what takes its place.
pytestmark = pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")

PACKS = ("buffalo_l", "buffalo_s", "local_mbf")


@pytest.fixture(scope="module")
def engine(models_dir: Path) -> FaceEngine:
    return load_engine(FacesConfig(model=_present_pack(models_dir), threads=1), models_dir)


@pytest.fixture(scope="module")
def reference(models_dir: Path) -> Any:
    """InsightFace as its own documentation uses it."""
    folder = find_pack(_present_pack(models_dir), models_dir).detector.parent
    analysis = FaceAnalysis(
        name=folder.name,
        root=str(folder.parents[1]),
        providers=["CPUExecutionProvider"],
        allowed_modules=["detection", "recognition"],
    )
    analysis.prepare(ctx_id=-1, det_size=(640, 640))
    return analysis


def _present_pack(models_dir: Path) -> str:
    found = [name for name in PACKS if (models_dir / PACKS_FOLDER / name).is_dir()]
    if not found:
        pytest.skip(f"MODELS_DIR has none of the packs {', '.join(PACKS)}: vedette models fetch buffalo_s")
    return found[0]


def similarities(engine: FaceEngine, image: Image, faces: list[FaceFound], others: list[Any]) -> list[float]:
    """How similar each face is to the one that InsightFace found in the same place."""
    embeddings = engine.embed(image, faces)
    return [
        max(float(mine @ other.normed_embedding) for other in others if abs(other.bbox[0] - face.box[0]) < 4)
        for face, mine in zip(faces, embeddings, strict=True)
    ]


def test_all_faces_of_a_group_are_found(engine: FaceEngine) -> None:
    found = engine.find(group_photograph())

    assert len(found) == 6
    assert min(face.score for face in found) > 0.75
    assert [face.score for face in found] == sorted((face.score for face in found), reverse=True)


def test_landmarks_are_in_their_order(engine: FaceEngine) -> None:
    """Eyes above the nose, the nose above the mouth, and left and right as seen: alignment relies on it."""
    for face in engine.find(group_photograph()):
        right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
        assert right_eye[0] < left_eye[0]
        assert right_mouth[0] < left_mouth[0]
        assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


@pytest.mark.parametrize("name", ["group", "bus.jpg", "zidane.jpg"])
def test_embeddings_are_those_of_insightface(engine: FaceEngine, reference: Any, name: str) -> None:
    """A gallery made with the library itself can be compared with; and what is left out of it changes nothing."""
    image = group_photograph() if name == "group" else photograph(name)

    faces, others = engine.find(image), reference.get(image)

    assert len(faces) == len(others) > 0
    assert min(similarities(engine, image, faces, others)) > 0.999


def test_a_face_and_its_mirror_image_are_alike_and_two_people_are_not(engine: FaceEngine) -> None:
    """The plainest that recognition has to do, without any photograph of the same person twice."""
    image = group_photograph()
    faces = sorted(engine.find(image), key=lambda face: face.box[0])
    embeddings = engine.embed(image, faces)

    mirrored = engine.embed_crops([np.ascontiguousarray(engine.crop(image, face)[:, ::-1]) for face in faces])

    alike = embeddings @ mirrored.T
    assert np.diag(alike).min() > 0.7
    assert (embeddings @ embeddings.T)[~np.eye(len(faces), dtype=bool)].max() < 0.4


def test_a_portrait_that_fills_the_picture_is_found_in_a_smaller_size(engine: FaceEngine) -> None:
    """A passport photo is the usual thing to enrol with, and SCRFD finds no face in a large one."""
    image = group_photograph()
    face = engine.find(image)[0]
    x1, y1, x2, y2 = (round(side) for side in face.box)
    portrait = np.asarray(cv2.resize(image[y1 - 10 : y2 + 10, x1 - 20 : x2 + 20], (900, 1000)), np.uint8)

    (found,) = engine.find(portrait, portrait=True)

    assert engine.find(portrait) == []
    assert found.size_px > 500
    similarity = engine.embed(portrait, [found])[0] @ engine.embed(image, [face])[0]
    assert similarity > 0.9


@pytest.mark.parametrize("width", [320, 480, 640, 1920])
def test_a_face_of_30_pixels_is_found_whatever_the_size_of_the_picture(engine: FaceEngine, width: int) -> None:
    """Faces on cameras are small, and a 1080p frame is shown to the detector at a third of its size."""
    image = group_photograph()
    face = engine.find(image)[0]
    smaller = 30 * (width / 640 if width > 640 else 1) / face.size_px
    part = image[int(face.box[1]) - 150 : int(face.box[3]) + 150, int(face.box[0]) - 150 : int(face.box[2]) + 150]
    small = cv2.resize(part, None, fx=smaller, fy=smaller, interpolation=cv2.INTER_AREA)
    frame = np.full((width * 9 // 16, width, 3), 90, np.uint8)
    frame[20 : 20 + small.shape[0], 30 : 30 + small.shape[1]] = small

    assert len(engine.find(frame)) >= 1


def test_alignment_is_that_of_insightface(engine: FaceEngine) -> None:
    from insightface.utils.face_align import norm_crop

    image = group_photograph()
    for face in engine.find(image):
        for side_px in (112, 128, 224):
            assert np.array_equal(aligned_crop(image, face, side_px), norm_crop(image, face.landmarks, side_px))
