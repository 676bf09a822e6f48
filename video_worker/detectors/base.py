"""What every detector speaks: images in, detections out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # the pixels of a frame, or of parts of several: height x width x 3, BGR
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found in one image."""

    label: str
    score: float  # 0 to 1
    box: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the image


class Detector(Protocol):
    """Finds objects in images."""

    @property
    def name(self) -> str:
        """Stands as `model` in every line; the same for the same weights."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that it can give."""

    @property
    def input_size_px(self) -> tuple[int, int] | None:
        """Height and width of the input that every image is scaled to; None: no image may be made of several frames."""

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The detections of each image, best score first. The images are left as they were."""
