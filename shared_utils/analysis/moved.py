"""What moved between the frames that are looked at, as the manifest tells it."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from shared_utils.analysis.frames import Frame
from shared_utils.segments import BoxPx, MotionLook

# What does not move is looked at this often all the same: a score wavers, and a dark coat moves unseen.
_SURVEY_SECONDS = 2.5
# In a short segment more often, so that nothing has to be sure at the first look.
_LEAST_SURVEYS = 4
# A look of the motion detector may be this much later than the motion that it saw.
_LATE_SECONDS = 0.3
# The motion detector names no more boxes of one look than this; more may have moved.
_MOST_BOXES = 10


def marked(frames: Iterable[Frame], looks: Sequence[MotionLook]) -> Iterator[tuple[Frame, tuple[BoxPx, ...] | None]]:
    """Each frame, in order of time, with what moved since the frame before it; None: it is to be looked at as a whole.

    Whole are the first frame, the last, the one with the most motion, one every few seconds, and every frame of which
    it is not known where something moved.
    """
    in_order = sorted(looks, key=lambda look: look.t)
    times = [look.t for look in in_order]
    liveliest = max(in_order, key=lambda look: look.area).t if looks else None
    pause_seconds = min(_SURVEY_SECONDS, (times[-1] - times[0]) / _LEAST_SURVEYS) if looks else 0.0
    before, surveyed = float("-inf"), float("-inf")
    for frame, is_last in _with_last(frames):
        since = in_order[bisect_right(times, before) : bisect_right(times, frame.t + _LATE_SECONDS)]
        boxes = _boxes_of(since)
        is_lively = liveliest is None or before < liveliest <= frame.t
        if is_lively or is_last or frame.t - surveyed >= pause_seconds:
            boxes = None
        if boxes is None:
            surveyed = frame.t
        yield frame, boxes
        before = frame.t


def _boxes_of(looks: Sequence[MotionLook]) -> tuple[BoxPx, ...] | None:
    """All their boxes; None if more than these may have moved."""
    if any(not 0 < len(look.boxes) < _MOST_BOXES for look in looks):
        return None
    return tuple(box for look in looks for box in look.boxes)


def _with_last(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Each frame, and whether it is the last."""
    held: Frame | None = None
    for frame in frames:
        if held is not None:
            yield held, False
        held = frame
    if held is not None:
        yield held, True
