"""What is going on now, gathered for the live screen and for `vedette status`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from shared_utils.clock import Clock
from shared_utils.config import Config
from shared_utils.logs import DETECTIONS_LOG, FACES_LOG, JsonlLog
from shared_utils.models import HOG
from shared_utils.queue import QueueUnavailableError, TaskQueue
from shared_utils.status import read_status
from vedette.run_services import CAPTURE, WORKERS

NOT_RUNNING = "not captured"


@dataclass(frozen=True, slots=True)
class CameraView:
    """A camera as its capture service describes it."""

    name: str
    state: str
    reason: str | None = None
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    bitrate_kbps: float | None = None
    moving: bool = False
    recording: bool = False
    segments: int = 0
    last_motion_at: str | None = None


@dataclass(frozen=True, slots=True)
class QueueView:
    """How much a queue holds; None while Redis does not say."""

    name: str
    waiting: int | None
    in_work: int | None
    dead: int | None


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as it describes itself."""

    service: str
    host: str
    pid: int
    state: str
    model: str | None
    segment_id: str | None
    done: int
    failed: int


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A process of the supervisor."""

    name: str
    state: str
    pid: int | None
    restarts: int
    last_end: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at everything."""

    services: tuple[ServiceView, ...]
    cameras: tuple[CameraView, ...]
    queues: tuple[QueueView, ...]
    redis_trouble: str | None
    workers: tuple[WorkerView, ...]


def take_snapshot(config: Config, queues: Sequence[TaskQueue], now: datetime) -> Snapshot:
    """Never raises for a service or a Redis that is away: that is what the snapshot tells."""
    statuses = read_status(config.video.status, now)
    views, trouble = _queue_views(queues)
    return Snapshot(
        services=tuple(_services(statuses)),
        cameras=_cameras(config, statuses),
        queues=views,
        redis_trouble=trouble,
        workers=tuple(_worker(status) for name in WORKERS.values() for status in _of(statuses, name)),
    )


def latest_detections(video_dir: Path, clock: Clock, count: int) -> list[dict[str, Any]]:
    """The last lines of the logs of objects and of faces, the newest first."""
    lines = [line for log in (DETECTIONS_LOG, FACES_LOG) for line in JsonlLog(video_dir, log, clock).lines()]
    return sorted(lines, key=lambda line: str(line.get("timestamp")), reverse=True)[:count]


def _of(statuses: Iterable[dict[str, Any]], service: str) -> list[dict[str, Any]]:
    return [status for status in statuses if status.get("service") == service]


def _services(statuses: Iterable[dict[str, Any]]) -> Iterable[ServiceView]:
    for status in _of(statuses, "vedette"):
        for name, service in status.get("services", {}).items():
            yield ServiceView(name, service["state"], service["pid"], service["restarts"], service["last_end"])


def _cameras(config: Config, statuses: Iterable[dict[str, Any]]) -> tuple[CameraView, ...]:
    reported: dict[str, dict[str, Any]] = {}
    for status in _of(statuses, CAPTURE):
        reported |= status.get("cameras", {})
    return tuple(
        _camera(name, reported[name]) if name in reported else CameraView(name, NOT_RUNNING) for name in config.cameras
    )


def _camera(name: str, told: dict[str, Any]) -> CameraView:
    known = {key: value for key, value in told.items() if key in CameraView.__dataclass_fields__ and key != "name"}
    return CameraView(name=name, **{"state": "unknown", **known})


def _queue_views(queues: Sequence[TaskQueue]) -> tuple[tuple[QueueView, ...], str | None]:
    try:
        depths = [(queue.name, queue.depth()) for queue in queues]
    except QueueUnavailableError as error:
        return tuple(QueueView(queue.name, None, None, None) for queue in queues), str(error)
    return tuple(QueueView(name, depth.waiting, depth.in_work, depth.dead) for name, depth in depths), None


def _worker(status: dict[str, Any]) -> WorkerView:
    return WorkerView(
        service=str(status["service"]),
        host=str(status.get("host", "")),
        pid=int(status.get("pid", 0)),
        state=str(status.get("state", "unknown")),
        model=status.get("model"),
        segment_id=status.get("segment_id"),
        done=int(status.get("done", 0)),
        failed=int(status.get("failed", 0)),
    )


def describe_model(model: str | None) -> str:
    """The worker's model in words."""
    if model is None:
        return "loading its model"
    return "OpenCV HOG (people only)" if model == HOG else model
