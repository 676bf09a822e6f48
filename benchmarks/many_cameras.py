"""Many cameras on one machine: what is lost when some always move, and how the cost grows with their number.

BENCH_MINUTES shortens the long run (default 10) and, below 10, the windows of the other in proportion.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import fmean, linear_regression
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

from benchmarks.camera_record import Found, Show, examine
from benchmarks.capture_clips import CLIP_SECONDS, FPS, chained_clip, quiet_clip, walker_clip
from benchmarks.capture_rig import Capturing, RigError, capturing, say
from benchmarks.processes import usage
from benchmarks.report import table
from shared_utils.clock import SystemClock

MINUTES = float(os.environ.get("BENCH_MINUTES", "10"))
CAMERAS = 24
GROWTH = (1, 4, 8, 16, 24, 32)
PHASES = 4  # a quarter of the cameras moves at any time
MOVING_PARTS, PARTS = 2, 8  # of the show: 40 s something moves, then nothing for two minutes, so that cameras fall idle
SHOW = Show(frames=PARTS * CLIP_SECONDS * FPS, moving=(0, MOVING_PARTS * CLIP_SECONDS * FPS))
SETTLE_SECONDS = 10.0
SAMPLE_SECONDS = 5.0
STALLED_SECONDS = 20.0  # longer than capture waits for a camera
WINDOW_SECONDS = max(10.0, 45.0 * min(1.0, MINUTES / 10))
MOST_GROWTH = 0.05  # of the mean memory, over the last four fifths of the run: more is not flat

HEAD = """## Many cameras

The capture process and the emulator that plays the cameras share this machine. Every camera sends 1080p at 15 frames/s
over RTSP (TCP), 1.5 Mbit/s while something moves and 0.5 Mbit/s else; `record: motion`, and each sees motion for 40 s
of every 160 s, by turns, so that a quarter of them moves at any time. Each frame bears its number.
"""
GROWTH_TEXT = """\
How it grows, in CPU seconds per second of the whole capture process. *Moving*: a quarter of the cameras moves, and all
are watched frame by frame, as nothing has been quiet for a minute yet; frames/s are those received from each. *Idle*:
nothing moves anywhere.
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a window cost, in CPU seconds per second, and what it took."""

    cameras: int
    capture: float
    emulator: float
    frames_per_second: float  # received, of each camera
    resident_bytes: int
    threads: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The same for one number of cameras; None where the machine does not manage so many."""

    cameras: int
    moving: Load | None
    idle: Load | None


@dataclass(frozen=True, slots=True)
class Soak:
    """The long run."""

    load: Load
    sent: int
    late: int  # left out by the emulator, because the machine was too busy
    received: int
    memory: list[tuple[float, int]]  # seconds, bytes
    metrics: Mapping[str, float]
    gaps: int
    found: Mapping[str, Found]


def measure() -> str:
    """The section of the report; about half an hour."""
    with TemporaryDirectory(prefix="vedette-bench-") as name:
        folder = Path(name)
        say("making clips …")
        quiet, shows = make_shows(folder)
        soak = long_run(folder / "soak", shows, MINUTES * 60)
        rows = [grown(folder, count, quiet, shows) for count in GROWTH]
    return "\n".join([HEAD, soak_text(soak), growth_text(rows)])


def make_shows(folder: Path) -> tuple[Path, list[Path]]:
    """A clip in which nothing moves, and the show from its different beginnings."""
    quiet, walker = quiet_clip(folder / "quiet.mp4"), walker_clip(folder / "walker.mp4")
    whole = [walker] * MOVING_PARTS + [quiet] * (PARTS - MOVING_PARTS)
    turn = PARTS // PHASES
    return quiet, [
        chained_clip(folder / f"show{phase}.mp4", whole[phase * turn :] + whole[: phase * turn], phase * turn)
        for phase in range(PHASES)
    ]


def long_run(folder: Path, shows: list[Path], seconds: float) -> Soak:
    cameras = _cameras(CAMERAS, shows)
    say(f"{CAMERAS} cameras for {seconds / 60:.0f} minutes …")
    clock = SystemClock()
    with capturing(folder, cameras, record="motion") as running:
        sleep(SETTLE_SECONDS)
        since = clock.now()
        load, memory = _watched(running, CAMERAS, seconds)
        until = clock.now()
        counted = {name: running.metric(name) for name in _WANTED_ZERO}
        gaps = running.video_dir / "gaps_log.jsonl"
        lines = len(gaps.read_text().splitlines()) if gaps.exists() else 0
        received, told = _frames_of_all(running)
    sent = sum(camera["frames_sent"] for camera in told.values())
    late = sum(camera["frames_late"] for camera in told.values())
    say("reading what was recorded …")
    # Movements that end just before the service stops would lack their post-roll.
    found = {
        name: examine(running.video_dir, name, SHOW, since, until - timedelta(seconds=SETTLE_SECONDS))
        for name in cameras
    }
    return Soak(load, sent, late, round(received), memory, counted, lines, found)


def _frames_of_all(running: Capturing) -> tuple[float, dict[str, Any]]:
    """Frames received, and what the emulator says of each camera, when nothing is on its way any more.

    The cameras fall silent for it: FFmpeg keeps each one's last frame until the next begins or its time is up.
    """
    for name in running.status():
        running.emulator.misbehave(name, "stall")
    sleep(STALLED_SECONDS)
    return running.frames(), running.emulator.status()["cameras"]


