"""What a camera's picture looks like when nothing happens, learned while looking, and what differs from it now."""

from collections import deque

import cv2
import numpy as np

from capture_service.scene_light import follow_light
from capture_service.scene_parts import Gray, Mask, find_parts, is_no_object, shrunk

WARM_UP_SECONDS = 1.0  # the first background is the mean of the looks of this time
FOLLOW_SECONDS = 8.0  # time constant in which unchanged pixels follow slow changes
STILL_SECONDS = 12.0  # a changed part in which nothing stirs becomes background after this: parked cars, ghosts
NEW_LIGHT_SECONDS = 3.0  # after a change of the light, patches of it are expected
LONGEST_SECONDS = 60.0  # a pixel that stays changed becomes background after this, whatever stirs around it
NOISE_SECONDS = 10.0  # time constant of the noise estimate
DARK_LEVEL, LIGHT_LEVEL = 16.0, 80.0  # in the dark everything differs less, so less must count ...
DARK_PART = 0.4  # ... down to this part of the configured threshold
UNEVEN_NOISE = 2.5  # the first estimate of a tile's noise is at most this many times the usual tile's
NOISE_FACTOR = 5.0  # a change must exceed the mean noise this many times
LOST_SECONDS = 10.0  # after a gap of this and three looks, or a step back in time, the background is learned anew
UPHEAVAL = 0.45  # part of the picture that hardly changes at once by something moving in it ...
UPHEAVALS, UPHEAVAL_LOOKS = 3, 4  # ... unless it happens so often in so many looks
STIR_LOOKS = 3  # stirring is judged against the picture this many looks ago
STIR_LIMIT = 0.6  # and what differs by this part of the limit stirs
STIR_PART = 0.02  # of a changed part that must stir for the whole of it to be alive


