"""What looking at keyframes alone, while nothing moves, misses and saves: the same footage at both speeds."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.report import table
from capture_service.motion import MotionSeen
from capture_service.motion_looker import Looker
from capture_service.motion_speed import SpeedRule
from capture_service.packets import Packet, VideoFormat
from shared_utils.config.schema import MotionConfig
from tests.support.clips import room
from tests.support.motion_clips import covered_seconds, recorded_intervals, video_of
from tests.support.paused_clips import FPS, LONGEST_SIDE, Coding, Luma, flashes, frames_of, paused, write_clip

Interval = tuple[float, float]

QUIET_SECONDS = 8.0
EXCERPT_SECONDS = 12.0
# The second is long enough for what the clip left behind to become background (12 s) and for sleeping again.
PAUSES = (18.3, 31.9)
FLASHES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
LONG_SECONDS = 2.0
JOIN_SECONDS = 2.0  # moving looks closer together than this are one event
RULE = SpeedRule(quiet_seconds=QUIET_SECONDS, longest_gop_seconds=4.0)
CODINGS = {
    "1 s, variable": Coding(1.0),
    "2 s, variable": Coding(2.0),
    "2 s, constant 1 Mbit/s": Coding(2.0, 1_000_000),
    "4 s, variable": Coding(4.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What one speed saw of a stream and what it cost."""

    seen: list[MotionSeen]
    cpu_seconds: list[float]  # of each packet
    idle: list[bool]  # at each packet

    @property
    def events(self) -> list[Interval]:
        """The first and the last look of each motion."""
        found: list[Interval] = []
        for look in self.seen:
            if look.moving:
                begin = found.pop()[0] if found and look.t - found[-1][1] <= JOIN_SECONDS else look.t
                found.append((begin, look.t))
        return found


@dataclass(slots=True)
class Tally:
    """Both speeds compared, over all clips of one coding."""

    seconds: float = 0.0
    quiet_seconds: float = 0.0  # while the two-speed detector slept
    cpu: list[float] = field(default_factory=lambda: [0.0, 0.0])  # always watchful, two speeds
    quiet_cpu: list[float] = field(default_factory=lambda: [0.0, 0.0])
    false: list[int] = field(default_factory=lambda: [0, 0])
    long: int = 0
    long_missed: list[str] = field(default_factory=list)
    not_recorded_seconds: float = 0.0  # of long events
    short: int = 0
    short_missed: int = 0
    late: list[float] = field(default_factory=list)


def measure() -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tallies = {coding: tally_of(folder, coding) for coding in CODINGS} if clips() else {}
        flash_rows = [flash_row(folder, *case) for case in FLASH_CASES]
        cost_rows = [cost_row(folder, *case) for case in COST_CASES]
    missed = [clip for tally in tallies.values() for clip in tally.long_missed]
    return "\n".join([
        HEAD,
        table(TALLY_HEAD, [tally_row(coding, tally) for coding, tally in tallies.items()]),
        f"Missed events of {LONG_SECONDS:g} s and longer: {', '.join(missed) or 'none'}.\n",
        FLASH_TEXT,
        table(FLASH_HEAD, flash_rows),
        COST_TEXT,
        table(COST_HEAD, cost_rows),
    ])  # fmt: skip


