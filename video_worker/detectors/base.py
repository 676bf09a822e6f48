"""What every detector speaks: pictures in, detections out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # height x width x 3, BGR
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found in one frame."""

    label: str
    score: float  # 0 to 1
    box: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the frame


class Detector(Protocol):
    """Finds objects in pictures."""

    @property
    def name(self) -> str:
        """Stands as `model` in every line; the same for the same weights."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that it can give."""

    @property
    def input_size_px(self) -> tuple[int, int] | None:
        """Height and width of the image that every frame is scaled to; None: no image may be made of several frames."""

    def detect(self, frames: Sequence[Picture]) -> list[list[Detection]]:
        """The detections of each frame, best score first. The frames are left as they were."""
