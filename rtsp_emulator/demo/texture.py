"""Surfaces that are not quite even: noise that looks like plaster, stone or leaves."""

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Colour = tuple[float, float, float]  # BGR, 0 to 255


def cloud(shape: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator, octaves: int = 5) -> Plane:
    """Fractal noise around 0, about -1 to 1: `cells` blobs down and across in its coarsest layer."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        grid = (min(cells[0] << octave, shape[0]), min(cells[1] << octave, shape[1]))
        layer = rng.standard_normal(grid).astype(np.float32)
        total += cv2.resize(layer, shape[::-1], interpolation=cv2.INTER_CUBIC) * 0.55**octave
    return np.asarray(total / 2.2, np.float32)


def tinted(colour: Colour, brightness: Plane) -> Plane:
    return np.asarray(brightness[..., None] * np.array(colour, np.float32), np.float32)