class Scene:
    """The running background of one camera. `look` returns the pixels that differ from it."""

    def __init__(self, threshold: float, allowed: Mask, looks_per_second: float) -> None:
        self._lost_seconds = LOST_SECONDS + 3 / looks_per_second
        self._threshold = threshold
        self._allowed = allowed
        self._allowed_px = max(1, int(allowed.sum()))
        self._background: Gray = np.zeros(allowed.shape, np.float32)
        self._started = self._last = 0.0
        self._looks = 0  # that the background was learned from; 0 before the first
        self._noise: Gray = np.zeros(_tiles_of(allowed), np.float32)
        self._still: Gray = np.zeros(allowed.shape, np.float32)
        self._changed_for: Gray = np.zeros(allowed.shape, np.float32)
        self._earlier: deque[Gray] = deque(maxlen=STIR_LOOKS)
        self._lit_at = -NEW_LIGHT_SECONDS  # when the light of the whole picture changed last
        self._upheavals: deque[bool] = deque(maxlen=UPHEAVAL_LOOKS)
        self.differing: Mask = np.zeros_like(allowed)  # what the last look found changed, before it was explained

    @property
    def was_upset(self) -> bool:
        """Whether the last look found another light, or most of the picture changed."""
        return self._lit_at == self._last or any(list(self._upheavals)[-1:])

    def look(self, picture: Mask, t: float) -> Mask:
        """1 where the picture differs from the background by more than noise and light explain, else 0."""
        now = cv2.GaussianBlur(picture, (5, 5), 0).astype(np.float32)
        step = t - self._last
        if self._looks == 0 or step < 0 or step > self._lost_seconds:
            return self._begin(now, t)
        self._last = t
        if t - self._started < WARM_UP_SECONDS:
            return self._warm_up(now)
        changed = self._compare(now, step)
        self._earlier.append(now)
        return changed

    def _begin(self, now: Gray, t: float) -> Mask:
        self._background, self._started, self._last, self._looks = now.copy(), t, t, 1
        self._still[:] = self._changed_for[:] = 0
        self._lit_at = t - NEW_LIGHT_SECONDS
        self._upheavals.clear()
        self._earlier.clear()
        self._earlier.append(now)
        return np.zeros_like(self._allowed)

    def _warm_up(self, now: Gray) -> Mask:
        self._looks += 1
        difference = np.abs(now - self._earlier[-1])
        self._learn_noise(difference, 1 / self._looks)
        # Whoever moves meanwhile must not pass for noise: that would hide him for long.
        np.minimum(self._noise, UNEVEN_NOISE * np.median(self._noise) + 1, out=self._noise)
        cv2.accumulateWeighted(now, self._background, 1 / self._looks)
        self._earlier.append(now)
        return np.zeros_like(self._allowed)

    def _compare(self, now: Gray, step: float) -> Mask:
        difference = self._difference_in_this_light(now)
        limit = self._limit()
        differs = ((difference > limit) & (self._allowed > 0)).astype(np.uint8)
        changed = self.differing = cv2.medianBlur(differs, 3).astype(np.uint8, copy=False)
        self._upheavals.append(int(changed.sum()) > UPHEAVAL * self._allowed_px)
        if self._upheavals[-1]:
            return self._upheaval(now, limit)
        unchanged: Gray = cv2.copyTo(difference, 1 - changed).astype(np.float32, copy=False)
        self._learn_noise(unchanged, step / NOISE_SECONDS)
        changed = self._settle(now, changed, limit, step)
        self._follow(now, changed, step)
        return changed

    def _difference_in_this_light(self, now: Gray) -> Gray:
        """How far each pixel is from the background, after the background was put into the light of now.

        Where the old light fits better it stays: glaring marks and lamps do not follow the camera's exposure.
        """
        difference: Gray = np.abs(now - self._background)
        lit, light_changed = follow_light(now, self._background)
        if light_changed:
            self._lit_at = self._last
        if lit is self._background:
            return difference
        lit_difference = np.abs(now - lit)
        unlit = (difference < lit_difference) & (difference < self._threshold)
        self._background = np.where(unlit, self._background, lit).astype(np.float32)
        least: Gray = np.minimum(difference, lit_difference)
        return least

    def _limit(self) -> Gray:
        """How much each pixel must differ: the configured threshold, or more where the picture is noisy."""
        noise = cv2.resize(self._noise, self._allowed.shape[::-1], interpolation=cv2.INTER_LINEAR)
        steepness = self._threshold * (1 - DARK_PART) / (LIGHT_LEVEL - DARK_LEVEL)
        darkest = self._threshold * DARK_PART
        limit: Gray = self._background * np.float32(steepness)
        limit += np.float32(darkest - DARK_LEVEL * steepness)
        np.clip(limit, darkest, self._threshold, out=limit)
        np.maximum(limit, noise * np.float32(NOISE_FACTOR), out=limit)
        return limit

    def _learn_noise(self, difference: Gray, rate: float) -> None:
        tiles = shrunk(difference, self._noise.shape[::-1])
        cv2.accumulateWeighted(tiles, self._noise, min(1.0, rate))

    def _upheaval(self, now: Gray, limit: Gray) -> Mask:
        """Most of the picture changed at once: lights, the IR filter, a moved camera. Learn it anew.

        If it keeps happening, and not by light, something large is moving right before the lens: that is motion.
        """
        before = self._earlier[-1]
        self._background = now.copy()
        self._still[:] = self._changed_for[:] = 0
        if sum(self._upheavals) < UPHEAVALS:
            return np.zeros_like(self._allowed)
        stirred = cv2.absdiff(now, follow_light(now, before)[0]) > limit
        return (stirred & (self._allowed > 0)).astype(np.uint8)

    def _settle(self, now: Gray, changed: Mask, limit: Gray, step: float) -> Mask:
        """Let parts that are no object, or have been still for long, become background; what is left is motion."""
        if not changed.any():
            self._still[:] = self._changed_for[:] = 0
            return changed
        stirring = cv2.absdiff(now, self._earlier[0]) > limit * STIR_LIMIT
        self._still += step
        self._still *= changed  # 1 or 0, and quicker than an index
        self._changed_for += step
        self._changed_for *= changed
        settled = self._changed_for > LONGEST_SECONDS
        new_light = self._last - self._lit_at < NEW_LIGHT_SECONDS
        for part in find_parts(changed):
            if is_no_object(part, now, self._background, new_light=new_light):
                settled[part.window] |= part.changed
            elif np.mean(stirring[part.window][part.joined]) > STIR_PART:
                self._still[part.window][part.joined] = 0
        settled |= self._still > STILL_SECONDS
        np.copyto(self._background, now, where=settled)
        return np.where(settled, np.uint8(0), changed)

    def _follow(self, now: Gray, changed: Mask, step: float) -> None:
        unchanged = (changed == 0).astype(np.uint8)
        cv2.accumulateWeighted(now, self._background, min(1.0, step / FOLLOW_SECONDS), unchanged)


def _tiles_of(allowed: Mask) -> tuple[int, int]:
    return max(2, allowed.shape[0] // 16), max(2, allowed.shape[1] // 16)
