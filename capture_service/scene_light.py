"""Telling light from motion: exposure, lamps, clouds and the IR filter change a picture without anything moving."""

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.float32]

TILES = (60, 34)  # the light is judged on means over tiles, which noise and small objects hardly touch
LEVELS = 32  # brightness levels that the tiles are sorted into
LEAST_TILES = 6  # a level with fewer says nothing
LEAST_SHIFT = 2.0  # a smaller change of brightness over the whole picture is left to the slow following
MOST_GAIN = 6.0
LEAST_TEXTURE = 2.5  # standard deviation below which a surface has no structure to recognise
SAME_STRUCTURE = 0.9  # correlation from which two pictures show the same thing in another light


def follow_light(now: Gray, background: Gray) -> Gray:
    """The background in the light of now: brightness and contrast as most of the picture says.

    Unchanged unless that explains the difference well: a big object must not be taken for light.
    """
    seen, known = _tiles(now), _tiles(background)
    before = _usual_error(seen, known)
    if max(before) < LEAST_SHIFT:
        return background
    gain, offset = _fit(known, seen)
    after = _usual_error(seen, np.clip(gain * known + offset, 0, 255))
    # Either most of the picture fits now (a large object may be in the rest), or nearly all of it does.
    if not any(old >= LEAST_SHIFT and new <= old / 3 for old, new in zip(before, after, strict=True)):
        return background
    lit: Gray = np.clip(background * np.float32(gain) + np.float32(offset), 0, 255).astype(np.float32)
    return lit


def _tiles(picture: Gray) -> Gray:
    return cv2.resize(picture, TILES, interpolation=cv2.INTER_AREA).ravel().astype(np.float32)


def _usual_error(seen: Gray, known: Gray) -> tuple[float, float]:
    half, most = np.percentile(np.abs(seen - known), (50, 75))
    return float(half), float(most)


def _fit(known: Gray, seen: Gray) -> tuple[float, float]:
    """Gain and offset from the medians of each brightness level, by Theil and Sen's median of slopes.

    By levels, because a picture is often one large flat wall: its tiles alone would tell an offset and no gain.
    """
    x, y, weight = _levels(known, seen)
    one, two = np.triu_indices(len(x), 1)
    if not one.size:
        return 1.0, float(np.median(seen - known))
    distance = x[two] - x[one]
    slopes = (y[two] - y[one]) / np.maximum(distance, 1.0)
    gain = _weighted_median(slopes, weight[one] * weight[two] * distance)
    gain = min(MOST_GAIN, max(1 / MOST_GAIN, gain))
    return gain, _weighted_median(y - gain * x, weight)


def _levels(known: Gray, seen: Gray) -> tuple[Gray, Gray, Gray]:
    """Of each level of `known`: its median, the median of `seen` there, and how much to trust it."""
    level = np.minimum(known * (LEVELS / 256), LEVELS - 1).astype(int)
    counts = np.bincount(level, minlength=LEVELS)
    used = np.flatnonzero(counts >= LEAST_TILES)
    x = np.array([np.median(known[level == one]) for one in used], np.float32)
    y = np.array([np.median(seen[level == one]) for one in used], np.float32)
    return x, y, np.sqrt(counts[used]).astype(np.float32)


def _weighted_median(values: Gray, weights: Gray) -> float:
    order = np.argsort(values)
    heaped = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(heaped, heaped[-1] / 2)])


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
