"""Wiring: the configuration becomes a worker on the face queue."""

import logging
from functools import partial
from threading import Event

import cv2

from face_worker.analysis import face_worker, options_from
from face_worker.engines import Engine, Engines
from face_worker.gone import GoneSegments, NobodyLooked
from face_worker.metrics import FRAMES, SEGMENTS
from face_worker.pipeline import Faces
from face_worker.weights import health_for, wait_for_weights
from shared_utils.analysis.segment_worker import SegmentWorker, WorkerMetrics
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import SystemClock
from shared_utils.config import Config
from shared_utils.errors import ConfigError
from shared_utils.faces.engine import load_engine
from shared_utils.logs import FACES_LOG, ResultLog
from shared_utils.onnx_session import DeviceMissingError, require_device
from shared_utils.queue import TaskQueue, connect
from shared_utils.queue_worker import QueueWorker
from shared_utils.status import StatusFile
from shared_utils.tasks import FACE_QUEUE

log = logging.getLogger(__name__)

SERVICE = "face_worker"


def serve(config: Config, stop: Event) -> None:
    """Name the people of segments until `stop` is set. While there are no weights, no task is taken.

    Raises ModelError for weights that are there and cannot be used, ConfigError for a device that is not.
    """
    _require_device(config)  # now, and not once there are weights
    cv2.setNumThreads(1)  # OpenCV would take every core; more work is done by more workers
    clock = SystemClock()
    status_file = StatusFile(config.video.status, SERVICE, clock)
    status = WorkerStatus(config.faces.model, status_file.write, status_file.remove)
    status.start()
    try:
        gone = _gone_segments(config, status)
        load = partial(_load, config, config.faces.model)
        engine = wait_for_weights(
            load, status, stop, health=health_for(config), meanwhile=partial(gone.end_tasks, stop)
        )
        if engine is not None:
            _work(config, engine, status, stop)
    finally:
        status.stop()


def _work(config: Config, engine: Engine, status: WorkerStatus, stop: Event) -> None:
    log.info("the faces of segments are found by %s", engine.name)
    clock = SystemClock()
    worker = face_worker(
        config.video,
        ResultLog(config.video.root, FACES_LOG, clock),
        Engines(engine, partial(_load, config)),
        options=options_from(config),
        status=status,
        clock=clock,
    )
    QueueWorker(_queue(config), worker.handle, worker.give_up).run(stop)


def _gone_segments(config: Config, status: WorkerStatus) -> GoneSegments:
    """Without an engine: what ends the tasks of segments that are deleted while the weights are missing."""
    clock = SystemClock()
    results = ResultLog(config.video.root, FACES_LOG, clock)
    worker: SegmentWorker[Faces] = SegmentWorker(
        config.video,
        results,
        NobodyLooked(config.faces.model),
        status=status,
        metrics=WorkerMetrics(FRAMES, SEGMENTS),
        clock=clock,
    )
    return GoneSegments(_queue(config), config.video, worker.handle)


def _queue(config: Config) -> TaskQueue:
    return TaskQueue(connect(config.redis_url.get_secret_value()), FACE_QUEUE, SystemClock())


def _require_device(config: Config) -> None:
    try:
        require_device("faces", config.faces.device)
    except DeviceMissingError as error:
        raise ConfigError(str(error)) from error


def _load(config: Config, model: str) -> Engine:
    """The engine of one pack. Raises ModelError, and ConfigError for a device that is missing."""
    try:
        return load_engine(config.faces.model_copy(update={"model": model}), config.models_dir)
    except DeviceMissingError as error:
        raise ConfigError(str(error)) from error  # starting again does not help: the configuration must be changed
