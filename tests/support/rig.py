"""A whole installation to be broken: cameras that record, workers that work, a Redis; each in its own process."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.logs import DETECTIONS_LOG, JsonlLog
from shared_utils.segments import VideoDir
from shared_utils.tasks import VIDEO_QUEUE
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.packets import contents_of
from tests.support.redis_server import RedisServer
from tests.support.services import REPOSITORY, manifests, recorded_spans, write_config
from tests.support.waiting import wait_until
from vedette.checks.footage import check_footage

CAMERAS = ("one", "two", "three")
WORKERS = 2
STOP_SECONDS = 60.0
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What a fault cost: segments in, lines out, and how they differ."""

    segments: int
    results: int
    lost: int
    twice: int
    failed: int  # lines that say "ok": false; they count as results
    dead: int


class Rig:
    """Use it as a context manager: everything records and works inside the block, and is stopped at its end.

    `finish` ends recording, lets the workers finish and counts. All parts may be killed and started again meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        redis: RedisServer,
        *,
        video: Path | None = None,
        clips: Mapping[str, Path | str] | None = None,
        camera: Mapping[str, Any] | None = None,
        storage: Mapping[str, Any] | None = None,
        workers: int = WORKERS,
        worker_command: Sequence[str] = ("-m", "tests.support.object_worker_process"),
        capture_command: Sequence[str] = ("-m", "capture_service"),
    ) -> None:
        """`camera` and `storage` are put over the configuration of a rig that cuts a segment every 2 s."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.redis, self.video = folder, redis, VideoDir(video or folder / "video")
        self.emulator = Emulator(clips or {name: self._clip(name) for name in CAMERAS})
        self.capture: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.capture_command, self.worker_command = capture_command, worker_command
        self._names = tuple(clips or CAMERAS)
        self.worker_count = workers  # how many are started with the rest
        self._camera, self._storage = camera or {}, storage or {}
        self._own_gaps: list[dict[str, Any]] = []  # made by us, while nothing is to be recorded any more

    def _clip(self, name: str) -> Path:
        path = self.folder / f"{name}.mp4"
        return make_clip(path, seconds=8, width=320, height=180, moving=[(0, 8)], audio=name == "one")

    def __enter__(self) -> Self:
        self.emulator.start()
        self.start_capture()
        for _ in range(self.worker_count):
            self.start_worker()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self.capture, *self.workers):
            if process is not None:
                _end(process)
        self.emulator.stop()

    @property
    def config(self) -> Path:
        """Written at each use: the ports of the emulator and of Redis are known by then."""
        usual = {"record": "continuous", "segment_seconds": 2, "stall_seconds": 3, "analyses": ["objects"]}
        cameras = {name: usual | dict(self._camera) | {"url": self.emulator.url(name)} for name in self._names}
        storage = {"keep_free_gb": 0} | dict(self._storage)
        return write_config(self.folder / "vedette.yml", cameras, storage=storage, log_level="debug")

    def start_capture(self, *command: str) -> "subprocess.Popen[bytes]":
        """`command` (Python's arguments) in place of the usual one for this start."""
        options = ["--config", str(self.config), "--video-dir", str(self.video.root)]
        self.capture = self._start("capture", [*(command or self.capture_command), *options])
        return self.capture

    def start_worker(self, *command: str) -> "subprocess.Popen[bytes]":
        process = self._start("workers", [*(command or self.worker_command), self.redis.url, str(self.video.root)])
        self.workers.append(process)
        return process

    def _start(self, name: str, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        environment = os.environ | {"REDIS_URL": self.redis.url}
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments], cwd=REPOSITORY, env=environment, stdout=log, stderr=log
            )

    def kill_capture(self) -> datetime:
        """SIGKILL; when it was dead."""
        assert self.capture is not None, "capture must run to be killed"
        _kill(self.capture)
        return SystemClock().now()

    def kill_worker(self, number: int = 0) -> None:
        """SIGKILL; it is out of the list then."""
        _kill(self.workers.pop(number))

    def wait_for_segments(self, more: int, camera: str | None = None) -> None:
        """Wait until so many more segments (of this camera) are there than now."""
        wanted = len(manifests(self.video.root, camera)) + more
        wait_until(
            f"{more} more segments are recorded",
            lambda: len(manifests(self.video.root, camera)) >= wanted,
            PATIENCE_SECONDS,
        )

    def lines(self) -> list[dict[str, Any]]:
        return list(JsonlLog(self.video.root, DETECTIONS_LOG, SystemClock()).lines())

    def finish(self) -> Tally:
        """Stop recording as a user would, wait until every segment has its line, stop the workers, and count."""
        if self.capture is not None:
            _end(self.capture)
        segments = [manifest.segment_id for manifest in manifests(self.video.root)]
        if list(self.video.outbox.glob("*.json")):
            self._send_the_outbox()

        def all_done() -> bool:
            return set(segments) <= {line["segment_id"] for line in self.lines()} and self._queue_is_empty()

        wait_until("every segment has its line", all_done, PATIENCE_SECONDS)
        for worker in self.workers:
            _end(worker)
        return self.tally()

    def _send_the_outbox(self) -> None:
        """What capture could not send before it ended, its next start sends; without a camera, which would be a gap."""
        known = len(self.logged_gaps())
        self.emulator.stop()
        self.start_capture()
        wait_until("the outbox is sent", lambda: not list(self.video.outbox.glob("*.json")), PATIENCE_SECONDS)
        assert self.capture is not None
        _end(self.capture)
        self._own_gaps = self.logged_gaps()[known:]

    def _queue_is_empty(self) -> bool:
        with Redis.from_url(self.redis.url) as redis:
            in_work = list(redis.scan_iter(f"{VIDEO_QUEUE}:processing:*"))
            return not redis.llen(VIDEO_QUEUE) and not any(redis.llen(key) for key in in_work)

    def tally(self) -> Tally:
        """Count what is there now."""
        segments = {manifest.segment_id for manifest in manifests(self.video.root)}
        lines = self.lines()
        written = Counter((line["segment_id"], line["model"]) for line in lines)
        with Redis.from_url(self.redis.url) as redis:
            dead = int(redis.llen(f"{VIDEO_QUEUE}:dead"))
        return Tally(
            segments=len(segments),
            results=len(lines),
            lost=len(segments - {line["segment_id"] for line in lines}),
            twice=sum(count - 1 for count in written.values()),
            failed=sum(not line["ok"] for line in lines),
            dead=dead,
        )

    def gaps_seconds(self, camera: str) -> list[float]:
        """How long each interruption of the recording was, from one recorded span to the next."""
        spans = recorded_spans(self.video.root, camera)
        return [(after[0] - before[1]).total_seconds() for before, after in pairwise(spans)]

    def lost_before_seconds(self, moment: datetime, camera: str) -> float:
        """How much of what was shown before `moment` (capture was killed) is in no segment."""
        spans = recorded_spans(self.video.root, camera)
        last = max((end for start, end in spans if start <= moment), default=None)
        assert last is not None, f"nothing of camera {camera} was recorded before {moment}"
        return max(0.0, (moment - last) / timedelta(seconds=1))

    def lost_between_seconds(self, since: datetime, until: datetime, camera: str) -> float:
        """How much of the time from the first segment that began at or after `since` to `until` is in no segment.

        Holes count as well: a kill just after a cut costs the end of two segments.
        """
        covered, lost = None, 0.0
        for manifest in manifests(self.video.root, camera):
            if since <= manifest.started_at <= until:
                lost += max(0.0, (manifest.started_at - (covered or manifest.started_at)) / timedelta(seconds=1))
                covered = manifest.started_at + timedelta(seconds=manifest.duration_seconds)
        assert covered is not None, f"nothing of camera {camera} was recorded from {since} to {until}"
        return lost + max(0.0, (until - covered) / timedelta(seconds=1))

    def logged_gaps(self) -> list[dict[str, Any]]:
        """The lines of the gaps log."""
        path = self.video.root / "gaps_log.jsonl"
        gaps = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [gap for gap in gaps if gap not in self._own_gaps]

    def assert_whole(self) -> None:
        """Every segment plays to its end, nothing half-written is left, and no invariant is broken."""
        for manifest in manifests(self.video.root):
            contents = contents_of(self.video.segment(manifest.segment_id))
            assert contents.decoded == len(contents.video) > 0, manifest.segment_id
        assert not list(self.video.root.rglob("*.part"))
        report = check_footage(self.video, SystemClock())
        assert all(flaw.harmless for flaw in report.flaws), report


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait(STOP_SECONDS)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, as every supervisor does; SIGKILL for one that does not react."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(process)
