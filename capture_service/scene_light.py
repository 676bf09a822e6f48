"""The light of the whole picture: exposure, lamps and clouds change it without anything moving."""

import numpy as np

from capture_service.scene_parts import Gray, shrunk

TILES = (60, 34)  # the light is judged on means over tiles, which noise and small objects hardly touch
LEVELS = 32  # brightness levels that the tiles are sorted into
LEAST_TILES = 6  # a level with fewer says nothing
LEAST_SHIFT = 2.0  # a smaller change of brightness over the whole picture is left to the slow following
MOST_GAIN = 6.0


def follow_light(now: Gray, background: Gray) -> tuple[Gray, bool]:
    """The background in the light of now, by brightness and contrast of most of the picture, and whether that changed.

    It is the same array unless a new light explains the difference well: a big object must not be taken for light.
    Light that changes one way here and another way there is noticed, but not followed.
    """
    seen, known = _tiles(now), _tiles(background)
    before = _usual_error(seen, known)
    if max(before) < LEAST_SHIFT:
        return background, False
    gain, offset = _fit(known, seen)
    after = _usual_error(seen, np.clip(gain * known + offset, 0, 255))
    # Either most of the picture fits now (a large object may be in the rest), or nearly all of it does.
    if not any(old >= LEAST_SHIFT and new <= old / 3 for old, new in zip(before, after, strict=True)):
        return background, before[0] >= LEAST_SHIFT
    lit: Gray = np.clip(background * np.float32(gain) + np.float32(offset), 0, 255).astype(np.float32)
    return lit, True


def _tiles(picture: Gray) -> Gray:
    return shrunk(picture, TILES).ravel()


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
