"""A correct video folder with its queues, in which one thing is bent."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.config import Config
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.queue import TaskQueue, connect
from shared_utils.result_line import Subject, error_line, ok_line
from shared_utils.segments import Manifest, VideoDir, VideoInfo, segment_id
from shared_utils.tasks import QUEUES, VIDEO_QUEUE, task_for
from tests.support.clips import make_clip

START = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
HOUR_SECONDS = 3600.0
PASSWORD = "hunter2-of-the-door"


@cache
def clip() -> bytes:
    """A small video as capture leaves it."""
    with TemporaryDirectory() as folder:
        return make_clip(Path(folder) / "clip.mp4", seconds=1, width=160, height=96).read_bytes()


def put(path: Path, data: bytes, age_seconds: float = HOUR_SECONDS, now: float | None = None) -> Path:
    """A file that was last changed so long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    moment = (SystemClock().now().timestamp() if now is None else now) - age_seconds
    os.utime(path, (moment, moment))
    return path


def manifest_of(video: VideoDir, number: int = 0, tasks: tuple[str, ...] = (), camera: str = "front") -> Manifest:
    segment = segment_id(camera, START + timedelta(seconds=30 * number))
    return Manifest(
        segment_id=segment,
        camera=camera,
        event_id=segment,
        trigger="motion",
        started_at=START + timedelta(seconds=30 * number),
        duration_seconds=1.0,
        filename=video.segment_filename(segment),
        size_bytes=len(clip()),
        video=VideoInfo(codec="h264", width=160, height=96, fps=15.0),
        tasks=tasks,
    )


class Site:
    """A folder with segments, and a Redis with their tasks; services do not run."""

    def __init__(self, root: Path, redis_url: str, **settings: Any) -> None:
        cameras = {"front": {"url": f"rtsp://viewer:{PASSWORD}@127.0.0.1:1/"}, "back": {"url": "rtsp://127.0.0.1:1/b"}}
        self.config = Config.model_validate({"cameras": cameras, "redis_url": redis_url, "video_dir": root} | settings)
        self.video, self.clock = VideoDir(root), SystemClock()
        self.redis: Redis = connect(redis_url)
        self.queues = {name: TaskQueue(self.redis, name, self.clock) for name in QUEUES}
        root.mkdir(parents=True, exist_ok=True)

    @property
    def queue(self) -> TaskQueue:
        return self.queues[VIDEO_QUEUE]

    def record(self, number: int = 0, tasks: tuple[str, ...] = (VIDEO_QUEUE,), camera: str = "front") -> Manifest:
        """A segment that was recorded and queued, with its manifest beside it."""
        manifest = manifest_of(self.video, number, tasks, camera)
        put(self.video.segment(manifest.segment_id), clip())
        put(self.video.manifest(manifest.segment_id), manifest.to_json())
        for name in tasks:
            self.queues[name].push(task_for(manifest, self.clock.now()))
        return manifest

    def analyse(
        self, manifest: Manifest, *, ok: bool = True, model: str = "yolov8n", log: str = DETECTIONS_LOG
    ) -> None:
        """Its line, in the form of every log."""
        ResultLog(self.video.root, log, self.clock).record(line_of(manifest, ok=ok, model=model))

    def settle(self, queue: str = VIDEO_QUEUE) -> None:
        """All tasks are done; the push guards stand, as they do for a week."""
        self.redis.delete(queue)

    def queued(self, queue: str = VIDEO_QUEUE) -> list[str]:
        return self.queues[queue].waiting()

    def contents(self, but: Callable[[Path], bool] = lambda _: False) -> set[bytes]:
        """What all files hold, wherever they lie."""
        return {path.read_bytes() for path in self.video.root.rglob("*") if path.is_file() and not but(path)}


def line_of(manifest: Manifest, *, ok: bool = True, model: str = "yolov8n") -> dict[str, Any]:
    """A line with what all logs have."""
    now = SystemClock().now()
    subject = Subject(task_for(manifest, now), model, manifest.event_id)
    if ok:
        return ok_line(subject, [], count=0, own={}, now=now)
    return error_line(subject, "it is empty", own={}, now=now)


def pieces_of(site: Site) -> set[bytes]:
    """Every line of every log and every other file as a whole, wherever they are; of a half-written video, its name.

    That one is written anew as an ordinary MP4, as capture does it at its start.
    """
    pieces = set()
    for path in site.video.root.rglob("*"):
        if path.name.endswith((".mp4", ".mp4.part")):
            pieces.add(path.name.removesuffix(".part").encode())
        elif path.is_file() and path.suffix != ".lock":
            data = path.read_bytes()
            pieces |= set(data.splitlines()) if "_log" in path.name else {data}
    return pieces - {b""}
