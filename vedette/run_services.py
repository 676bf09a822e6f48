"""Which services a configuration asks for, and how each is started on this machine."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shared_utils.config import Config
from shared_utils.tasks import FACE_QUEUE, PRIVACY_QUEUE, VIDEO_QUEUE
from vedette.supervisor_child import Service, python_service

CAPTURE, OBJECT_WORKER, FACE_WORKER = "capture_service", "video_worker", "face_worker"
WORKER_GRACE_SECONDS = 60.0  # the task in hand is finished first
CAPTURE_GRACE_SECONDS = 20.0  # a camera that does not answer is waited for until its read times out
WORKERS = {VIDEO_QUEUE: OBJECT_WORKER, FACE_QUEUE: FACE_WORKER}  # the queues that a worker of this version takes from
MISSING_WORKERS = {PRIVACY_QUEUE: "privacy worker"}


def queues_asked_for(config: Config) -> tuple[str, ...]:
    """The queues that the segments of the cameras go to."""
    return tuple(dict.fromkeys(queue for camera in config.cameras.values() for queue in camera.queues))


def services_asked_for(
    config: Config, config_file: Path | None, environment: Mapping[str, str], inherited: Sequence[int]
) -> list[Service]:
    """The services in the order of starting: workers first, so that the first segment finds them ready."""
    arguments = [*(["--config", str(config_file)] if config_file else []), "--video-dir", str(config.video_dir)]
    workers = [WORKERS[queue] for queue in queues_asked_for(config) if queue in WORKERS]
    return [
        python_service(
            module,
            arguments,
            {**environment, **_metrics_port(config, offset)},
            inherited=inherited,
            stop_grace_seconds=CAPTURE_GRACE_SECONDS if module == CAPTURE else WORKER_GRACE_SECONDS,
        )
        for offset, module in reversed(list(enumerate([CAPTURE, *workers])))
    ]


def _metrics_port(config: Config, offset: int) -> dict[str, str]:
    """Services of one machine share its ports: the first gets the configured one, the next the one after it."""
    return {"VEDETTE_METRICS__PORT": str(config.metrics.port + offset)} if config.metrics.port else {}


def missing_workers(config: Config) -> Iterator[str]:
    """What is asked for and not part of this version, as warnings."""
    for queue in queues_asked_for(config):
        if queue in MISSING_WORKERS:
            cameras = ", ".join(name for name, camera in config.cameras.items() if queue in camera.queues)
            yield (
                f"This version has no {MISSING_WORKERS[queue]}: the tasks of {cameras} wait in {queue} until one "
                "takes them. Nothing is lost."
            )
