"""An object worker in a process of its own, to be killed: `python -m tests.support.object_worker_process URL VIDEO`.

It finds the block of our own clips. With a third argument it stops between the line and the settling of its task,
and says so by creating that file: the worst moment for a kill. `--poison` names a folder with files called `raise`,
`kill` or `hang`: the next task to come takes one of them for itself, by a rename, and each look at its segment does
that from then on, whichever worker has it.
"""

import argparse
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import Clock, SystemClock
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.process import set_up_logging, stop_on_signals
from shared_utils.queue import TaskQueue, connect
from shared_utils.queue_worker import QueueWorker, WorkerSettings
from shared_utils.segments import VideoDir
from shared_utils.tasks import VIDEO_QUEUE, Task
from tests.support.detectors import BlockDetector
from video_worker.detectors import Detection, Detectors, Image
from video_worker.objects import WorkerOptions, object_worker

QUICK = WorkerSettings(lease_seconds=2.0, beat_seconds=0.4, poll_seconds=0.5)
POISONS = ("raise", "kill", "hang")


class TryingDetector(BlockDetector):
    """Takes its time over a segment, and does what the poison in it says."""

    def __init__(self, slow_seconds: float, poisons: Path | None) -> None:
        super().__init__()
        self._slow_seconds, self._poisons = slow_seconds, poisons
        self._poison: str | None = None
        self._rested = False

    def take_up(self, segment: str) -> None:
        """The segment that the next looks are of."""
        self._rested = False
        self._poison = self._poison_in(segment)

    def _poison_in(self, segment: str) -> str | None:
        if self._poisons is None:
            return None
        taken = list(self._poisons.glob(f"*.{segment}"))
        if taken:
            return taken[0].name.partition(".")[0]
        for poison in POISONS:
            try:
                (self._poisons / poison).rename(self._poisons / f"{poison}.{segment}")
            except FileNotFoundError:
                continue
            return poison
        return None

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        if not self._rested:
            self._rested = True
            Event().wait(self._slow_seconds)
        match self._poison:
            case "raise":
                raise ValueError("a poison segment")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                Event().wait()
            case _:
                return super().detect(images)
        raise AssertionError("unreachable")


def main(clock: Clock) -> None:
    options = _options()
    set_up_logging("info")
    stop = stop_on_signals()
    video = VideoDir(options.video)
    detector = TryingDetector(options.slow, options.poison)
    worker = object_worker(
        video,
        ResultLog(video.root, DETECTIONS_LOG, clock),
        Detectors(detector, BlockDetector),
        options=WorkerOptions(),
        status=WorkerStatus(detector.name, write=lambda _: None, remove=lambda: None),
        clock=clock,
    )

    def handle(task: Task) -> None:
        detector.take_up(task.segment_id)
        worker.handle(task)
        if options.halt_file is not None:
            options.halt_file.touch()
            Event().wait()

    settings = replace(QUICK, max_runtime_seconds=options.max_runtime)
    QueueWorker(TaskQueue(connect(options.url), VIDEO_QUEUE, clock), handle, worker.give_up, settings).run(stop)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("video", type=Path)
    parser.add_argument("halt_file", type=Path, nargs="?")
    parser.add_argument("--slow", type=float, default=0.0, metavar="SECONDS", help="how long each segment takes")
    parser.add_argument("--max-runtime", type=float, default=QUICK.max_runtime_seconds, metavar="SECONDS")
    parser.add_argument("--poison", type=Path, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    main(SystemClock())
