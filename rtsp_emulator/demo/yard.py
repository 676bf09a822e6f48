"""The empty yard: a sunlit house, a side wall in the shade, paving, and the shade of a tree."""

from functools import cache

import cv2
import numpy as np

from rtsp_emulator.demo.geometry import CORNER_PX, HEIGHT_PX, WALL_FOOT_PX, WIDTH_PX
from rtsp_emulator.demo.house import house, side_wall
from rtsp_emulator.demo.paving import paving
from rtsp_emulator.demo.pictures import Picture
from rtsp_emulator.demo.texture import Plane, cloud


@cache
def empty_yard() -> Picture:
    """The full picture, 1920 x 1080, BGR. The same every time."""
    rng = np.random.default_rng(20)
    picture = np.concatenate((house(rng)[:WALL_FOOT_PX], paving(rng)))
    side_wall(picture, rng)
    picture *= _sunlight()
    soft = cv2.GaussianBlur(picture * _vignette(), (0, 0), 0.7)  # as a small lens does
    return np.clip(soft, 0, 255).astype(np.uint8)


@cache
def sunny() -> Plane:
    """How much sun each pixel gets, 0 shade to 1 sun: no sun behind the side wall, under the eaves and the tree."""
    sun = np.ones((HEIGHT_PX, WIDTH_PX), np.float32)
    behind_side_wall = [
        (CORNER_PX, 0), (CORNER_PX - 120, 0), (CORNER_PX - 20, WALL_FOOT_PX), (WIDTH_PX, 800), (WIDTH_PX, 0)
    ]  # fmt: skip
    under_eaves = [(0, 0), (WIDTH_PX, 0), (WIDTH_PX, 78), (0, 40)]
    for corners in (behind_side_wall, under_eaves):
        cv2.fillPoly(sun, [np.array(corners, np.int32)], 0)
    return np.minimum(cv2.GaussianBlur(sun, (0, 0), 5), _leaves(np.random.default_rng(8)))


def _sunlight() -> Plane:
    """Warm in the sun, bluish in the shade."""
    sun = sunny()[..., None]
    warm, cool = np.array((0.99, 1.04, 1.08), np.float32), np.array((0.60, 0.54, 0.50), np.float32)
    return np.asarray(sun * warm + (1 - sun) * cool, np.float32)


def _leaves(rng: np.random.Generator) -> Plane:
    """The dappled shade of a tree outside the picture, on the near left part of the paving: 0 shade, 1 sun."""
    blobs = cloud((HEIGHT_PX, WIDTH_PX), (30, 18), rng, 3)
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    crown = np.hypot((x - 330) / 620, (y - 1060) / 270)
    shade = np.clip((1.0 - crown) * 2.4 + blobs * 1.1, 0, 1) * np.clip((1.25 - crown) * 3, 0, 1)
    shade[:WALL_FOOT_PX] = 0
    return np.asarray(1 - cv2.GaussianBlur(np.asarray(shade, np.float32), (0, 0), 3), np.float32)


def _vignette() -> Plane:
    y, x = np.mgrid[-1 : 1 : HEIGHT_PX * 1j, -1 : 1 : WIDTH_PX * 1j].astype(np.float32)
    return np.asarray(1 - 0.13 * (x * x + y * y), np.float32)[..., None]
