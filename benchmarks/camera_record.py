"""What a camera really sent, and whether the files hold all of it: every frame bears its number."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from benchmarks.capture_clips import FPS, frame_number
from shared_utils.segments import Manifest, VideoDir
from tests.support.services import manifests


@dataclass(frozen=True, slots=True)
class Show:
    """A clip that a camera sends again and again, and when in it something moves."""

    frames: int
    moving: tuple[int, int]  # frame numbers, the second not included


@dataclass(frozen=True, slots=True)
class Found:
    """One camera's recordings, held against what it sent."""

    events: int
    frames: int
    missing: int  # between the first and the last frame of an event
    twice: int
    uneven: int  # steps between two frames of a file that are not one frame long
    moving: int  # frames in which something moved
    not_recorded: int  # ... that are in no file


@dataclass(frozen=True, slots=True)
class _Event:
    """Segments that follow each other, read."""

    numbers: list[int]
    uneven: int
    started_at: datetime


def examine(video_dir: Path, camera: str, show: Show, since: datetime, until: datetime) -> Found:
    """All events of a camera, and the frames between `since` and `until` in which something moved."""
    events = [_read(VideoDir(video_dir), chain) for chain in _chains(manifests(video_dir, camera))]
    if not events:
        share = (show.moving[1] - show.moving[0]) / show.frames
        missed = round((until - since).total_seconds() * FPS * share)
        return Found(0, 0, missing=0, twice=0, uneven=0, moving=missed, not_recorded=missed)
    began = events[0].started_at - timedelta(seconds=events[0].numbers[0] / FPS)
    placed = [_unrolled(event, show, began) for event in events]
    recorded = {number for numbers in placed for number in numbers}
    moving = {
        number
        for number in range(_frames_until(since, began), _frames_until(until, began))
        if show.moving[0] <= number % show.frames < show.moving[1]
    }
    frames = sum(map(len, placed))
    return Found(
        events=len(events),
        frames=frames,
        missing=sum(after - before - 1 for numbers in placed for before, after in pairwise(numbers)),
        twice=frames - len(recorded),
        uneven=sum(event.uneven for event in events),
        moving=len(moving),
        not_recorded=len(moving - recorded),
    )


def _unrolled(event: _Event, show: Show, began: datetime) -> list[int]:
    """The numbers of an event's frames, counted on over the rounds of the show. Which round, the clock tells."""
    ahead = _frames_until(event.started_at, began) - event.numbers[0]
    placed = [event.numbers[0] + round(ahead / show.frames) * show.frames]
    for before, after in pairwise(event.numbers):
        placed.append(placed[-1] + (after - before) % show.frames)
    return placed


def _frames_until(moment: datetime, began: datetime) -> int:
    return round((moment - began).total_seconds() * FPS)


def _chains(recorded: list[Manifest]) -> list[list[Manifest]]:
    chains: dict[str, list[Manifest]] = {}
    for manifest in recorded:
        chains.setdefault(manifest.event_id, []).append(manifest)
    return list(chains.values())


def _read(video: VideoDir, chain: list[Manifest]) -> _Event:
    numbers, uneven = list[int](), 0
    for manifest in chain:
        times = list[Fraction]()
        for number, seconds in _frames(video.segment(manifest.segment_id)):
            numbers.append(number)
            times.append(seconds)
        uneven += sum(abs((after - before) * FPS - 1) > Fraction(1, 10) for before, after in pairwise(times))
    return _Event(numbers, uneven, chain[0].started_at)


def _frames(path: Path) -> Iterator[tuple[int, Fraction]]:
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.size and packet.pts is not None:
                number = frame_number(bytes(packet))
                assert number is not None, f"{path} holds a frame without a number"
                yield number, packet.pts * packet.time_base
