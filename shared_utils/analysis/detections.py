"""Pictures, and what was found in them: the values that detectors, trackers and workers hand to each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # the pixels of a frame, or of parts of several: height x width x 3, BGR
Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the image


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found in one image."""

    label: str
    score: float  # 0 to 1
    box: Box
