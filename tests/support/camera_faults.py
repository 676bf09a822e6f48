"""Faults of cameras, done to a rig one after the other, and what each of them cost."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import av

from shared_utils.clock import SystemClock, from_iso
from shared_utils.segments import Manifest
from tests.support.rig import PATIENCE_SECONDS, Rig, Tally
from tests.support.services import manifests
from tests.support.waiting import wait_until

FPS = 15
TOUCH_SECONDS = 0.5  # segments of one event that are nearer to each other than this follow without a gap
STEADY_SEGMENTS = 2  # so many are recorded before the next fault begins; the first may be cut short by this one


@dataclass(frozen=True, slots=True)
class CameraFault:
    """One fault, and what may come of it."""

    name: str  # as it stands in the table
    orders: tuple[dict[str, Any], ...]
    seconds: float  # how long it is left to hold, and to be watched if it happens at once
    is_silent: bool = False  # the camera sends no video, or noise, as long as it holds
    lost_seconds: float = 0.0  # the most that may be lost beyond that
    reason: str | None = None  # what the gaps log says; None: it says nothing, empty: it depends


@dataclass(frozen=True, slots=True)
class Suffered:
    """When a fault befell which camera."""

    fault: CameraFault
    camera: str
    began: datetime
    mended: datetime
    until: datetime = field(compare=False)  # recorded well again, for some segments


def suffer(rig: Rig, camera: str, faults: Sequence[CameraFault]) -> list[Suffered]:
    """Let one camera have the faults, one after the other, with good times between them."""
    return [_suffer(rig, camera, fault) for fault in faults]


def _suffer(rig: Rig, camera: str, fault: CameraFault) -> Suffered:
    began = SystemClock().now()
    for order in fault.orders:
        rig.emulator.misbehave(camera, **order)
    time.sleep(fault.seconds)  # the length of the fault is what is tested
    rig.emulator.mend(camera)
    mended = SystemClock().now()
    wait_until_steady(rig, camera, mended)
    return Suffered(fault, camera, began, mended, SystemClock().now())


def wait_until_steady(rig: Rig, camera: str, since: datetime) -> None:
    """Wait for segments that began after this moment: those that were open then say nothing."""

    def is_steady() -> bool:
        return sum(one.started_at > since for one in manifests(rig.video.root, camera)) >= STEADY_SEGMENTS

    wait_until(f"camera {camera} is recorded again", is_steady, PATIENCE_SECONDS)


def lost_seconds(rig: Rig, suffered: Suffered) -> float:
    """What is missing of the camera's video beyond the time in which it sent none, or noise."""
    away = (suffered.mended - suffered.began).total_seconds() if suffered.fault.is_silent else 0.0
    missing = sum((end - start).total_seconds() for start, end in interruptions(rig, suffered))
    return max(0.0, missing - away)


def interruptions(rig: Rig, suffered: Suffered) -> list[tuple[datetime, datetime]]:
    """The times between two segments in which nothing was recorded, while this fault was suffered."""
    found = manifests(rig.video.root, suffered.camera)
    between = [
        (_end_of(before), after.started_at, before.event_id != after.event_id) for before, after in pairwise(found)
    ]
    return [
        (start, end)
        for start, end, is_other_event in between
        if suffered.began - timedelta(seconds=2) <= end <= suffered.until
        and end - start > timedelta(seconds=0 if is_other_event else TOUCH_SECONDS)
    ]


def _end_of(manifest: Manifest) -> datetime:
    return manifest.started_at + timedelta(seconds=manifest.duration_seconds)


def gap_lines(rig: Rig, suffered: Suffered) -> list[dict[str, Any]]:
    """The lines of the gaps log about this fault."""
    return [
        line
        for line in rig.logged_gaps()
        if line["camera"] == suffered.camera and suffered.began <= from_iso(line["to"]) <= suffered.until
    ]


def events_of(rig: Rig, suffered: Suffered) -> set[str]:
    """The events to which the camera's segments of this time belong."""
    return {one.event_id for one in manifests(rig.video.root, suffered.camera) if is_within(one, suffered)}


def tally_of(rig: Rig, suffered: Suffered) -> Tally:
    """What all cameras recorded while this one had its fault and recovered, and what became of it."""
    found = {one.segment_id for one in manifests(rig.video.root) if is_within(one, suffered)}
    lines = [line for line in rig.lines() if line["segment_id"] in found]
    written = Counter((line["segment_id"], line["model"]) for line in lines)
    return Tally(
        segments=len(found),
        results=len(lines),
        lost=len(found - {line["segment_id"] for line in lines}),
        twice=sum(count - 1 for count in written.values()),
        failed=sum(not line["ok"] for line in lines),
        dead=rig.tally().dead,
    )


def is_within(manifest: Manifest, suffered: Suffered) -> bool:
    """Whether a segment of any camera ended while this fault was suffered."""
    return suffered.began <= _end_of(manifest) <= suffered.until


@dataclass(frozen=True, slots=True)
class Played:
    """A segment as a player takes it that is not stopped by damage."""

    frames: int
    decoded: int
    sizes: frozenset[tuple[int, int]]
    times_grow: bool


def play(rig: Rig, manifest: Manifest) -> Played:
    """Read and decode a segment to its end, damaged frames and all."""
    with av.open(str(rig.video.segment(manifest.segment_id))) as container:
        video = container.streams.video[0]
        video.codec_context.thread_type = "NONE"
        packets = [packet for packet in container.demux(video) if packet.size]
        sizes: list[tuple[int, int]] = []
        times = [packet.dts for packet in packets if packet.dts is not None]
        for packet in [*packets, None]:
            try:
                sizes += [(frame.width, frame.height) for frame in video.codec_context.decode(packet)]
            except av.FFmpegError:
                continue
    grow = len(times) == len(packets) and all(a < b for a, b in pairwise(times))
    return Played(len(packets), len(sizes), frozenset(sizes), grow)


def assert_untouched(rig: Rig, camera: str, frames_late: int) -> None:
    """Not a frame of this camera is missing, but those that the emulator itself came too late with."""
    found = manifests(rig.video.root, camera)
    assert rig.gaps_seconds(camera) == []
    frames = sum(play(rig, one).decoded for one in found)
    last = found[-1]
    # On a busy machine the very first frame is told to have come later than it did, so there may seem to be too many.
    shown = round(((last.started_at - found[0].started_at).total_seconds() + last.duration_seconds) * FPS)
    assert shown - frames_late - 5 <= frames <= shown + FPS, (camera, frames, shown, frames_late)
    assert {one.event_id for one in found} == {found[0].event_id}
