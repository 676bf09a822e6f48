"""The walls of the yard: a house with a door and two windows, and a side wall of rough blocks.

Drawn, not photographed: nothing in it is a thing that a detector has a name for.
"""

import cv2
import numpy as np

from rtsp_emulator.demo.geometry import (
    CAMERA_HEIGHT_METRES,
    CORNER_PX,
    FOCAL_PX,
    HEIGHT_PX,
    HORIZON_PX,
    WALL_FOOT_PX,
    WALL_PX_PER_METRE,
    WIDTH_PX,
    px_per_metre,
)
from rtsp_emulator.demo.texture import Colour, Plane, cloud, tinted

Box = tuple[int, int, int, int]  # x1, y1, x2, y2

_PLASTER: Colour = (150, 190, 214)
_STONE: Colour = (150, 158, 163)
_SIDE: Colour = (118, 128, 138)
_WOOD: Colour = (62, 82, 60)
_FRAME: Colour = (196, 206, 210)
_GLASS: Colour = (66, 58, 50)


def house(rng: np.random.Generator) -> Plane:
    size = (HEIGHT_PX, WIDTH_PX)
    rough = 1 + 0.035 * cloud(size, (4, 8), rng) + 0.03 * cloud(size, (90, 160), rng, 4)
    streaks = cv2.GaussianBlur(cloud(size, (2, 260), rng, 2), (0, 0), sigmaX=2, sigmaY=60)
    picture = tinted(_PLASTER, np.asarray(rough + 0.05 * streaks, np.float32))
    _plinth(picture, rng)
    _door(picture, 768, rng)
    _window(picture, 254, rng)
    _window(picture, 1184, rng)
    _downpipe(picture, 570)
    _lamp(picture, 956, 250)
    return picture


def _plinth(picture: Plane, rng: np.random.Generator) -> None:
    """Dressed stone along the foot of the wall, with a ledge, and dirt splashed up from the paving."""
    top = WALL_FOOT_PX - 58
    grain = 1 + 0.09 * cloud((58, WIDTH_PX), (3, 90), rng)
    picture[top:WALL_FOOT_PX] = tinted(_STONE, np.asarray(grain, np.float32))
    for left in range(-40, WIDTH_PX, 148):
        picture[top + 6 : WALL_FOOT_PX, max(left, 0) : max(left + 148, 0)] *= rng.uniform(0.93, 1.05)
        picture[top + 6 : WALL_FOOT_PX, max(left, 0) : max(left + 2, 0)] *= 0.62
    picture[top : top + 5] *= 1.16
    picture[top + 5 : top + 9] *= 0.66
    dirt = np.linspace(1, 0.66, 40, dtype=np.float32)[:, None, None]
    picture[WALL_FOOT_PX - 40 : WALL_FOOT_PX] *= dirt


def _door(picture: Plane, left: int, rng: np.random.Generator) -> None:
    """A green wooden door in a stone frame, set back into the wall."""
    width, top = 142, WALL_FOOT_PX - 286
    _block(picture, (left - 20, top - 20, left + width + 20, WALL_FOOT_PX), _FRAME, 0.05, rng)
    _edge_shadow(picture, (left - 20, top - 20, left + width + 20, WALL_FOOT_PX))
    _block(picture, (left, top, left + width, WALL_FOOT_PX), _WOOD, 0.10, rng)
    for row, (y1, y2) in enumerate(((18, 100), (112, 182), (194, 268))):
        for x1 in (14, 78):
            _panel(picture, (left + x1, top + y1, left + x1 + 50, top + y2), 0.9 + 0.04 * row)
    picture[top : top + 16, left : left + width] *= 0.55  # the reveal's shade
    picture[top:WALL_FOOT_PX, left : left + 9] *= 0.6
    cv2.circle(picture, (left + width - 8, top + 158), 5, (90, 150, 170), -1, cv2.LINE_AA)
    _block(picture, (left - 34, WALL_FOOT_PX - 12, left + width + 34, WALL_FOOT_PX), _STONE, 0.06, rng)
    picture[WALL_FOOT_PX - 3 : WALL_FOOT_PX, left - 34 : left + width + 34] *= 0.6


def _panel(picture: Plane, box: Box, brightness: float) -> None:
    x1, y1, x2, y2 = box
    picture[y1:y2, x1:x2] *= brightness
    picture[y1 : y1 + 3, x1:x2] *= 0.6
    picture[y1:y2, x1 : x1 + 3] *= 0.7
    picture[y2 - 3 : y2, x1:x2] *= 1.35
    picture[y1:y2, x2 - 3 : x2] *= 1.25


