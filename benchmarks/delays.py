"""How long a segment waits: from its end to its task, to a worker, to its line. Every part real but the detector."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import numpy as np
from redis import Redis
from redis.exceptions import RedisError

from benchmarks import report
from shared_utils.clock import SystemClock, from_iso
from shared_utils.logs import DETECTIONS_LOG, JsonlLog
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.services import REPOSITORY, manifests, service, write_config
from vedette.embedded_redis import EmbeddedRedis

TITLE = "Delays"
SEGMENTS, CAMERAS, SEGMENT_SECONDS, WORKERS = 200, 4, 2, 2
PATIENCE_SECONDS = 600.0
_TASK_ID = re.compile(r"[a-z0-9-]+-[0-9]{8}T[0-9]{9}Z")
_HEAD = ("from … to …", "p50 ms", "p99 ms", "longest ms")


@dataclass(frozen=True, slots=True)
class Passage:
    """When a segment came where, in Unix seconds."""

    ended: float  # its last frame had been shown: when the first frame of the next one arrived
    queued: float
    taken: float
    written: float


class QueueWatch:
    """Listens to Redis: when each task was pushed, and when a worker counted its first attempt."""

    def __init__(self, url: str) -> None:
        self.queued: dict[str, float] = {}
        self.taken: dict[str, float] = {}
        self._redis = Redis.from_url(url, decode_responses=True, socket_timeout=None)  # it may be quiet for long

    def start(self) -> None:
        Thread(target=self._listen, name="queue-watch", daemon=True).start()

    def _listen(self) -> None:
        try:
            with self._redis.monitor() as monitor:  # type: ignore[no-untyped-call]
                for said in monitor.listen():
                    self._note(str(said["command"]), float(said["time"]))
        except (RedisError, OSError):
            return  # it was stopped: the measurement is over

    def _note(self, command: str, at: float) -> None:
        found = _TASK_ID.search(command)
        if found and command.startswith("EVALSHA"):
            self.queued.setdefault(found[0], at)  # the push is the first that is done with a task
        elif found and command.startswith("HINCRBY"):
            self.taken.setdefault(found[0], at)


def measure() -> str:
    """The section of the report."""
    return (
        f"## {TITLE}\n\n{SEGMENTS} segments of {SEGMENT_SECONDS} s, recorded without a pause from {CAMERAS} cameras of "
        f"the emulator, every other one with sound; {WORKERS} workers; Redis that puts every step on disk. Capture, "
        "Redis and workers are processes of their own. A segment ends when its last frame has been shown: when "
        "the first frame of the next one arrives. The workers' detector costs nothing: "
        "what is measured is waiting.\n\n" + _table()
    )


def _table() -> str:
    silent, sounding = _passages()
    both = [*silent, *sounding]
    rows = [
        _row("end of segment → task on the list, without sound", [one.queued - one.ended for one in silent]),
        _row("the same, with sound", [one.queued - one.ended for one in sounding]),
        _row("task on the list → taken by a worker", [one.taken - one.queued for one in both]),
        _row("taken → line in the log", [one.written - one.taken for one in both]),
        _row("end of segment → line, without sound", [one.written - one.ended for one in silent]),
        _row("the same, with sound", [one.written - one.ended for one in sounding]),
    ]
    load = os.getloadavg()[0]
    return f"{report.table(_HEAD, rows)}\nLoad of the machine meanwhile: {load:.1f}.\n"


def _row(name: str, seconds: Sequence[float]) -> tuple[str, ...]:
    half, most = np.percentile(seconds, [50, 99]) * 1000
    return name, f"{half:.0f}", f"{most:.0f}", f"{max(seconds) * 1000:.0f}"


def _passages() -> tuple[list[Passage], list[Passage]]:
    """Those of cameras without sound, and those of cameras with sound."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        clips = {f"cam-{number}": _clip(folder, sound=bool(number % 2)) for number in range(CAMERAS)}
        redis = EmbeddedRedis(folder / "redis")
        redis.start()
        watch = QueueWatch(redis.url)
        try:
            watch.start()
            with Emulator(clips) as emulator:
                _record(folder, emulator, redis.url)
            found = _collect(folder / "video", watch)
        finally:
            redis.stop()
    return [one for sound, one in found if not sound], [one for sound, one in found if sound]


def _clip(folder: Path, *, sound: bool) -> Path:
    path = folder / f"clip-{sound}.mp4"
    if path.exists():
        return path
    return make_clip(path, seconds=20, fps=10, width=640, height=360, gop_seconds=1, moving=[(0, 20)], audio=sound)


def _record(folder: Path, emulator: Emulator, url: str) -> None:
    cameras = {
        f"cam-{number}": {
            "url": emulator.url(f"cam-{number}"), "record": "continuous", "segment_seconds": SEGMENT_SECONDS
        } for number in range(CAMERAS)
    }  # fmt: skip
    config = write_config(folder / "vedette.yml", cameras, log_level="warning")
    video = folder / "video"
    results = JsonlLog(video, DETECTIONS_LOG, SystemClock())
    with service("capture_service", config, video, REDIS_URL=url), _workers(url, video):
        until = time.monotonic() + PATIENCE_SECONDS
        while sum(1 for _ in results.lines()) < SEGMENTS + CAMERAS and time.monotonic() < until:
            time.sleep(1.0)


@contextmanager
def _workers(url: str, video: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.support.object_worker_process", url, str(video)]
    with (video.parent / "worker.log").open("ab") as log:
        processes = [subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log) for _ in range(WORKERS)]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)


def _collect(video: Path, watch: QueueWatch) -> list[tuple[bool, Passage]]:
    """Whether there is sound, and the passage, of each segment but the first and the last of a camera."""
    lines = JsonlLog(video, DETECTIONS_LOG, SystemClock()).lines()
    written = {line["segment_id"]: from_iso(line["timestamp"]).timestamp() for line in lines}
    found = []
    for camera in range(CAMERAS):
        # The first ends in the hurry of the start, the last at a stop and not at a keyframe.
        for manifest in manifests(video, f"cam-{camera}")[1:-1]:
            segment = manifest.segment_id
            if segment in written and segment in watch.taken:
                ended = manifest.started_at + timedelta(seconds=manifest.duration_seconds)
                times = (ended.timestamp(), watch.queued[segment], watch.taken[segment], written[segment])
                found.append((manifest.audio is not None, Passage(*times)))
    return found
