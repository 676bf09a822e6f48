"""Photographs that installed wheels carry, found without importing the wheels."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from video_worker.detectors import Picture


def photograph(name: str) -> Picture:
    """A picture of Ultralytics' wheel (`bus.jpg`, `zidane.jpg`). Skips the test where the wheel is not installed."""
    wheel = importlib.util.find_spec("ultralytics")
    if wheel is None or wheel.origin is None:
        pytest.skip("the wheel of ultralytics is not installed: requirements/pictures.txt")
    picture = cv2.imread(str(Path(wheel.origin).parent / "assets" / name))
    assert picture is not None, f"{name} is not in the wheel"
    return np.asarray(picture, np.uint8)
