"""Breaks a rig at random for some minutes, mends everything, and counts."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import av

from benchmarks.chaos.faults import ALL_CAMERAS, FAULTS, LONGEST_SECONDS, Fault
from shared_utils.clock import SystemClock
from shared_utils.segments import Manifest
from tests.support.emulator import EmulatorError
from tests.support.packets import contents_of
from tests.support.rig import CAMERAS, PATIENCE_SECONDS, Rig, Tally
from tests.support.services import REPOSITORY, manifests
from tests.support.waiting import wait_until

CALM_SECONDS = (0.5, 6.0)
SHARE_OF_PAIRS = 0.25  # so often two faults come at once
WORKER_DIED = "the worker died"  # the words of a task that is given up for it
UNFINISHED_SECONDS = 10.0
SETTLED_SECONDS = 61.0  # what is younger is left alone by `vedette check --deep`
SPOILED_SECONDS = timedelta(seconds=15.0)  # so long before and after, a segment may hold what a fault spoiled


@dataclass(slots=True)
class Chaos:
    """What was done, and what was found wrong."""

    seed: int
    times: Counter[str] = field(default_factory=Counter)
    spoiled: list[tuple[str, datetime, datetime]] = field(default_factory=list)  # camera, from, to
    wrong: list[str] = field(default_factory=list)

    def may_be_spoiled(self, manifest: Manifest) -> bool:
        start, end = manifest.started_at, manifest.started_at + timedelta(seconds=manifest.duration_seconds)
        return any(
            whose in {f"camera {manifest.camera}", ALL_CAMERAS}
            and start < until + SPOILED_SECONDS
            and end > since - SPOILED_SECONDS
            for whose, since, until in self.spoiled
        )


@dataclass(frozen=True, slots=True)
class Result:
    """The count at the end."""

    tally: Tally
    recorded_seconds: float
    damaged_segments: int  # with frames that the camera sent damaged
    failures: dict[str, int]  # error of an "ok": false line: how often
    check_said: str


def break_at_random(rig: Rig, chaos: Chaos, seconds: float, more_faults: Sequence[Fault] = ()) -> None:
    """One fault after the other, sometimes two at once, until the time is over; all are mended then."""
    chance = random.Random(chaos.seed)  # noqa: S311  no secret: it shall be repeatable
    faults, began = (*FAULTS, *more_faults), time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        first = chance.choice(faults)
        others = [fault for fault in faults if fault.part != first.part]
        chosen = [first, chance.choice(others)] if chance.random() < SHARE_OF_PAIRS else [first]
        _hold(rig, chaos, chosen, chance, passed)
        _watch(rig, chaos, chosen)
        time.sleep(chance.uniform(*CALM_SECONDS))


def _hold(rig: Rig, chaos: Chaos, faults: Sequence[Fault], chance: random.Random, passed: float) -> None:
    lasting = chance.uniform(0.2, LONGEST_SECONDS)
    since, spoiled = SystemClock().now(), list[str]()
    with ExitStack() as stack:
        for fault in faults:
            what = stack.enter_context(fault.hold(rig, chance))
            chaos.times[fault.name] += 1
            spoiled += [what] * fault.spoils
            print(f"{passed:7.1f} s  {fault.name}: {what}, for {lasting:.1f} s", flush=True)
        time.sleep(lasting)
    chaos.spoiled += [(what, since, SystemClock().now()) for what in spoiled]


def _watch(rig: Rig, chaos: Chaos, faults: Sequence[Fault]) -> None:
    """No process may have ended by itself; it is started again, so that the rest means something."""
    after = " and ".join(fault.name for fault in faults)
    if rig.capture is not None and rig.capture.poll() is not None:
        chaos.wrong.append(f"capture ended by itself with {rig.capture.returncode} after: {after}")
        rig.start_capture()
    for worker in [worker for worker in rig.workers if worker.poll() is not None]:
        chaos.wrong.append(f"a worker ended by itself with {worker.returncode} after: {after}")
        rig.workers.remove(worker)
        rig.start_worker()


def finish(rig: Rig, chaos: Chaos) -> Result:
    """Recording has to come back by itself; then all is stopped, counted and checked."""
    for camera in CAMERAS:
        try:
            rig.wait_for_segments(1, camera)
        except AssertionError:
            chaos.wrong.append(f"camera {camera} is not recorded again although nothing is broken any more")
    try:
        wait_until("what a full disk has refused is finished", lambda: not _left_unfinished(rig), PATIENCE_SECONDS)
        tally = rig.finish()
    except AssertionError as error:
        chaos.wrong.append(str(error))
        tally = rig.tally()
    recorded = manifests(rig.video.root)
    damaged = _count_damaged(rig, chaos, recorded)
    chaos.wrong += [f"{path.name} was never finished" for path in sorted(rig.video.root.rglob("*.part"))]
    failures = _failures(rig, chaos, recorded)
    if tally.lost or tally.twice:
        chaos.wrong.append(f"{tally.lost} results lost, {tally.twice} twice")
    said = _check_deep(rig, chaos)
    seconds = sum(manifest.duration_seconds for manifest in recorded)
    return Result(tally, seconds, damaged, failures, said)


def _failures(rig: Rig, chaos: Chaos, recorded: Sequence[Manifest]) -> dict[str, int]:
    """A segment may fail for what its camera sent, and a task whose workers were killed three times may be given up."""
    manifest_of = {manifest.segment_id: manifest for manifest in recorded}
    failures = Counter[str]()
    for line in rig.lines():
        if line["ok"]:
            continue
        segment, error = line["segment_id"], str(line["error"])
        failures[error.replace(segment, "it")] += 1
        spoiled = segment in manifest_of and chaos.may_be_spoiled(manifest_of[segment])
        if not spoiled and WORKER_DIED not in error:
            chaos.wrong.append(f"segment {segment} failed although its camera sent nothing damaged: {error}")
    return dict(failures)


def _left_unfinished(rig: Rig) -> list[Path]:
    """Files in the making that nobody has touched for longer than a segment lasts."""
    found, now = [], time.time()
    for path in rig.video.root.rglob("*.part"):
        with suppress(FileNotFoundError):
            if now - path.stat().st_mtime > UNFINISHED_SECONDS:
                found.append(path)
    return found


def _count_damaged(rig: Rig, chaos: Chaos, recorded: Sequence[Manifest]) -> int:
    damaged = 0
    for manifest in recorded:
        problem = _problem_of(rig.video.segment(manifest.segment_id))
        if problem and chaos.may_be_spoiled(manifest):
            damaged += 1
        elif problem:
            chaos.wrong.append(f"segment {manifest.segment_id} does not play: {problem}")
    return damaged


def _problem_of(path: Path) -> str:
    try:
        contents = contents_of(path)
    except (av.FFmpegError, OSError) as error:
        return str(error)
    if not contents.starts_with_keyframe:
        return "it does not begin with a keyframe"
    if contents.decoded != len(contents.video):
        return f"{contents.decoded} of {len(contents.video)} frames can be decoded"
    return ""


def _have_cameras(rig: Rig) -> None:
    try:
        _ = rig.emulator.pid
    except EmulatorError:
        rig.emulator.start()  # the rig stops them when it sends what is left in the outbox


def _check_deep(rig: Rig, chaos: Chaos) -> str:
    """The command that people use, with cameras and Redis there, once nothing is young any more."""
    _have_cameras(rig)
    time.sleep(SETTLED_SECONDS)
    command = [sys.executable, "-m", "vedette", "check", "--deep", "--config", str(rig.config)]
    done = subprocess.run(
        [*command, "--video-dir", str(rig.video.root)],
        cwd=REPOSITORY,
        env=os.environ | {"REDIS_URL": rig.redis.url, "COLUMNS": "160"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        chaos.wrong.append(f"vedette check --deep ended with {done.returncode}")
    return done.stdout + done.stderr
