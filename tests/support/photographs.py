"""Photographs that installed wheels carry, found without importing the wheels."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from video_worker.detectors import Image


def photograph(name: str) -> Image:
    """An image of Ultralytics' wheel (`bus.jpg`, `zidane.jpg`). Skips the test where the wheel is not installed."""
    wheel = importlib.util.find_spec("ultralytics")
    if wheel is None or wheel.origin is None:
        pytest.skip("the wheel of ultralytics is not installed: requirements/pictures.txt")
    image = cv2.imread(str(Path(wheel.origin).parent / "assets" / name))
    assert image is not None, f"{name} is not in the wheel"
    return np.asarray(image, np.uint8)


def group_photograph() -> Image:
    """The photograph of six people that InsightFace's wheel carries, 1280 x 886."""
    wheel = importlib.util.find_spec("insightface")
    assert wheel is not None, "insightface is part of requirements/dev.txt"
    assert wheel.origin is not None
    image = cv2.imread(str(Path(wheel.origin).parent / "data" / "images" / "t1.jpg"))
    assert image is not None, "t1.jpg is not in the wheel"
    return np.asarray(image, np.uint8)
