"""When to record: looks and the stream's own clock in, the decision out. All times are stream seconds."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["motion", "continuous", "off"]

MAX_LOOK_DELAY_SECONDS = 5.0  # an event does not wait longer than this for looks that are late
LEARN_SECONDS = 3.0  # a detector that has just begun learns the scene first, and sees little meanwhile


@dataclass(frozen=True, slots=True)
class EventRule:
    """What makes an event and how far around the motion it reaches."""

    mode: Mode
    pre_roll_seconds: float
    post_roll_seconds: float


class EventState:
    """Whether an event is going on. Looks may come late, because they are taken by another thread."""

    def __init__(self, rule: EventRule) -> None:
        self._rule = rule
        self._last_motion: float | None = None
        self._looked_until: float | None = None
        self._wanted_from = float("-inf") if rule.mode == "continuous" else None

    @property
    def wanted_from(self) -> float | None:
        """From when on video is to be recorded; None while nothing goes on."""
        return self._wanted_from

    @property
    def goes_on(self) -> bool:
        """Whether there is an event now; recording continuously is none."""
        return self._rule.mode == "motion" and self._wanted_from is not None

    def resume(self) -> None:
        """An event was going on when the camera was lost: record what comes first, whoever is in the picture."""
        if self._rule.mode == "motion":
            self._wanted_from = float("-inf")

    def began(self, t: float) -> None:
        """Recording begins with the frame at `t`; an event that was resumed lasts until motion can have been seen."""
        if self._rule.mode == "motion" and self._last_motion is None:
            self._last_motion = t + LEARN_SECONDS

    def saw(self, t: float, *, moving: bool) -> None:
        """Take in one look."""
        self._looked_until = t if self._looked_until is None else max(t, self._looked_until)
        if moving:
            self.assume_motion(t)

    def assume_motion(self, t: float) -> None:
        """Something moves at `t`, or nobody can say that nothing does."""
        if self._rule.mode != "motion":
            return
        self._last_motion = t if self._last_motion is None else max(t, self._last_motion)
        if self._wanted_from is None:
            self._wanted_from = t - self._rule.pre_roll_seconds

    def is_over(self, keyframe_at: float) -> bool:
        """Whether the event need not go on at this keyframe: recordings end between GOPs only.

        As long as the looks have not come as far as the event's end, there may be motion that nobody told yet.
        """
        if self._rule.mode == "continuous" or self._last_motion is None:
            return False
        end = self._last_motion + self._rule.post_roll_seconds
        if keyframe_at < end:
            return False
        looked_far_enough = self._looked_until is not None and self._looked_until >= end
        return looked_far_enough or keyframe_at >= end + MAX_LOOK_DELAY_SECONDS

    def end(self) -> None:
        """The recording of this event has ended; the next motion begins another."""
        if self._rule.mode != "continuous":
            self._wanted_from = None
            self._last_motion = None
