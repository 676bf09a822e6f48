"""Everything that can be broken and mended again while a rig runs."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.support.redis_server import RedisServer
from tests.support.rig import CAMERAS, Rig
from tests.support.services import manifests
from tests.support.small_disk import fill
from tests.support.torn_line import tear_line

ALL_CAMERAS = "all cameras"
LONGEST_SECONDS = 12.0  # beyond every lease, stall and read time limit of the rig


@dataclass(frozen=True, slots=True)
class Fault:
    """`hold` breaks something as long as its block runs, and yields what it broke in words.

    Two faults of one part are never at work together: each would undo what the other does.
    """

    name: str
    part: str
    hold: Callable[[Rig, random.Random], AbstractContextManager[str]]
    spoils: bool = False  # whether the camera sends what cannot be decoded, or leaves frames out that others need


@contextmanager
def _worker_killed(rig: Rig, chance: random.Random) -> Iterator[str]:
    number = chance.randrange(len(rig.workers))
    rig.kill_worker(number)
    yield f"worker {number}"
    rig.start_worker()


@contextmanager
def _worker_frozen(rig: Rig, chance: random.Random) -> Iterator[str]:
    number = chance.randrange(len(rig.workers))
    with _frozen(rig.workers[number].pid):
        yield f"worker {number}"


@contextmanager
def _capture_killed(rig: Rig, _chance: random.Random) -> Iterator[str]:
    rig.kill_capture()
    yield "capture"
    rig.start_capture()


@contextmanager
def _capture_frozen(rig: Rig, _chance: random.Random) -> Iterator[str]:
    assert rig.capture is not None
    with _frozen(rig.capture.pid):
        yield "capture"


def _redis(name: str, broken: Callable[[RedisServer], AbstractContextManager[None]]) -> Fault:
    @contextmanager
    def hold(rig: Rig, _chance: random.Random) -> Iterator[str]:
        with broken(rig.redis):
            yield "Redis"

    return Fault(f"Redis {name}", "redis", hold)


@contextmanager
def _cameras_killed(rig: Rig, _chance: random.Random) -> Iterator[str]:
    rig.emulator.kill()
    yield ALL_CAMERAS
    rig.emulator.start()


@contextmanager
def _cameras_frozen(rig: Rig, _chance: random.Random) -> Iterator[str]:
    rig.emulator.freeze()
    try:
        yield ALL_CAMERAS
    finally:
        rig.emulator.thaw()


@contextmanager
def _line_torn(rig: Rig, _chance: random.Random) -> Iterator[str]:
    """What a kill of a worker may leave, which a random moment seldom meets."""
    recorded = manifests(rig.video.root)
    if recorded:
        tear_line(rig.video, recorded[-1])
    yield "the log"


@contextmanager
def _disk_full(rig: Rig, _chance: random.Random) -> Iterator[str]:
    ballast = fill(rig.video.root)
    try:
        yield "the disk"
    finally:
        ballast.unlink()


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _camera(order: str, *, spoils: bool = False, at_once: bool = False, **parameters: Any) -> Fault:
    @contextmanager
    def hold(rig: Rig, chance: random.Random) -> Iterator[str]:
        camera = chance.choice(CAMERAS)
        rig.emulator.misbehave(camera, order, **parameters)
        yield f"camera {camera}"
        if not at_once:
            rig.emulator.mend(camera, order)

    return Fault(f"camera: {order}", "cameras", hold, spoils)


FAULTS = (
    Fault("worker killed", "workers", _worker_killed),
    Fault("worker frozen", "workers", _worker_frozen),
    Fault("capture killed", "capture", _capture_killed),
    Fault("capture frozen", "capture", _capture_frozen),
    _redis("killed", RedisServer.killed),
    _redis("frozen", RedisServer.frozen),
    _redis("out of memory", RedisServer.full),
    _redis("read-only", RedisServer.read_only),
    Fault("cameras killed", "cameras", _cameras_killed),
    Fault("cameras frozen", "cameras", _cameras_frozen, spoils=True),
    Fault("log line torn", "log", _line_torn),
    _camera("drop", at_once=True),
    _camera("reset", at_once=True),
    _camera("timestamp_jump", at_once=True, by_seconds=60),
    _camera("stall", spoils=True),
    _camera("hang", spoils=True),
    _camera("refuse"),
    _camera("gone"),
    _camera("video_stops", spoils=True),
    _camera("unauthorized"),
    _camera("slow", speed=0.5),
    _camera("frozen_timestamps"),
    _camera("change_resolution"),
    _camera("garbage", spoils=True, share=0.2),
    _camera("loss", spoils=True, share=0.1),
)
DISK_FULL = Fault("disk full", "disk", _disk_full)
