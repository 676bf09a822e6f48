"""Telling light from motion: exposure, lamps, clouds and the IR filter change a picture without anything moving."""

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.float32]

TILES = (32, 18)
LEAST_SHIFT = 2.0  # a smaller change of brightness over the whole picture is left to the slow following
LEAST_TEXTURE = 6.0  # standard deviation below which a surface has no structure to recognise
SAME_STRUCTURE = 0.85  # correlation from which two pictures show the same thing in another light


def follow_light(now: Gray, background: Gray) -> Gray:
    """The background in the light of now: brightness and contrast as most of the picture says.

    Unchanged unless that explains the difference well: a big object must not be taken for light.
    """
    seen = cv2.resize(now, TILES, interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
    known = cv2.resize(background, TILES, interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
    before = float(np.median(np.abs(seen - known)))
    if before < LEAST_SHIFT:
        return background
    gain, offset = _fit(known, seen)
    after = float(np.median(np.abs(seen - (gain * known + offset))))
    if after > before / 2:
        return background
    lit: Gray = np.clip(background * np.float32(gain) + np.float32(offset), 0, 255).astype(np.float32)
    return lit


def _fit(known: Gray, seen: Gray) -> tuple[float, float]:
    """Gain and offset by least squares over the tiles that agree, found in a few rounds."""
    gain, offset = 1.0, float(np.median(seen - known))
    for _ in range(4):
        error = np.abs(seen - (gain * known + offset))
        agreeing = error <= max(1.0, 1.5 * float(np.median(error)))
        x, y = known[agreeing], seen[agreeing]
        spread = float(np.var(x))
        gain = float(np.cov(x, y, bias=True)[0, 1]) / spread if spread > 4.0 else 1.0
        gain = min(4.0, max(0.25, gain))
        offset = float(np.mean(y) - gain * np.mean(x))
    return gain, offset


def is_light(
    now: Gray, background: Gray, stat: NDArray[np.int32], region: NDArray[np.bool_], changed: NDArray[np.uint8]
) -> bool:
    """Whether a changed region shows the same structure as before, only brighter or darker."""
    left, top, width, height = (int(value) for value in stat[:4])
    window = np.s_[top : top + height, left : left + width]
    inside = region[window] & (changed[window] > 0)
    seen, known = now[window][inside], background[window][inside]
    if seen.size < 30 or min(float(seen.std()), float(known.std())) < LEAST_TEXTURE:
        return False
    return float(np.corrcoef(seen, known)[0, 1]) > SAME_STRUCTURE
