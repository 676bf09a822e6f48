"""Which moments of a segment are worth looking at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared_utils.segments import MotionLook

Interval = tuple[float, float]  # seconds from the start of the segment

# Looks come 5 times a second and may miss one or two: closer than this they belong together.
_JOIN_SECONDS = 1.0
# What moved was there a little before it was noticed, and a little after.
_MARGIN_SECONDS = 0.3
# Where nothing is known about motion (continuous recording, salvage) most frames are alike.
_UNKNOWN_FRAMES_PER_SECOND = 1.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many frames of a segment are looked at."""

    frames_per_second: float = 3.0  # while something moves
    max_frames: int = 60  # in one segment; beyond it they are spread evenly


def sample_times(looks: Sequence[MotionLook], duration_seconds: float, sampling: Sampling) -> tuple[float, ...]:
    """The moments to look at, in seconds from the start, ascending; at least one."""
    moving = moving_intervals(looks, duration_seconds)
    if moving:
        return spread(moving, sampling.frames_per_second, sampling.max_frames)
    per_second = min(_UNKNOWN_FRAMES_PER_SECOND, sampling.frames_per_second)
    return spread([(0.0, max(duration_seconds, 0.0))], per_second, sampling.max_frames)


def usual_rate(times: Sequence[float], sampling: Sampling) -> float:
    """How many frames a second there really are: fewer than asked for in a segment that is moving all along."""
    pauses = sorted(later - earlier for earlier, later in pairwise(times))
    usual = pauses[len(pauses) // 2] if pauses else 0.0
    return min(sampling.frames_per_second, 1 / usual) if usual > 0 else sampling.frames_per_second


def moving_intervals(looks: Sequence[MotionLook], duration_seconds: float) -> list[Interval]:
    """When something moved: looks close to each other are one interval. Nothing lies outside the segment."""
    intervals: list[Interval] = []
    for t in sorted(look.t for look in looks if 0 <= look.t <= duration_seconds):
        begin, end = max(t - _MARGIN_SECONDS, 0.0), min(t + _MARGIN_SECONDS, duration_seconds)
        if intervals and begin - intervals[-1][1] <= _JOIN_SECONDS - 2 * _MARGIN_SECONDS:
            intervals[-1] = (intervals[-1][0], end)
        else:
            intervals.append((begin, end))
    return intervals


def spread(intervals: Sequence[Interval], per_second: float, most: int) -> tuple[float, ...]:
    """At most `most` moments, evenly in the intervals, each interval seen at least once while that is possible."""
    if len(intervals) > most:
        intervals = [intervals[number * len(intervals) // most] for number in range(most)]
    lengths = [end - begin for begin, end in intervals]
    counts = _counts(lengths, per_second, most)
    return tuple(
        begin + (number + 0.5) * length / count
        for (begin, _), length, count in zip(intervals, lengths, counts, strict=True)
        for number in range(count)
    )


def _counts(lengths: Sequence[float], per_second: float, most: int) -> list[int]:
    """How many moments each interval gets."""
    wanted = [max(math.ceil(length * per_second - 1e-9), 1) for length in lengths]
    if sum(wanted) <= most:
        return wanted
    # One each, the rest by length; rounding down leaves a few, which go to where most is missing.
    spare, total = most - len(lengths), sum(lengths)
    shares = [spare * length / total for length in lengths]
    counts = [1 + math.floor(share) for share in shares]
    by_need = sorted(range(len(shares)), key=lambda number: math.floor(shares[number]) - shares[number])
    for number in by_need[: most - sum(counts)]:
        counts[number] += 1
    return counts
