"""An object worker in a process of its own, to be killed: `python -m tests.support.object_worker_process URL VIDEO`.

It finds the block of our own clips. With a third argument it stops between the line and the settling of its task,
and says so by creating that file: the worst moment for a kill.
"""

import sys
from pathlib import Path
from threading import Event

from shared_utils.clock import SystemClock
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.process import set_up_logging, stop_on_signals
from shared_utils.queue import TaskQueue, connect
from shared_utils.queue_worker import QueueWorker, WorkerSettings
from shared_utils.segments import VideoDir
from shared_utils.tasks import VIDEO_QUEUE, Task
from tests.support.detectors import BlockDetector
from video_worker.detectors import Detectors
from video_worker.status import WorkerStatus
from video_worker.worker import ObjectWorker, WorkerOptions

QUICK = WorkerSettings(lease_seconds=2.0, beat_seconds=0.4, poll_seconds=0.5)


def main(url: str, video_dir: str, halt_file: str | None = None) -> None:
    set_up_logging("info")
    stop = stop_on_signals()
    video, clock, detector = VideoDir(Path(video_dir)), SystemClock(), BlockDetector()
    worker = ObjectWorker(
        video,
        ResultLog(video.root, DETECTIONS_LOG, clock),
        Detectors(detector, BlockDetector),
        options=WorkerOptions(),
        status=WorkerStatus(detector.name, write=lambda _: None, remove=lambda: None),
        clock=clock,
    )

    def handle(task: Task) -> None:
        worker.handle(task)
        if halt_file is not None:
            Path(halt_file).touch()
            Event().wait()

    QueueWorker(TaskQueue(connect(url), VIDEO_QUEUE, clock), handle, worker.give_up, QUICK).run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
