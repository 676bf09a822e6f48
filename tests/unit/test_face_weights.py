"""Whose trouble missing weights are, and what is no matter of weights."""

from pathlib import Path
from threading import Event

import onnxruntime
import pytest

from face_worker.service import serve
from face_worker.weights import health_for
from shared_utils.config import Config
from shared_utils.errors import ConfigError
from shared_utils.telemetry import HEALTH


@pytest.mark.parametrize(
    ("cameras", "is_trouble"),
    [
        ({"front": ["objects"]}, False),
        ({"front": ["objects"], "back": ["faces"]}, True),
        ({}, True),  # a worker on another machine knows no cameras: its tasks come from anywhere
    ],
)
def test_missing_weights_are_trouble_only_where_faces_are_wanted(
    cameras: dict[str, list[str]], is_trouble: bool
) -> None:
    """Whoever has decided against faces would otherwise look at an unhealthy container for ever."""
    config = Config.model_validate(
        {"cameras": {name: {"url": "rtsp://10.0.0.5/", "analyses": analyses} for name, analyses in cameras.items()}}
    )

    assert (health_for(config) is HEALTH) == is_trouble


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="ONNX Runtime for GPUs is installed here"
)
def test_a_gpu_that_is_asked_for_and_missing_is_told_at_the_start_and_not_when_the_weights_come(tmp_path: Path) -> None:
    """Weeks may lie between the two, and nobody would think of the GPU then."""
    config = Config.model_validate({"faces": {"device": "cuda"}, "models_dir": tmp_path, "video_dir": tmp_path})

    with pytest.raises(ConfigError, match=r"faces\.device is 'cuda'"):
        serve(config, Event())
