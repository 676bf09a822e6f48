"""The parts of a picture that differ from the background, and what else than an object explains one."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capture_service.mask_components import Window, components_of, window_around

Gray = NDArray[np.float32]
Mask = NDArray[np.uint8]

JOIN = np.ones((5, 5), np.uint8)  # changed pixels this near to each other are one part
OUTLINE = np.ones((9, 9), np.uint8)
MARGIN = 3  # pixels around a part that are looked at with it
LEAST_PX = 30  # a smaller part is too small to be explained
LEAST_TEXTURE = 2.5  # standard deviation below which a surface has no structure to recognise
SAME_STRUCTURE = 0.9  # correlation from which two pictures show the same thing in another light
SAME_STRUCTURE_IN_NEW_LIGHT = 0.7  # ... which does not fall evenly, so just after it changed less must do
LEAST_EDGE = 2.0  # gray levels per pixel from which an outline is an edge
GHOST_EDGE = 0.5  # an outline this much weaker in the picture than in the background is none of the picture's


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Changed pixels that hang together."""

    window: Window  # the rows and columns that hold it and a margin
    joined: NDArray[np.bool_]  # within the window: the part with the gaps inside it
    changed: NDArray[np.bool_]  # within the window: its changed pixels


def shrunk(picture: Gray, size: tuple[int, int]) -> Gray:
    """The means over `size` (columns, rows) tiles."""
    # OpenCV is quick at whole factors and slow at others: halved first, the slow step has a quarter of the pixels.
    half = cv2.resize(picture, (picture.shape[1] // 2, picture.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(half, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)


def find_parts(changed: Mask) -> list[Part]:
    """All parts, in no particular order."""
    found = components_of(cv2.dilate(changed, JOIN), MARGIN)
    parts = []
    for label in range(1, len(found.boxes)):
        window = window_around(found.boxes[label], MARGIN, changed.shape)
        joined = found.is_one(label, window)
        parts.append(Part(window, joined, joined & (changed[window] > 0)))
    return parts


def is_no_object(part: Part, now: Gray, background: Gray, *, new_light: bool) -> bool:
    """Whether light, or something that has left, explains the part.

    `new_light` says that the light of the whole picture changed just now.
    """
    if np.count_nonzero(part.changed) < LEAST_PX:
        return False
    alike = SAME_STRUCTURE_IN_NEW_LIGHT if new_light else SAME_STRUCTURE
    return _is_light(part, now, background, alike) or _is_ghost(part, now, background)


def _is_light(part: Part, now: Gray, background: Gray, alike: float) -> bool:
    """The same structure as before, only brighter or darker: a lamp, a beam of sun, a shadow."""
    seen, known = now[part.window][part.changed], background[part.window][part.changed]
    seen, known = seen - seen.mean(), known - known.mean()
    # Standard deviations and the correlation by hand: NumPy's own take several times as long on so few pixels.
    seen_power, known_power = float(seen @ seen), float(known @ known)
    if min(seen_power, known_power) < LEAST_TEXTURE**2 * len(seen):
        return False
    return bool(seen @ known > alike * (seen_power * known_power) ** 0.5)


def _is_ghost(part: Part, now: Gray, background: Gray) -> bool:
    """An outline that only the background has: the picture shows what was behind the thing that left."""
    joined = part.joined.astype(np.uint8)
    outline = (cv2.dilate(joined, JOIN) - cv2.erode(joined, OUTLINE)) > 0
    if not outline.any():
        return False
    before = _edge(background[part.window], outline)
    return before > LEAST_EDGE and _edge(now[part.window], outline) < GHOST_EDGE * before


def _edge(picture: Gray, outline: NDArray[np.bool_]) -> float:
    """The mean steepness along an outline, in gray levels per pixel."""
    across = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 8)
    return float(cv2.magnitude(across, down)[outline].mean())
