"""The engine on models that everybody has: white squares are faces. Real faces are in the integration tests."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared_utils.config import FacesConfig
from shared_utils.errors import WrongUseError
from shared_utils.faces.alignment import AlignmentError
from shared_utils.faces.engine import FaceEngine, FaceFound, load_engine
from shared_utils.faces.recogniser import FaceRecogniser
from shared_utils.models import PACKS_FOLDER, UnusableModelError
from shared_utils.onnx_session import DeviceMissingError, open_session
from tests.support.gpu_runtime import GpuRuntime
from tests.support.tiny_pack import FACE_PX, picture, tiny_pack, write_recogniser

CONFIG = FacesConfig(model="tiny", threads=1)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    tiny_pack(tmp_path / PACKS_FOLDER / "tiny")
    return tmp_path


@pytest.fixture
def engine(models: Path) -> FaceEngine:
    return load_engine(CONFIG, models)


def centres(faces: list[FaceFound]) -> list[tuple[int, int]]:
    return sorted((round((f.box[0] + f.box[2]) / 2), round((f.box[1] + f.box[3]) / 2)) for f in faces)


def test_an_engine_says_what_it_is(engine: FaceEngine) -> None:
    """The length of an embedding is the model's: buffalo_l has 512 numbers, others 128."""
    assert (engine.name, engine.embedding_size, len(engine.recogniser_id)) == ("tiny", 48, 16)


def test_faces_are_found_where_they_are(engine: FaceEngine) -> None:
    found = engine.find(picture((80, 64), (240, 160)))

    assert centres(found) == [(80, 64), (240, 160)]
    assert {round(face.size_px) for face in found} == {FACE_PX}
    assert all(face.landmarks.shape == (5, 2) and face.landmarks.dtype == np.float32 for face in found)
    assert all(0.9 < face.score <= 1 for face in found)


def test_boxes_of_a_large_picture_are_in_its_own_pixels(models: Path) -> None:
    """The detector sees it four times smaller."""
    engine = load_engine(CONFIG.model_copy(update={"detection_size_px": 320}), models)
    large = np.kron(picture((80, 64)), np.ones((4, 4, 1), np.uint8))

    (found,) = engine.find(large)

    assert centres([found]) == [(320, 256)]
    assert found.size_px == pytest.approx(4 * FACE_PX)


def test_a_small_picture_is_never_made_larger(models: Path) -> None:
    """It would cost four times the work, and a face that fills a small picture would not be found any more."""
    engine = load_engine(CONFIG.model_copy(update={"detection_size_px": 1280}), models)

    (found,) = engine.find(picture((80, 64)))

    assert found.size_px == pytest.approx(FACE_PX)


def test_the_same_face_found_in_two_sizes_is_one(engine: FaceEngine) -> None:
    """Enrolment refuses a photo with two faces."""
    image = np.zeros((256, 320, 3), np.uint8)
    image[64:96, 96:128] = 255  # large enough to be seen in half the size, too

    in_one_size, in_several = engine.find(image), engine.find(image, portrait=True)

    assert len(in_several) == len(in_one_size) > 0


def test_the_least_score_of_the_configuration_can_be_overruled(models: Path) -> None:
    """Redaction would rather cover a face too many."""
    engine = load_engine(CONFIG.model_copy(update={"min_score": 0.9}), models)
    grey = (picture((80, 64)) * 0.8).astype(np.uint8)

    assert engine.find(grey) == []
    assert len(engine.find(grey, least_score=0.5)) == 1


@pytest.mark.parametrize("size", [(1, 1), (2000, 1), (1, 2000), (7, 7), (33, 15), (3000, 2)])
def test_a_picture_too_small_for_a_face_has_none(engine: FaceEngine, size: tuple[int, int]) -> None:
    """OpenCV and ONNX Runtime would both end with errors of their own."""
    white = np.full((size[1], size[0], 3), 255, np.uint8)

    assert all(face.size_px > 0 for face in engine.find(white, portrait=True))


