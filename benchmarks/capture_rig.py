"""The real capture service recording from the real emulator, each a process of its own, while a block runs."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.capture_clips import FPS
from benchmarks.processes import cpu_seconds
from shared_utils.clock import SystemClock
from shared_utils.status import read_status
from tests.support.emulator import Emulator
from tests.support.services import service, write_config
from vedette.embedded_redis import EmbeddedRedis, RedisServerMissingError
from vedette.loopback import free_port

# Many cameras on a busy machine.
STREAMING_SECONDS = 120.0
IDLE_SECONDS = 240.0


class RigError(Exception):
    """The service did not do what is to be measured."""


@dataclass(frozen=True, slots=True)
class Capturing:
    """A capture service that records."""

    process: subprocess.Popen[bytes]
    emulator: Emulator
    video_dir: Path
    metrics_port: int

    @property
    def pid(self) -> int:
        return self.process.pid

    def status(self) -> dict[str, Any]:
        """What the status file says of each camera; empty before there is one."""
        told = read_status(self.video_dir / "status", SystemClock().now())
        cameras: dict[str, Any] = told[0]["cameras"] if told else {}
        return cameras

    def frames(self) -> float:
        """Video packets received so far, of all cameras."""
        return self.metric("vedette_capture_packets_total")

    def wait_until_idle(self, cameras: int) -> None:
        """Until motion detection decodes keyframes alone. Raises RigError if that does not come."""
        deadline = time.monotonic() + IDLE_SECONDS
        while self.metric("vedette_motion_idle") < cameras:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RigError(f"not all of {cameras} cameras are idle after {IDLE_SECONDS:.0f} s")
            time.sleep(1.0)

    def metric(self, name: str) -> float:
        """The sum over all labels of a metric."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


@contextmanager
def capturing(folder: Path, cameras: Mapping[str, Path], **settings: Any) -> Iterator[Capturing]:
    """One camera for each clip, all with these settings; when the block begins, every one streams."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        environment = {"REDIS_URL": url} if (url := _redis(stack, folder)) else {}
        emulator = stack.enter_context(Emulator(cameras))
        port = free_port()
        config = write_config(
            folder / "vedette.yml",
            {name: {"url": emulator.url(name), **settings} for name in cameras},
            metrics={"port": port},
            log_level="warning",
        )
        video_dir = folder / "video"
        process = stack.enter_context(service("capture_service", config, video_dir, **environment))
        running = Capturing(process, emulator, video_dir, port)
        _wait_until_streaming(running, len(cameras))
        yield running


def _redis(stack: ExitStack, folder: Path) -> str | None:
    """Of a Redis of our own; without one the manifests wait in the outbox, which costs capture nothing."""
    redis = EmbeddedRedis(folder / "redis")
    try:
        redis.start()
    except RedisServerMissingError:
        return None
    stack.callback(redis.stop)
    return redis.url


def _wait_until_streaming(running: Capturing, cameras: int) -> None:
    deadline = time.monotonic() + STREAMING_SECONDS
    while sum(one["state"] == "streaming" for one in running.status().values()) < cameras:
        if running.process.poll() is not None or time.monotonic() > deadline:
            raise RigError(f"not all of {cameras} cameras stream after {STREAMING_SECONDS:.0f} s")
        time.sleep(0.2)


def cpu_per_second(pid: int, frames: Callable[[], float], *, window_seconds: float, windows: int) -> float:
    """CPU seconds per second of video: the median of some windows.

    Of video, not of the clock: who falls behind would look cheap otherwise. Raises RigError if no frame comes.
    """
    found = []
    for _ in range(windows):
        frames_before, cpu_before = frames(), cpu_seconds(pid)
        time.sleep(window_seconds)
        used, done = cpu_seconds(pid) - cpu_before, frames() - frames_before
        if done <= 0:
            raise RigError(f"process {pid} dealt with no frame in {window_seconds:.0f} s")
        found.append(used / (done / FPS))
    return median(found)


def say(text: str) -> None:
    """Progress, where it does not mix with the results."""
    print(text, file=sys.stderr, flush=True)
