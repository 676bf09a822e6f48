"""Where a place in the yard is seen: a real pinhole camera, so that people have the right size everywhere."""

from dataclasses import dataclass

WIDTH_PX, HEIGHT_PX = 1920, 1080
HORIZON_PX = 240.0
CAMERA_HEIGHT_METRES = 2.2
FOCAL_PX = 1100.0
WALL_FOOT_PX = 520  # where the house meets the paving
WALL_PX_PER_METRE = (WALL_FOOT_PX - HORIZON_PX) / CAMERA_HEIGHT_METRES
CORNER_PX = 1590  # where the side wall, on the right, meets the house


@dataclass(frozen=True, slots=True)
class Ground:
    """A place on the paving, in metres: `x` to the right of the camera, `z` away from it."""

    x: float
    z: float


def px_per_metre(z: float) -> float:
    """How many pixels of the full picture one metre is at this distance."""
    return FOCAL_PX / z


def on_picture(place: Ground) -> tuple[float, float]:
    """The pixel of the full picture where a place on the paving is seen."""
    scale = px_per_metre(place.z)
    return WIDTH_PX / 2 + place.x * scale, HORIZON_PX + CAMERA_HEIGHT_METRES * scale
