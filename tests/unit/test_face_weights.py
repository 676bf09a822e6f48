"""Whose trouble missing weights are."""

import pytest

from face_worker.weights import health_for
from shared_utils.config import Config
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