HEAD = f"""## Two-speed motion

Every clip of MEDIA_DIR, the first {EXCERPT_SECONDS:g} s of it, played twice; before each a pause in which its first
frame stands still, with a sensor's grain on all of it. Coded anew (x264, 15 fps, at most {LONGEST_SIDE} px wide) with a
keyframe every 1, 2 and 4 s; with 4 s, detection is let sleep for this table only. The quiet minute is shortened to
{QUIET_SECONDS:g} s so that the pauses need not last minutes.

An *event* is what the always watchful detector finds. *Not recorded*: how much of the events of {LONG_SECONDS:g} s and
longer a recorder with 5 s of pre-roll and post-roll would not have. *Start off*: how much later than the watchful
detector the first motion is found, in seconds. *False*: events that begin in a pause. CPU in seconds per second;
*asleep*: over the time that the two-speed detector slept. Pairs are always watchful / two speeds.
"""
TALLY_HEAD = [
    "keyframe every, bitrate", "events >= 2 s", "missed", "not recorded s", "shorter", "missed",
    "start off, median", "most", "false", "CPU asleep", "CPU over all", "asleep",
]  # fmt: skip
FLASH_TEXT = f"""\
Made night clips in which somebody shows for {FLASHES[0]} to {FLASHES[-1]} s, {len(FLASHES)} times. *Keyframes alone*:
the same packets padded to one size, so that nothing but keyframes can wake the detector.
With much grain a flash leaves a ghost that keeps detection awake until the next one, so those rows say little.
"""
FLASH_HEAD = ["keyframe every, bitrate, grain", "always watchful", "two speeds", "keyframes alone", "wakes for nothing"]
FLASH_CASES = [
    (f"{gop:g} s, {'constant' if rate else 'variable'}, {grain:g}", Coding(gop, rate), grain)
    for gop in (1.0, 2.0)
    for rate, grain in ((None, 2.0), (None, 5.0), (500_000, 2.0))
]
COST_TEXT = "A quiet 1080p stream at 15 fps, CPU seconds per second of video, the median of three times:\n"
COST_HEAD = ["1080p, H.264", "every frame", "keyframes alone", "ratio"]
COST_CASES = [
    ("keyframe every 1 s, little grain", Coding(1.0), 2.0),
    ("keyframe every 2 s, little grain", Coding(2.0), 2.0),
    ("keyframe every 2 s, much grain, constant 4 Mbit/s", Coding(2.0, 4_000_000), 5.0),
]


def clips() -> list[Path]:
    """The videos in MEDIA_DIR; none without it."""
    videos = Path(os.environ.get("MEDIA_DIR", "")) / "videos"
    if not os.environ.get("MEDIA_DIR") or not videos.is_dir():
        print("MEDIA_DIR names no folder with videos: real clips are left out", file=sys.stderr)
        return []
    return sorted(path for path in videos.iterdir() if path.suffix in {".avi", ".gif", ".mp4"})


def tally_of(folder: Path, name: str) -> Tally:
    tally = Tally()
    for clip in clips():
        print(f"{clip.name}, keyframe every {name} …", file=sys.stderr, flush=True)
        reel = Reel(clip)
        path = write_clip(folder / "reel.mp4", reel.frames(), CODINGS[name])
        video_format, packets = video_of(path)
        always = watch(video_format, packets, idle=False)
        two_speed = watch(video_format, packets, idle=True)
        compare(tally, f"{clip.stem} ({name})", packets, always, two_speed)
        for speed, watched in enumerate((always, two_speed)):
            tally.false[speed] += sum(reel.is_pause(begin) for begin, _ in watched.events)
    return tally


class Reel:
    """A clip with its pauses."""

    def __init__(self, clip: Path) -> None:
        self._clip = clip
        self._pauses: list[Interval] = []

    def frames(self) -> Iterator[Luma]:
        number = 0
        for pause in PAUSES:
            self._pauses.append((number / FPS, number / FPS + pause))
            for luma in paused(frames_of(self._clip, until=EXCERPT_SECONDS), pause):
                number += 1
                yield luma

    def is_pause(self, t: float) -> bool:
        """Whether nothing can begin to move at `t`. What the clip's end leaves behind may, at a pause's beginning."""
        return any(begin + 1.0 < t < end for begin, end in self._pauses)


def watch(video_format: VideoFormat, packets: Sequence[Packet], *, idle: bool, rule: SpeedRule = RULE) -> Watched:
    watched = Watched([], [], [])
    looker = Looker("bench", MotionConfig(idle=idle), video_format, watched.seen.append, rule=rule)
    for packet in packets:
        began = time.process_time()
        looker.take(packet)
        watched.cpu_seconds.append(time.process_time() - began)
        watched.idle.append(looker.is_idle)
    return watched


