"""How much of what matters is recorded, how much of what does not, and what looking costs."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.motion_cost import cost_table
from benchmarks.motion_rivals import RIVALS, looker
from benchmarks.report import table
from capture_service.motion import MotionSeen, look_size
from capture_service.motion_decoder import LumaDecoder, luma_of
from capture_service.motion_looker import LookPacer
from shared_utils.config.schema import MotionConfig
from tests.support.motion_clips import covered_seconds, recorded_intervals, still_clip, video_of

Interval = tuple[float, float]
STILL_SECONDS = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """A clip, decoded and scaled once for all detectors, and what is known about it."""

    name: str
    size: tuple[int, int]
    looks: list[tuple[float, NDArray[np.uint8]]]
    wanted: list[Interval]  # people are visible
    empty: list[Interval]  # nothing moves

    @property
    def end(self) -> float:
        return self.looks[-1][0]


@dataclass(slots=True)
class Tally:
    """What one detector did over all footage."""

    cpu_seconds: float = 0.0
    looks: int = 0
    wanted_seconds: float = 0.0
    missed_seconds: float = 0.0
    false_looks: int = 0
    false_clips: int = 0


def measure() -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, tallies = [], {rival: Tally() for rival in RIVALS}
        for clip in chain(real_footage(), still_footage(folder)):
            print(f"looking at {clip.name} …", file=sys.stderr, flush=True)
            ours.append(clip_row(clip))
            for rival, tally in tallies.items():
                add(tally, clip, *watch(rival, clip))
        compared = [tally_row(rival, tally) for rival, tally in tallies.items()]
        cost = cost_table(folder)
    return "\n".join([HEAD, cost, CLIPS, table(CLIP_HEAD, ours), RIVAL_TEXT, table(RIVAL_HEAD, compared)])


HEAD = """## Motion detection

CPU seconds per second of video (all threads of the process, the median of three times), and how many times that of
Vedette:
"""
CLIPS = f"""\
Clip by clip. *Recorded*: the part of the seconds with people that a recorder with 5 s of pre-roll and post-roll
keeps. *First look*: how long after somebody appeared motion was confirmed, at the latest. *Pause*: the longest time
without motion while somebody was there. *False*: looks with motion while nothing moved. The still scenes are
{STILL_SECONDS / 60:.0f} minutes of grain, compressed so that the picture pumps at every keyframe.
"""
RIVAL_TEXT = """\
The same looks (480x270, 5 a second, 2 of 3 must agree, same smallest area) given to other methods as they come:
"""
CLIP_HEAD = ["clip", "looks", "moving", "people s", "recorded", "first look s", "pause s", "still s", "false looks"]
RIVAL_HEAD = ["method", "ms per look", "people s not recorded", "false looks", "still clips that trigger"]


def real_footage() -> Iterator[Footage]:
    """The annotated clips in MEDIA_DIR; none without it."""
    videos = Path(os.environ.get("MEDIA_DIR", "")) / "videos"
    if not os.environ.get("MEDIA_DIR") or not (videos / "annotations.json").is_file():
        print("MEDIA_DIR names no folder with videos/annotations.json: real clips are left out")
        return
    annotations: dict[str, Any] = json.loads((videos / "annotations.json").read_text())
    for name in sorted(annotations):
        if (videos / name).is_file():
            yield footage_of(videos / name, annotations[name])


def still_footage(folder: Path) -> Iterator[Footage]:
    """Five minutes each in which nothing moves."""
    scenes = {
        "still day": (2.0, 1.0, 400_000),
        "still night": (10.0, 0.3, 200_000),
        "still, bad sensor": (20.0, 0.5, 150_000),
    }
    for name, (grain, brightness, bit_rate) in scenes.items():
        path = folder / f"{name}.mp4"
        still_clip(path, seconds=STILL_SECONDS, grain=grain, brightness=brightness, bit_rate=bit_rate)
        yield footage_of(path, {"real_motion": False})


def footage_of(path: Path, about: dict[str, Any]) -> Footage:
    video_format, packets = video_of(path)
    decoder, pacer = LumaDecoder("bench", video_format), LookPacer(MotionConfig().looks_per_second)
    size = (video_format.width, video_format.height)
    looks = [
        (frame.time, cv2.resize(luma_of(frame), look_size(*size)).astype(np.uint8, copy=False))
        for packet in packets
        for frame in decoder.frames(packet)
        if pacer.is_due(frame.time)
    ]
    whole = (looks[0][0], looks[-1][0])
    people = not path.name.startswith("negative") and about.get("real_motion") is not False
    wanted = [(float(a), float(b)) for a, b in about.get("person_visible", [whole] if people else [])]
    empty = [(a + 1.0, b - 1.0) for a, b in about.get("empty", [])]
    still = [whole] if about.get("real_motion") is False else empty
    return Footage(path.name, size, looks, [(a, min(b, whole[1])) for a, b in wanted], still)


def watch(name: str, clip: Footage) -> tuple[list[MotionSeen], float]:
    """The looks of one detector, and the CPU seconds it took."""
    detector = looker(name, MotionConfig(), *clip.size)
    began = time.process_time()
    seen = [detector.look(picture, t) for t, picture in clip.looks]
    return seen, time.process_time() - began


def clip_row(clip: Footage) -> list[str]:
    seen, _ = watch("Vedette", clip)
    times = [look.t for look in seen if look.moving]
    wanted = sum(end - begin for begin, end in clip.wanted)
    recorded = recorded_seconds(clip, seen)
    delays = [min((t - begin for t in times if t >= begin - 1), default=np.inf) for begin, _ in clip.wanted]
    pauses = [max(np.diff([a, *(t for t in times if a <= t <= b), b])) for a, b in clip.wanted]
    return [
        clip.name,
        str(len(seen)),
        str(len(times)),
        f"{wanted:.1f}" if clip.wanted else "",
        f"{recorded / wanted:.1%}" if clip.wanted else "",
        f"{max(0.0, *delays):.1f}" if clip.wanted else "",
        f"{max(pauses):.1f}" if clip.wanted else "",
        f"{sum(b - a for a, b in clip.empty):.0f}" if clip.empty else "",
        str(false_looks(clip, seen)) if clip.empty else "",
    ]


def tally_row(name: str, tally: Tally) -> list[str]:
    milliseconds = tally.cpu_seconds / tally.looks * 1000
    missed = f"{tally.missed_seconds:.1f} of {tally.wanted_seconds:.0f}"
    return [name, f"{milliseconds:.1f}", missed, str(tally.false_looks), str(tally.false_clips)]


def add(tally: Tally, clip: Footage, seen: list[MotionSeen], cpu_seconds: float) -> None:
    tally.cpu_seconds += cpu_seconds
    tally.looks += len(seen)
    wanted = sum(end - begin for begin, end in clip.wanted)
    tally.wanted_seconds += wanted
    tally.missed_seconds += wanted - recorded_seconds(clip, seen)
    false = false_looks(clip, seen)
    tally.false_looks += false
    tally.false_clips += int(false > 0 and not clip.wanted)


def recorded_seconds(clip: Footage, seen: list[MotionSeen]) -> float:
    intervals = recorded_intervals(seen)
    return sum(covered_seconds(wanted, intervals) for wanted in clip.wanted)


def false_looks(clip: Footage, seen: list[MotionSeen]) -> int:
    return sum(look.moving and begin <= look.t <= end for look in seen for begin, end in clip.empty)
