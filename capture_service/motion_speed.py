"""How much of a camera's video is decoded to look for motion: every frame, or keyframes alone while nothing happens.

Packets and looks in, decisions out. No I/O, no threads; all times are stream seconds.
"""

from dataclasses import dataclass
from enum import StrEnum

from capture_service.motion_sizes import SizeWatch
from capture_service.packets import Packet

HOLE_SECONDS = 1.0  # a longer pause between two packets: some are missing, or there is little to be saved
STIRRED_SECONDS = 2.0  # so long after motion, sizes are none of a quiet scene
BEAT = 1.05  # frames do not come on the beat exactly


class Waking(StrEnum):
    """Why every frame is looked at again, in the words of the log."""

    HOLE = "packets are missing, or keyframes come too seldom"
    NO_KEYFRAME = "no keyframe came"
    MANY_BYTES = "the packets are large"
    SIZES = "the packets grew"
    CHANGE = "a keyframe shows a change"
    OTHER_SIZE = "the frames have another size"
    DAMAGE = "a keyframe cannot be decoded alone"
    ERROR = "an error"


@dataclass(frozen=True, slots=True)
class SpeedRule:
    """When motion detection goes down to keyframes alone. For a reason for each figure see docs/design/motion.md."""

    quiet_seconds: float = 60.0  # without a changed region, before it does
    quiet_again_seconds: float = 5.0  # the same, after waking for nothing
    longest_gop_seconds: float = 2.0  # not where keyframes are further apart
    glance_seconds: float = 0.8  # of keyframes closer together, one in so many seconds is looked at
    broken_keyframe_seconds: float = 600.0  # not so soon after a keyframe that could not be decoded alone
    most_held_bytes: int = 16 * 1024 * 1024  # of packets since the last keyframe looked at


class MotionSpeed:
    """The speed of one camera's motion detection: *watchful* at first, *idle* after a quiet minute.

    Whatever speaks against sleeping moves the time until which it stays awake: one number holds it all.
    """

    def __init__(self, rule: SpeedRule, *, enabled: bool) -> None:
        self._rule, self._enabled = rule, enabled
        self._idle = False
        self._now: float | None = None  # the time of the last packet; None before the first
        self._awake_until = 0.0
        self._last_keyframe: float | None = None
        self._last_motion = float("-inf")
        self._sizes = SizeWatch()
        self._woken_by_size = self._found = False

    @property
    def is_idle(self) -> bool:
        return self._idle

    def note(self, packet: Packet) -> None:
        """Take in a packet, of which the speed may be asked then."""
        t = packet.dts_seconds
        if self._now is None or not 0 <= t - self._now <= HOLE_SECONDS:
            self._awake_until = t + self._rule.quiet_seconds
            self._last_keyframe = None
            self._sizes.skip_to_keyframe()
        self._now = t
        if packet.is_keyframe:
            if self._last_keyframe is not None and t - self._last_keyframe > self._rule.longest_gop_seconds * BEAT:
                self._stay_awake(self._rule.quiet_seconds)
            self._last_keyframe = t
        self._sizes.note(packet, learn=t - self._last_motion > STIRRED_SECONDS)

    def saw(self, t: float, *, something: bool) -> None:
        """Take in a look at any frame, taken while watchful."""
        if something:
            self._found, self._last_motion = True, t
            self._stay_awake(self._rule.quiet_seconds)

    def may_sleep(self) -> bool:
        """Whether the last packet, if it is a keyframe, can be the first that is looked at alone."""
        return self._enabled and self._now is not None and self._now >= self._awake_until

    def sleep(self) -> None:
        """Keyframes alone from now on."""
        if self._woken_by_size:
            self._sizes.alarm_was(right=self._found, t=self._now or 0.0)
        self._sizes.forget_rise()
        self._idle, self._woken_by_size = True, False

    def why_wake(self, held_since: float, held_bytes: int) -> Waking | None:
        """Why what is held must be decoded now, without waiting for the next keyframe; None if it need not be."""
        now = self._now or 0.0
        if now < self._awake_until:
            return Waking.HOLE
        if now - held_since > self._rule.longest_gop_seconds * BEAT + self._rule.glance_seconds:
            return Waking.NO_KEYFRAME
        if held_bytes > self._rule.most_held_bytes:
            return Waking.MANY_BYTES
        return Waking.SIZES if self._sizes.rose else None

    def is_due(self, last_glance: float) -> bool:
        """Whether the last packet, a keyframe, is looked at; the time is that of the last that was."""
        return (self._now or 0.0) - last_glance >= self._rule.glance_seconds

    def wake(self, why: Waking) -> None:
        """Every frame from now on, for a while at least."""
        self._idle = self._found = False
        self._woken_by_size = why is Waking.SIZES
        self._stay_awake(self._rule.quiet_again_seconds)

    def keyframe_was_broken(self) -> None:
        """A keyframe was damaged, or is one in name only, as with intra refresh."""
        self._stay_awake(self._rule.broken_keyframe_seconds)

    def _stay_awake(self, seconds: float) -> None:
        self._awake_until = max(self._awake_until, (self._now or 0.0) + seconds)
