"""What capturing one camera costs: the whole service, recording, against two usual ways to do it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

from benchmarks.capture_clips import SIMPLE, busy_clip, quiet_clip
from benchmarks.capture_rig import Capturing, RigError, capturing, cpu_per_second, say
from benchmarks.capture_rivals import Rival, decoding, ffmpeg_child, ffmpeg_is_installed, naive
from benchmarks.report import table
from tests.support.emulator import Emulator

# The windows and what comes before them are over within the minute in which motion detection is watchful in any case.
WARM_UP_SECONDS = 5.0
WINDOW_SECONDS, WINDOWS = 15.0, 3
DROPPED = "vedette_motion_packets_dropped_total"
TARGETS = {"busy": 0.07, "quiet": 0.04, "idle": 0.015}

HEAD = f"""## Capture

CPU seconds per second of one 1080p camera at 15 frames/s: of the whole capture process with all its threads, receiving
by RTSP over TCP included, and of the other ways with everything they start. Each figure is the median of {WINDOWS}
windows of {WINDOW_SECONDS:.0f} s. *Busy*: everything moves, 4 Mbit/s. *Quiet*: nothing but grain moves, 0.5 Mbit/s.
*Idle*: quiet for more than a minute, so that motion detection decodes keyframes alone. The streams are H.264 as cameras
send it (High profile, CABAC, deblocking), the *simple* ones without CABAC and deblocking.
"""
COLUMNS = ["one camera, 1080p15", "busy", "quiet", "idle", "busy, ratio", "quiet, ratio"]


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds per second of video; None where it was not measured."""

    busy: float | None = None
    quiet: float | None = None
    idle: float | None = None
    left_out: float = 0  # packets that motion detection had no time for: then the figures are too low


@dataclass(frozen=True, slots=True)
class Clips:
    busy: Path
    quiet: Path


Way = Callable[[str, Path], AbstractContextManager[Rival]]


def measure() -> str:
    """The section of the report; about ten minutes."""
    with TemporaryDirectory(prefix="vedette-bench-") as name:
        folder = Path(name)
        say("making clips …")
        usual = Clips(busy_clip(folder / "busy.mp4"), quiet_clip(folder / "quiet.mp4"))
        simple = Clips(
            busy_clip(folder / "simple-busy.mp4", SIMPLE),
            quiet_clip(folder / "simple-quiet.mp4", SIMPLE),
        )
        rows = {
            "**Vedette, `record: continuous`**": _ours(folder / "continuous", usual, "continuous"),
            "Vedette, `record: motion`": _ours(folder / "motion", usual, "motion"),
            "Vedette, `record: continuous`, simple streams": _ours(folder / "simple", simple, "continuous"),
            **_rivals(folder, usual),
        }
    ours = next(iter(rows.values()))
    text = [HEAD, table(COLUMNS, [_row(way, cost, ours) for way, cost in rows.items()]), verdict(ours)]
    return "\n".join([*text, *(_warning(way, cost) for way, cost in rows.items() if cost.left_out)])


def _warning(way: str, cost: Cost) -> str:
    return (
        f"{way}: too low, because the machine was so busy that motion detection left {cost.left_out:.0f} packets out.\n"
    )


def verdict(cost: Cost) -> str:
    """Each target, and whether it was met."""
    said = [
        f"{name} {measured:.3f} ({'met' if measured <= target else 'MISSED'}: {target})"
        for name, target in TARGETS.items()
        if (measured := getattr(cost, name)) is not None
    ]
    return f"Targets for `record: continuous`: {', '.join(said)}.\n"


def _ours(folder: Path, clips: Clips, record: str) -> Cost:
    folder.mkdir()
    say(f"{folder.name}: busy …")
    with capturing(folder / "busy", {"camera": clips.busy}, record=record) as running:
        sleep(WARM_UP_SECONDS)
        busy = _windows(running.pid, running.frames)
        left_out = running.metric(DROPPED)
    say(f"{folder.name}: quiet, then idle …")
    with capturing(folder / "quiet", {"camera": clips.quiet}, record=record) as running:
        sleep(WARM_UP_SECONDS)
        quiet = _windows(running.pid, running.frames)
        if running.metric("vedette_motion_idle"):
            say("the quiet minute was over too soon on this busy machine: no figure for it")
            return Cost(busy, None, _idle(running), left_out + running.metric(DROPPED))
        return Cost(busy, quiet, _idle(running), left_out + running.metric(DROPPED))


def _idle(running: Capturing) -> float | None:
    """None where motion detection finds no rest: a machine that is too busy for it."""
    try:
        running.wait_until_idle(1)
    except RigError as error:
        say(f"no figure for idle: {error}")
        return None
    return _windows(running.pid, running.frames)


def _rivals(folder: Path, clips: Clips) -> dict[str, Cost]:
    rows = {"OpenCV: decode every frame, MOG2 on the full picture, XVID .avi": _theirs(folder / "naive", clips, naive)}
    rows["receiving and decoding every frame, nothing else"] = _theirs(folder / "decoding", clips, decoding)
    name = "ffmpeg child: copies segments, pipes 5 gray frames a second"
    if ffmpeg_is_installed():
        rows[name] = _theirs(folder / "ffmpeg", clips, ffmpeg_child)
    else:
        rows[f"{name} (not measured: there is no ffmpeg here)"] = Cost()
    return rows


def _theirs(folder: Path, clips: Clips, way: Way) -> Cost:
    return Cost(
        _their_cost(way, clips.busy, folder / "busy"),
        _their_cost(way, clips.quiet, folder / "quiet"),
    )


def _their_cost(way: Way, clip: Path, folder: Path) -> float | None:
    say(f"{folder.parent.name}: {folder.name} …")
    with Emulator({"camera": clip}) as emulator, way(emulator.url("camera"), folder) as rival:
        sleep(WARM_UP_SECONDS)
        try:
            return _windows(rival.pid, lambda: rival.frames)
        except RigError as error:
            say(f"no figure: {error}")
            return None


_windows = partial(cpu_per_second, window_seconds=WINDOW_SECONDS, windows=WINDOWS)


def _row(way: str, cost: Cost, ours: Cost) -> list[str]:
    figures = [_figure(value) for value in (cost.busy, cost.quiet, cost.idle)]
    return [way, *figures, _ratio(cost.busy, ours.busy), _ratio(cost.quiet, ours.quiet)]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _ratio(value: float | None, ours: float | None) -> str:
    return f"{value / ours:.1f}" if value and ours else ""
