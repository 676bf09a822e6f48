"""Which detector a worker gets, and what it says where it cannot have the one it wants."""

import importlib.util
import logging
from pathlib import Path

import pytest

from shared_utils.config.schema import ObjectsConfig
from shared_utils.errors import ConfigError, ModelError
from shared_utils.models import ModelMissingError
from tests.support.detectors import BlockDetector, LoadingRecorder
from video_worker.detectors import Detectors, choose_detector, load_detector


def test_without_weights_the_people_detector_of_opencv_takes_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who just wants to see it work has no weights yet; the log says what is missing, once."""
    with caplog.at_level(logging.WARNING):
        detector = choose_detector(ObjectsConfig(), tmp_path)

    assert detector.name == "hog"
    (warning,) = caplog.messages
    assert f"The model 'yolov8n.onnx' is not in {tmp_path}" in warning
    assert "vedette models fetch" in warning
    assert '"model": "hog"' in warning


def test_asking_for_hog_is_no_reason_for_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A choice is not a failure."""
    assert choose_detector(ObjectsConfig(model="hog"), tmp_path).name == "hog"
    assert not caplog.messages


@pytest.mark.parametrize("contents", [b"", b"<html>404: Not Found</html>", b"\x08\x07" + bytes(500)])
def test_weights_that_are_no_weights_are_an_error_with_path_and_cure(tmp_path: Path, contents: bytes) -> None:
    """A failed download must not silently become a detector that finds half the people."""
    weights = tmp_path / "yolov8n.onnx"
    weights.write_bytes(contents)

    with pytest.raises(ModelError, match="vedette models") as failure:
        choose_detector(ObjectsConfig(), tmp_path)

    assert str(weights) in str(failure.value)


def test_weights_that_are_a_folder_are_an_error(tmp_path: Path) -> None:
    """Docker makes a folder of a bind mount whose source is missing."""
    (tmp_path / "yolov8n.onnx").mkdir()

    with pytest.raises(ModelError, match=r"yolov8n\.onnx"):
        choose_detector(ObjectsConfig(), tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="the optional extra is installed here")
def test_weights_for_ultralytics_name_the_extra_that_reads_them(tmp_path: Path) -> None:
    """`.pt` is what everybody has; torch is what nobody wants on a small machine."""
    (tmp_path / "best.pt").write_bytes(b"whatever")

    with pytest.raises(ModelError, match=r"make ultralytics.*vedette models export"):
        choose_detector(ObjectsConfig(model="best.pt"), tmp_path)


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_gpu_that_is_asked_for_and_missing_is_an_error(tmp_path: Path, device: str) -> None:
    """A silent run on the CPU is found out weeks later, by the queue that never gets empty."""
    (tmp_path / "yolov8n.onnx").write_bytes(b"not even looked at")
    config = ObjectsConfig.model_validate({"device": device})

    with pytest.raises(ModelError, match=rf"objects\.device is '{device}'.*requirements/worker-gpu\.txt"):
        choose_detector(config, tmp_path)


def test_a_label_that_the_model_does_not_know_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """With a typing error in it the filter would drop everything."""
    with pytest.raises(ConfigError, match=r"objects\.labels names 'preson', which hog does not know.*'person'"):
        choose_detector(ObjectsConfig(model="hog", labels=("preson",)), tmp_path)


def test_a_task_without_a_model_gets_the_detector_of_the_worker() -> None:
    """So does one that names just that model: a re-analysis after the weights arrived."""
    load = LoadingRecorder()
    detectors = Detectors(BlockDetector("yolov8n"), load)

    assert detectors.for_model(None) is detectors.own
    assert detectors.for_model("yolov8n") is detectors.own
    assert not load.loaded


def test_a_model_named_by_tasks_is_loaded_once() -> None:
    """A re-analysis of a thousand segments must not load its weights a thousand times."""
    load = LoadingRecorder()
    detectors = Detectors(BlockDetector("yolov8n"), load)

    for _ in range(3):
        assert detectors.for_model("yolov8s").name == "yolov8s"

    assert load.loaded == ["yolov8s"]


def test_only_a_few_other_models_stay_loaded() -> None:
    """Each holds tens to hundreds of megabytes."""
    load = LoadingRecorder()
    detectors = Detectors(BlockDetector("yolov8n"), load)

    for name in ("a", "b", "c", "d", "d", "c", "a"):
        detectors.for_model(name)

    assert load.loaded == ["a", "b", "c", "d", "a"]


@pytest.mark.parametrize("model", ["../secrets", "/etc/passwd", "a/b.onnx", "", ".hidden", "x" * 200])
def test_a_task_cannot_name_a_file_outside_the_models(model: str) -> None:
    """Whoever can write to Redis must not be able to have any file opened."""
    load = LoadingRecorder()
    detectors = Detectors(BlockDetector("yolov8n"), load)

    with pytest.raises(ModelError, match="is not the name of a model"):
        detectors.for_model(model)
    assert not load.loaded


def test_a_model_is_found_by_its_name_without_the_suffix(tmp_path: Path) -> None:
    """The lines say "yolov8s"; what stands there can be asked for."""
    (tmp_path / "yolov8s.onnx").write_bytes(b"broken")

    with pytest.raises(ModelError, match=r"yolov8s\.onnx is not usable"):
        load_detector("yolov8s", ObjectsConfig(), tmp_path)


def test_a_missing_model_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """The worker of another machine may have another folder."""
    with pytest.raises(ModelMissingError) as failure:
        load_detector("yolov8x", ObjectsConfig(), tmp_path)

    assert f"'yolov8x' is not in {tmp_path} (MODELS_DIR)" in str(failure.value)