_WANTED_ZERO = {
    "vedette_capture_reconnects_total": "connections lost",
    "vedette_capture_storage_failures_total": "segments refused by the disk",
    "vedette_motion_packets_dropped_total": "packets that motion detection left out",
}


def _watched(running: Capturing, cameras: int, seconds: float) -> tuple[Load, list[tuple[float, int]]]:
    """The load of so many seconds, and the memory of the capture process all the while."""
    began, memory = monotonic(), list[tuple[float, int]]()
    frames = running.frames()
    before = usage(running.pid), usage(running.emulator.pid)
    while (passed := monotonic() - began) < seconds:
        memory.append((passed, usage(running.pid).resident_bytes))
        if len(memory) % 12 == 0:
            say(f"  {passed:.0f} s, {memory[-1][1] / 1e6:.0f} MB")
        sleep(min(SAMPLE_SECONDS, max(0.0, seconds - passed)))
    after = usage(running.pid), usage(running.emulator.pid)
    passed = monotonic() - began
    load = Load(
        cameras=cameras,
        capture=(after[0].cpu_seconds - before[0].cpu_seconds) / passed,
        emulator=(after[1].cpu_seconds - before[1].cpu_seconds) / passed,
        frames_per_second=(running.frames() - frames) / passed / cameras,
        resident_bytes=after[0].resident_bytes,
        threads=after[0].threads,
    )
    return load, memory


def _cameras(count: int, clips: list[Path]) -> dict[str, Path]:
    return {f"camera-{number:02}": clips[number % len(clips)] for number in range(count)}


def grown(folder: Path, count: int, quiet: Path, shows: list[Path]) -> Growth:
    """So many cameras: while a quarter moves and the others are watched, and while all are idle."""
    say(f"{count} cameras, a quarter moving …")
    moving = _load(folder / f"moving-{count}", _cameras(count, shows), until_idle=False)
    say(f"{count} cameras, idle …")
    return Growth(count, moving, _load(folder / f"idle-{count}", _cameras(count, [quiet]), until_idle=True))


def _load(folder: Path, cameras: Mapping[str, Path], *, until_idle: bool) -> Load | None:
    """None where the machine does not manage so many."""
    try:
        with capturing(folder, cameras, record="motion") as running:
            sleep(SETTLE_SECONDS / 2)
            if until_idle:
                running.wait_until_idle(len(cameras))
            return _watched(running, len(cameras), WINDOW_SECONDS)[0]
    except RigError as error:
        say(f"  no figure: {error}")
        return None


def soak_text(soak: Soak) -> str:
    """Each promise, what was found, and whether it was kept."""
    found = list(soak.found.values())
    rate, growth = memory_growth(soak.memory)
    load, mean_mb = soak.load, fmean(size for _, size in soak.memory) / 1e6
    moving, missed = sum(one.moving for one in found), sum(one.not_recorded for one in found)
    lost = sum(one.missing + one.twice + one.uneven for one in found)
    checks = [
        ("frames received, of those sent", f"{soak.received} of {soak.sent}", soak.sent == soak.received),
        ("frames with motion in files, of those sent", f"{moving - missed} of {moving}", moving > 0 and not missed),
        (
            "frames in the files of all events; missing, twice, uneven",
            f"{sum(one.frames for one in found)}; {lost}",
            not lost,
        ),
        ("gaps", str(soak.gaps), not soak.gaps),
        *((what, f"{soak.metrics[name]:.0f}", not soak.metrics[name]) for name, what in _WANTED_ZERO.items()),
        (
            "memory, and its growth over the last four fifths",
            f"{mean_mb:.0f} MB, {rate:+.2f} MB a minute",
            growth <= MOST_GROWTH,
        ),
    ]
    rows = [[what, said, "kept" if kept else "**BROKEN**"] for what, said, kept in checks]
    minutes = (soak.memory[-1][0] + SAMPLE_SECONDS) / 60
    return (
        f"{CAMERAS} cameras for {minutes:.0f} minutes: capture takes {load.capture:.2f} of a core "
        f"({load.capture / CAMERAS:.4f} a camera), the emulator {load.emulator:.2f}; {soak.late} frames were not sent "
        f"because the emulator itself was late; {sum(one.events for one in found)} events.\n\n"
        + table(["what was promised", "found", ""], rows)
    )


def memory_growth(memory: list[tuple[float, int]]) -> tuple[float, float]:
    """MB a minute over the last four fifths of a run, and the growth in that time as a part of the mean."""
    settled = memory[len(memory) // 5 :]
    if len(settled) < 2:
        raise RigError("the run is too short to tell how memory grows; set BENCH_MINUTES higher")
    slope = linear_regression([t for t, _ in settled], [size for _, size in settled]).slope
    return slope * 60 / 1e6, slope * (settled[-1][0] - settled[0][0]) / fmean(size for _, size in settled)


def growth_text(rows: list[Growth]) -> str:
    head = ["cameras", "moving: CPU", "a camera", "frames/s", "emulator", "MB", "threads", "idle: CPU", "a camera"]
    return (
        f"{GROWTH_TEXT}\n{table(head, [[str(row.cameras), *_moving(row.moving), *_costs(row.idle)] for row in rows])}"
    )


def _moving(load: Load | None) -> list[str]:
    if load is None:
        return [""] * 6
    more = f"{load.frames_per_second:.2f}", f"{load.emulator:.3f}", f"{load.resident_bytes / 1e6:.0f}"
    return [*_costs(load), *more, str(load.threads)]


def _costs(load: Load | None) -> list[str]:
    return ["", ""] if load is None else [f"{load.capture:.3f}", f"{load.capture / load.cameras:.4f}"]
