"""Real weights, for the tests that look at real pictures."""

from pathlib import Path

import pytest

from shared_utils.config.schema import ObjectsConfig
from tests.support.as_segment import existing
from video_worker.detectors.onnx_yolo import OnnxYolo


@pytest.fixture(scope="module")
def yolo_path(models_dir: Path) -> Path:
    return existing(models_dir / "yolov8n.onnx")


@pytest.fixture(scope="module")
def yolo(yolo_path: Path) -> OnnxYolo:
    return OnnxYolo(yolo_path, ObjectsConfig())