def compare(tally: Tally, name: str, packets: Sequence[Packet], always: Watched, two_speed: Watched) -> None:
    tally.seconds += len(packets) / FPS
    tally.quiet_seconds += sum(two_speed.idle) / FPS
    for speed, watched in enumerate((always, two_speed)):
        tally.cpu[speed] += sum(watched.cpu_seconds)
        tally.quiet_cpu[speed] += sum(np.array(watched.cpu_seconds)[two_speed.idle])
    recorded = recorded_intervals(two_speed.seen)
    for begin, end in always.events:
        first = first_motion(two_speed, begin - 0.5, end + 0.5)
        if first is not None:
            tally.late.append(max(0.0, first - begin))
        if end - begin < LONG_SECONDS:
            tally.short += 1
            tally.short_missed += first is None
            continue
        tally.long += 1
        tally.not_recorded_seconds += end - begin - covered_seconds((begin, end), recorded)
        if first is None:
            tally.long_missed.append(f"{name} at {begin:.1f} s, {end - begin:.1f} s long")


def first_motion(watched: Watched, begin: float, end: float) -> float | None:
    return min((look.t for look in watched.seen if look.moving and begin <= look.t <= end), default=None)


def tally_row(name: str, tally: Tally) -> list[str]:
    asleep, over_all = (
        " / ".join(f"{cpu / max(1.0, seconds):.3f}" for cpu in both)
        for both, seconds in ((tally.quiet_cpu, tally.quiet_seconds), (tally.cpu, tally.seconds))
    )
    return [
        name,
        str(tally.long),
        str(len(tally.long_missed)),
        f"{tally.not_recorded_seconds:.1f}",
        str(tally.short),
        str(tally.short_missed),
        f"{median(tally.late):.1f}" if tally.late else "",
        f"{max(tally.late):.1f}" if tally.late else "",
        " / ".join(str(count) for count in tally.false),
        asleep,
        over_all,
        f"{tally.quiet_seconds / tally.seconds:.0%}",
    ]


def flash_row(folder: Path, name: str, coding: Coding, grain: float) -> list[str]:
    print(f"flashes, {name} …", file=sys.stderr, flush=True)
    frames, begins = flashes(FLASHES, [24.0, *(13.0 + 0.37 * number for number in range(1, len(FLASHES)))])
    video_format, packets = video_of(write_clip(folder / "flash.mp4", frames, coding, grain=grain), in_band=True)
    spans = [(begin, begin + length + 0.3) for begin, length in zip(begins, FLASHES, strict=True)]
    always, two_speed = (watch(video_format, packets, idle=idle) for idle in (False, True))
    alone = watch(video_format, padded(packets), idle=True)
    found = [sum(first_motion(watched, *span) is not None for span in spans) for watched in (always, two_speed, alone)]
    return [name, *(str(count) for count in found), str(wakes_for_nothing(two_speed, packets, spans))]


def padded(packets: Sequence[Packet]) -> list[Packet]:
    """All frames between keyframes of one size; decoders ignore zeros at the end."""
    most = max(len(packet.data) for packet in packets if not packet.is_keyframe)
    return [replace(packet, data=packet.data.ljust(most, b"\0")) for packet in packets]


def wakes_for_nothing(watched: Watched, packets: Sequence[Packet], spans: Sequence[Interval]) -> int:
    """How often it woke while nobody showed; a keyframe may come up to 4 s after."""
    woken = [
        packet.dts_seconds
        for packet, before, now in zip(packets[1:], watched.idle, watched.idle[1:], strict=False)
        if before and not now
    ]
    return sum(not any(begin <= t <= end + 4.0 for begin, end in spans) for t in woken)


def cost_row(folder: Path, name: str, coding: Coding, grain: float) -> list[str]:
    print(f"cost, {name} …", file=sys.stderr, flush=True)
    still = np.ascontiguousarray(room(1920, 1080)[:, :, 0])
    rule = SpeedRule(quiet_seconds=4.0)
    path = write_clip(folder / "quiet.mp4", [still] * (24 * FPS), coding, grain=grain)
    video_format, packets = video_of(path)
    costs = []
    for idle in (False, True):
        late = [watch(video_format, packets, idle=idle, rule=rule).cpu_seconds[8 * FPS :] for _ in range(3)]
        costs.append(median(sum(cpu) for cpu in late) / (16 * FPS) * FPS)
    return [name, f"{costs[0]:.3f}", f"{costs[1]:.4f}", f"{costs[0] / costs[1]:.1f}"]