@pytest.mark.parametrize("shape", [(100, 100), (100, 100, 4), (100, 100, 1), (0, 100, 3)])
def test_what_is_no_bgr_picture_is_the_callers_mistake(engine: FaceEngine, shape: tuple[int, ...]) -> None:
    with pytest.raises(WrongUseError, match="BGR pictures"):
        engine.find(np.zeros(shape, np.uint8))


def test_embeddings_have_length_one_whatever_their_number(engine: FaceEngine) -> None:
    """Their product is a cosine only then. No face is no embedding, not an error."""
    image = picture((80, 64), (240, 160), (160, 120))
    faces = engine.find(image)

    embeddings, none = engine.embed(image, faces), engine.embed(image, [])

    assert embeddings.shape == (3, 48)
    assert embeddings.dtype == np.float32
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1)
    assert none.shape == (0, 48)


def test_an_embedding_does_not_depend_on_its_neighbours(models: Path) -> None:
    """A batch is a matter of speed alone, also where the model says that it takes several and does not."""
    folder = models / PACKS_FOLDER / "tiny"
    write_recogniser(folder / "alone.onnx", takes_several=False)
    random = np.random.default_rng(0)
    crops = [random.integers(0, 256, (112, 112, 3), np.uint8) for _ in range(20)]

    together, fixed = (
        FaceRecogniser(path, open_session(path), device="cuda")
        for path in (folder / "tiny_w16.onnx", folder / "alone.onnx")
    )

    alone = np.concatenate([together.embed([crop]) for crop in crops])
    assert together.embed(crops) == pytest.approx(alone, abs=1e-5)
    assert fixed.embed(crops) == pytest.approx(alone, abs=1e-5)


def test_landmarks_that_no_face_has_are_an_error(engine: FaceEngine) -> None:
    """A crop of nothing would be enrolled as somebody."""
    image = picture((80, 64))
    (face,) = engine.find(image)

    for landmarks in (np.full((5, 2), 40, np.float32), np.full((5, 2), np.nan, np.float32)):
        with pytest.raises(AlignmentError, match="do not span a face"):
            engine.embed(image, [replace(face, landmarks=landmarks)])


def test_a_detector_without_landmarks_is_refused_at_the_start(tmp_path: Path) -> None:
    """Nothing could be aligned."""
    tiny_pack(tmp_path / PACKS_FOLDER / "tiny", landmarks=False)

    with pytest.raises(UnusableModelError, match="no landmarks"):
        load_engine(CONFIG, tmp_path)


@pytest.mark.parametrize("gain", [0.0, float("nan")])
def test_a_recogniser_that_says_nothing_is_refused_at_the_start(models: Path, gain: float) -> None:
    """Every face would be as similar to every other; weights that were converted badly do this."""
    write_recogniser(models / PACKS_FOLDER / "tiny" / "tiny_w16.onnx", gain=gain)

    with pytest.raises(UnusableModelError, match="nothing but zeros, or with no numbers"):
        load_engine(CONFIG, models)


def test_both_models_run_on_the_gpu_that_was_asked_for(models: Path) -> None:
    """A recogniser left on the CPU would be the slow part, unseen."""
    runtime = GpuRuntime(gpu_works=True)

    engine = load_engine(CONFIG.model_copy(update={"device": "cuda"}), models, runtime=runtime)

    assert runtime.calls == ["preload_dlls", "InferenceSession"] * 2
    assert len(engine.find(picture((80, 64)))) == 1


def test_a_gpu_that_is_missing_is_an_error_that_names_the_setting(models: Path) -> None:
    with pytest.raises(DeviceMissingError, match=r"faces\.device is 'cuda'.*face-gpu\.txt.*set faces\.device to cpu"):
        load_engine(CONFIG.model_copy(update={"device": "cuda"}), models, runtime=GpuRuntime(gpu_works=False))
