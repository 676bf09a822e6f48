"""Everything that `vedette status` tells."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from capture_service.retention_index import find_segments
from shared_utils.clock import Clock
from shared_utils.config import Config
from shared_utils.queue import TaskQueue, connect
from shared_utils.tasks import QUEUES
from vedette.missing_models import missing_models
from vedette.queue_tables import depth_table, redis_hint
from vedette.run_redis import redis_url_of
from vedette.screen import UNKNOWN, cameras_table, services_table, worker_line
from vedette.screen_state import Snapshot, take_snapshot

GB = 1e9


@dataclass(frozen=True, slots=True)
class DiskView:
    """How full the disk with the video folder is, in bytes."""

    video_dir: str
    segments: int  # how many there are
    segments_bytes: int
    segments_limit_bytes: float
    free_bytes: int | None  # None: the folder's disk cannot be asked
    keep_free_bytes: float
    outbox: int  # manifests whose tasks are not queued yet


@dataclass(frozen=True, slots=True)
class Report:
    """What is going on, and what is missing."""

    snapshot: Snapshot
    redis_hint: str | None
    disk: DiskView
    models: tuple[str, ...]  # what is missing, as sentences


def take_report(config: Config, clock: Clock) -> Report:
    with connect(redis_url_of(config)) as redis:
        snapshot = take_snapshot(config, [TaskQueue(redis, name, clock) for name in QUEUES], clock.now())
    return Report(
        snapshot=snapshot,
        redis_hint=redis_hint(config) if snapshot.redis_trouble else None,
        disk=_disk(config),
        models=missing_models(config),
    )


def as_json_object(report: Report) -> dict[str, Any]:
    snapshot = report.snapshot
    return {
        "services": [asdict(service) for service in snapshot.services],
        "cameras": [asdict(camera) for camera in snapshot.cameras],
        "redis": {"ok": snapshot.redis_trouble is None, "error": snapshot.redis_trouble},
        "queues": [asdict(queue) for queue in snapshot.queues],
        "workers": [asdict(worker) for worker in snapshot.workers],
        "disk": asdict(report.disk),
        "models_missing": list(report.models),
    }


def tables(report: Report) -> Iterator[RenderableType]:
    snapshot = report.snapshot
    if snapshot.services:
        yield services_table(snapshot.services)
    else:
        yield Text("No 'vedette run' works on this folder.")
    yield cameras_table(snapshot.cameras) if snapshot.cameras else Text("No camera is configured.", "yellow")
    if snapshot.redis_trouble is None:
        yield depth_table(snapshot.queues)
    else:
        yield Text(f"Redis is away: {snapshot.redis_trouble} {report.redis_hint or ''}", "red")
    yield from (worker_line(worker) for worker in snapshot.workers)
    if not snapshot.workers:
        yield Text("No worker runs.", "yellow")
    yield _disk_text(report.disk)
    yield from (Text(line, "yellow") for line in report.models)


def _disk(config: Config) -> DiskView:
    kept = find_segments(config.video)
    return DiskView(
        video_dir=str(config.video_dir),
        segments=len(kept),
        segments_bytes=sum(segment.size_bytes for segment in kept),
        segments_limit_bytes=config.storage.max_disk_usage_gb * GB,
        free_bytes=_free_bytes(config.video_dir),
        keep_free_bytes=config.storage.keep_free_gb * GB,
        outbox=sum(1 for _ in config.video.outbox.glob("*.json")),
    )


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _disk_text(disk: DiskView) -> Text:
    free = UNKNOWN if disk.free_bytes is None else f"{disk.free_bytes / GB:.1f} GB"
    text = Text(
        f"{disk.video_dir}: {disk.segments} segments, {disk.segments_bytes / GB:.2f} of "
        f"{disk.segments_limit_bytes / GB:g} GB; {free} free (at least {disk.keep_free_bytes / GB:g} GB is kept free)"
    )
    if disk.outbox:
        text.append(f"; {disk.outbox} segments wait in the outbox for Redis", "yellow")
    return text
