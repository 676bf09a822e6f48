"""The detectors on real weights and real photographs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from shared_utils.config.schema import ObjectsConfig
from shared_utils.errors import ModelError
from tests.support.as_segment import existing
from tests.support.photographs import photograph
from video_worker.detectors import Detection
from video_worker.detectors.onnx_yolo import OnnxYolo
from video_worker.detectors.opencv_hog import OpenCvHog, score_of_margin
from video_worker.detectors.suppression import overlaps

# What Ultralytics 8.4.190 (torch 2.13.0, CPU) finds with the same yolov8n.onnx, defaults otherwise:
#   YOLO("yolov8n.onnx", task="detect").predict(image, device="cpu")[0].boxes
REFERENCE = {
    "bus.jpg": [
        Detection("person", 0.8893, (670.14, 379.90, 809.94, 879.33)),
        Detection("person", 0.8873, (221.72, 407.62, 343.19, 855.97)),
        Detection("person", 0.8824, (50.86, 396.89, 244.26, 905.26)),
        Detection("bus", 0.8495, (33.49, 229.69, 797.98, 768.72)),
        Detection("person", 0.4319, (0.41, 550.24, 58.00, 867.83)),
    ],
    "zidane.jpg": [
        Detection("person", 0.8274, (118.88, 197.74, 1113.72, 710.56)),
        Detection("person", 0.8228, (749.15, 42.22, 1143.53, 709.86)),
        Detection("tie", 0.2767, (436.31, 437.31, 523.69, 714.56)),
    ],
}


def overlap(one: Detection, other: Detection) -> float:
    return float(overlaps(np.array([one.box], np.float32), np.array([other.box], np.float32))[0, 0])


def labels(detections: Sequence[Detection]) -> list[str]:
    return [detection.label for detection in detections]


@pytest.mark.parametrize("name", list(REFERENCE))
def test_boxes_and_scores_are_those_of_ultralytics(yolo: OnnxYolo, name: str) -> None:
    """People compare; and a small mistake in the letterbox shows as boxes that are a little off everywhere."""
    (found,) = yolo.detect([photograph(name)])

    assert labels(found) == labels(REFERENCE[name])
    for ours, theirs in zip(found, REFERENCE[name], strict=True):
        assert ours.score == pytest.approx(theirs.score, abs=0.02)
        assert overlap(ours, theirs) > 0.95


def test_several_images_at_once_give_what_each_gives_alone(yolo: OnnxYolo) -> None:
    """A batch is a matter of speed; images of different sizes may be in it."""
    images = [photograph("bus.jpg"), photograph("zidane.jpg"), photograph("zidane.jpg")]

    together = yolo.detect(images)

    assert together == [yolo.detect([image])[0] for image in images]


def test_the_model_is_named_after_its_file_and_knows_its_labels(yolo: OnnxYolo) -> None:
    """The labels come with the weights: somebody's own model has its own."""
    assert yolo.name == "yolov8n"
    assert len(yolo.labels) == 80
    assert yolo.labels[0] == "person"


def test_weaker_boxes_are_found_when_asked_for(yolo_path: Path) -> None:
    """`objects.min_score` reaches the model."""
    (found,) = OnnxYolo(yolo_path, ObjectsConfig(min_score=0.05)).detect([photograph("bus.jpg")])

    assert len(found) > len(REFERENCE["bus.jpg"])
    assert min(detection.score for detection in found) < 0.25


def test_quantised_weights_need_nothing_else(models_dir: Path) -> None:
    """They are the fastest on a small machine."""
    path = existing(models_dir / "originals" / "yolov8n_int8_qdq.onnx")

    (found,) = OnnxYolo(path, ObjectsConfig()).detect([photograph("bus.jpg")])

    assert labels(found) == ["person", "person", "person", "bus", "person"]


def test_a_download_that_broke_off_is_an_error(yolo_path: Path, tmp_path: Path) -> None:
    """Half a model is no model."""
    broken = tmp_path / "yolov8n.onnx"
    broken.write_bytes(yolo_path.read_bytes()[:1_000_000])

    with pytest.raises(ModelError, match=r"yolov8n\.onnx is not usable: ONNX Runtime cannot load it"):
        OnnxYolo(broken, ObjectsConfig())


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("insightface/models/local_mbf/det_500m.onnx", "its output has the shape|it fails on a grey image"),
        ("insightface/alt/mobilefacenet_relu6_128.onnx", "its output has the shape"),
    ],
)
def test_a_model_for_something_else_is_refused_before_any_task(models_dir: Path, file: str, reason: str) -> None:
    """It would find nothing, or nonsense, in every segment."""
    if not (models_dir / file).exists():
        pytest.skip(f"{file} is not there")

    with pytest.raises(ModelError, match=f"is no YOLOv8 detector.*({reason})"):
        OnnxYolo(models_dir / file, ObjectsConfig())


def test_hog_finds_upright_people_where_they_are() -> None:
    """The fallback is weak, but its boxes stand around the people that it does find."""
    (found,) = OpenCvHog(ObjectsConfig()).detect([photograph("bus.jpg")])

    people = [detection for detection in REFERENCE["bus.jpg"] if detection.label == "person"]
    assert found
    assert set(labels(found)) == {"person"}
    assert all(max(overlap(one, person) for person in people) > 0.5 for one in found)


def test_hog_finds_nobody_in_a_plain_image() -> None:
    """A fallback that sees people in walls would be worse than none."""
    wall = np.random.default_rng(3).integers(100, 110, (480, 640, 3)).astype(np.uint8)

    assert OpenCvHog(ObjectsConfig()).detect([wall]) == [[]]


def test_scores_of_hog_lie_between_0_and_1_and_grow_with_its_margin() -> None:
    """The log promises 0 to 1; an SVM has no upper end."""
    scores = score_of_margin(np.array([0.0, 0.6, 1.33, 2.0, 9.0]))

    assert scores.tolist() == sorted(scores.tolist())
    assert 0 < scores[0] < 0.25
    assert scores[1] == pytest.approx(0.25, abs=0.01)
    assert scores[4] < 1
