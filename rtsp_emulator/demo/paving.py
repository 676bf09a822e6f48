"""The ground of the yard, seen in perspective."""

import cv2
import numpy as np

from rtsp_emulator.demo.geometry import CAMERA_HEIGHT_METRES, FOCAL_PX, HEIGHT_PX, HORIZON_PX, WALL_FOOT_PX, WIDTH_PX
from rtsp_emulator.demo.texture import Colour, Plane, cloud, tinted

_SLAB: Colour = (158, 166, 172)
_FINE = 2  # the ground is drawn this much larger and then averaged, or distant joints would flicker


def paving(rng: np.random.Generator) -> Plane:
    """Slabs of 60 x 40 cm in running bond, each a little different, with joints, grain and stains."""
    rows = (HEIGHT_PX - WALL_FOOT_PX) * _FINE
    y = WALL_FOOT_PX + (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / _FINE
    x = (np.arange(WIDTH_PX * _FINE, dtype=np.float32)[None] + 0.5) / _FINE
    z = np.asarray(CAMERA_HEIGHT_METRES * FOCAL_PX / (y - HORIZON_PX), np.float32)
    across = np.asarray((x - WIDTH_PX / 2) * z / FOCAL_PX, np.float32) + 20
    course = np.floor(z / 0.4)
    along = across / 0.6 + 0.5 * (course % 2)
    slab_tone = rng.normal(1, 0.045, (64, 128)).astype(np.float32)
    tone = slab_tone[course.astype(int) % 64, np.floor(along).astype(int) % 128]
    joint = np.minimum(_distance_to_line(along) * 0.6, _distance_to_line(np.broadcast_to(z / 0.4, along.shape)) * 0.4)
    tone *= 1 - 0.42 * np.clip(1.6 - joint / 0.006, 0, 1)
    for metres, strength in ((2.6, 0.06), (0.05, 0.055), (0.016, 0.06)):
        tone *= 1 + strength * _over_ground(cloud((1024, 1024), (64, 64), rng, 4), across, z, metres)
    small = cv2.resize(tone, (WIDTH_PX, rows // _FINE), interpolation=cv2.INTER_AREA)
    small[:26] *= np.linspace(0.6, 1, 26, dtype=np.float32)[:, None]  # less sky is seen from the foot of a wall
    return tinted(_SLAB, np.asarray(small, np.float32))


def _distance_to_line(value: Plane) -> Plane:
    """0 on a whole number, 0.5 half way between two."""
    return np.asarray(0.5 - np.abs(value % 1 - 0.5), np.float32)


def _over_ground(texture: Plane, across: Plane, z: Plane, metres: float) -> Plane:
    """Spread a texture over the paving, one of its coarse cells being this large."""
    scale = texture.shape[0] / 64 / metres
    return np.asarray(
        cv2.remap(
            texture,
            np.asarray(across * scale % 1024, np.float32),
            np.asarray(np.broadcast_to(z * scale % 1024, across.shape), np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        ),
        np.float32,
    )