def _window(picture: Plane, left: int, rng: np.random.Generator) -> None:
    """A barred window with a sill; its glass mirrors a pale sky."""
    top, width, height = 118, 176, 214
    right, bottom = left + width, top + height
    _block(picture, (left - 18, top - 18, right + 18, bottom + 18), _FRAME, 0.05, rng)
    _edge_shadow(picture, (left - 18, top - 18, right + 18, bottom + 18))
    _block(picture, (left, top, right, bottom), _WOOD, 0.08, rng)
    for x1, x2 in ((12, width // 2 - 5), (width // 2 + 5, width - 12)):
        for y1, y2 in ((12, height // 2 - 4), (height // 2 + 4, height - 12)):
            pane = (slice(top + y1, top + y2), slice(left + x1, left + x2))
            shape = picture[pane].shape[:2]
            sheen = (
                1 + 0.5 * np.linspace(1, 0, shape[0], dtype=np.float32)[:, None] + 0.25 * cloud(shape, (2, 2), rng, 3)
            )
            picture[pane] = tinted(_GLASS, np.asarray(sheen, np.float32))
            picture[top + y1 : top + y1 + 7, left + x1 : left + x2] *= 0.5
            picture[top + y1 : top + y2, left + x1 : left + x1 + 5] *= 0.6
    for x in range(left + 22, right, 22):
        cv2.line(picture, (x, top - 8), (x, bottom + 6), (38, 36, 34), 4, cv2.LINE_AA)
        cv2.line(picture, (x - 1, top - 8), (x - 1, bottom + 6), (92, 90, 88), 1, cv2.LINE_AA)
    _block(picture, (left - 28, bottom + 18, right + 28, bottom + 34), _FRAME, 0.06, rng)
    picture[bottom + 34 : bottom + 48, left - 34 : right + 24] *= np.linspace(0.62, 1, 14, dtype=np.float32)[
        :, None, None
    ]


def _downpipe(picture: Plane, x: int) -> None:
    across = np.sin(np.linspace(0.25, np.pi - 0.1, 20, dtype=np.float32))
    pipe = np.broadcast_to(across, (WALL_FOOT_PX - 30, 20))
    picture[: WALL_FOOT_PX - 30, x - 12 : x] *= 0.72  # its shadow
    picture[: WALL_FOOT_PX - 30, x : x + 20] = tinted((120, 128, 132), np.asarray(0.45 + 0.65 * pipe, np.float32))
    for y in (70, 300):
        picture[y : y + 9, x - 4 : x + 24] *= 0.7


def _lamp(picture: Plane, x: int, y: int) -> None:
    """A wall lantern beside the door."""
    picture[y + 6 : y + 66, x - 22 : x - 2] *= 0.75
    cv2.rectangle(picture, (x, y), (x + 8, y + 14), (46, 44, 42), -1)
    cv2.line(picture, (x + 4, y + 4), (x + 18, y - 4), (46, 44, 42), 4, cv2.LINE_AA)
    glass = np.array([[x + 8, y + 10], [x + 30, y + 10], [x + 26, y + 48], [x + 12, y + 48]])
    cv2.fillConvexPoly(picture, glass, (150, 175, 182), cv2.LINE_AA)
    cv2.polylines(picture, [glass], True, (46, 44, 42), 3, cv2.LINE_AA)
    roof = np.array([[x + 4, y + 10], [x + 34, y + 10], [x + 19, y - 4]])
    cv2.fillConvexPoly(picture, roof, (46, 44, 42), cv2.LINE_AA)


def _block(picture: Plane, box: Box, colour: Colour, rough: float, rng: np.random.Generator) -> None:
    x1, y1, x2, y2 = box
    shape = (y2 - y1, x2 - x1)
    cells = (max(1, shape[0] // 24), max(1, shape[1] // 8))
    picture[y1:y2, x1:x2] = tinted(colour, np.asarray(1 + rough * cloud(shape, cells, rng, 3), np.float32))


def _edge_shadow(picture: Plane, box: Box) -> None:
    """What stands out from the wall throws a narrow shadow to the left, and shows its lit edge at the top."""
    x1, y1, x2, y2 = box
    picture[y1 + 8 : y2, x1 - 9 : x1] *= 0.74
    picture[y1 : y1 + 3, x1:x2] *= 1.12
    picture[y1:y2, x2 - 2 : x2] *= 1.1


def _side_wall_x() -> float:
    """How far to the right of the camera the side wall stands, in metres."""
    return (CORNER_PX - WIDTH_PX / 2) / WALL_PX_PER_METRE


def side_wall(picture: Plane, rng: np.random.Generator) -> None:
    """Rough blocks in the shade, seen at an angle: drawn from the front and put into perspective."""
    near_z = FOCAL_PX * _side_wall_x() / (WIDTH_PX / 2) * 0.98
    far_z = FOCAL_PX / WALL_PX_PER_METRE
    scale, high = 150, 4.5  # pixels per metre of the drawing; metres
    shape = (int(high * scale), int((far_z - near_z) * scale))
    front = tinted(_SIDE, np.asarray(1 + 0.10 * cloud(shape, (8, 8), rng) + 0.07 * cloud(shape, (90, 90), rng, 3)))
    for row, y in enumerate(range(0, shape[0], 45)):
        front[y : y + 3] *= 0.72
        for x in range(-45 * (row % 2), shape[1], 90):
            front[y : y + 45, max(x, 0) : max(x + 90, 0)] *= rng.uniform(0.9, 1.08)
            front[y : y + 45, max(x, 0) : max(x + 3, 0)] *= 0.75
    corners = [_side_point(z, y) for z, y in ((far_z, high), (near_z, high), (near_z, 0), (far_z, 0))]
    source = np.array([[0, 0], [shape[1], 0], [shape[1], shape[0]], [0, shape[0]]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    seen = cv2.warpPerspective(front, matrix, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_AREA)
    there = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    cv2.fillConvexPoly(there, np.array(corners, np.int32), 1, cv2.LINE_AA)
    picture[:] = np.where(there[..., None] > 0.5, seen, picture)
    picture[:WALL_FOOT_PX, CORNER_PX - 60 : CORNER_PX] *= np.linspace(1, 0.7, 60, dtype=np.float32)[:, None]


def _side_point(z: float, height_metres: float) -> tuple[float, float]:
    scale = px_per_metre(z)
    return WIDTH_PX / 2 + _side_wall_x() * scale, HORIZON_PX + (CAMERA_HEIGHT_METRES - height_metres) * scale
