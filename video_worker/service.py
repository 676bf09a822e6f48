"""Wiring: the configuration becomes a worker on the video queue."""

import logging
from functools import partial
from threading import Event

import cv2
import numpy as np

from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import SystemClock
from shared_utils.config import Config
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.queue import TaskQueue, connect
from shared_utils.queue_worker import QueueWorker
from shared_utils.status import StatusFile
from shared_utils.tasks import VIDEO_QUEUE
from video_worker.detectors import Detector, Detectors, choose_detector, load_detector
from video_worker.objects import object_worker, options_from

log = logging.getLogger(__name__)

SERVICE = "video_worker"


def serve(config: Config, stop: Event) -> None:
    """Analyse segments until `stop` is set. Raises ModelError if the configured weights cannot be used."""
    cv2.setNumThreads(1)  # OpenCV would take every core; more work is done by more workers
    detector = choose_detector(config.objects, config.models_dir)
    warm_up(detector, config.objects.batch_size)
    log.info("the objects of segments are found by %s", detector.name)
    clock = SystemClock()
    status_file = StatusFile(config.video.status, SERVICE, clock)
    status = WorkerStatus(detector.name, status_file.write, status_file.remove)
    worker = object_worker(
        config.video,
        ResultLog(config.video.root, DETECTIONS_LOG, clock),
        Detectors(detector, partial(load_detector, config=config.objects, models_dir=config.models_dir)),
        options=options_from(config),
        status=status,
        clock=clock,
    )
    queue = TaskQueue(connect(config.redis_url.get_secret_value()), VIDEO_QUEUE, clock)
    status.start()
    try:
        QueueWorker(queue, worker.handle, worker.give_up).run(stop)
    finally:
        status.stop()


def warm_up(detector: Detector, batch_size: int) -> None:
    """Let the model allocate what it needs before the first task is waiting."""
    detector.detect([np.zeros((360, 640, 3), np.uint8)] * batch_size)
