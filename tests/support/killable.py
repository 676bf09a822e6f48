"""What is killed at every step: the recording of two segments, the salvage of a torn one, the results of a task.

Each scenario is what one process does; `then` is what the process does that is started after the kill.
"""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from capture_service.timestamps import Mended, Step
from shared_utils.analysis.showing import Showing
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import SystemClock, to_iso
from shared_utils.logs import DETECTIONS_LOG, JsonlLog, ResultLog
from shared_utils.queue import TaskQueue, connect
from shared_utils.queue_worker import GiveUp, Handler, QueueWorker, WorkerSettings
from shared_utils.result_line import Subject, failed_line, given_up
from shared_utils.segments import VideoDir
from shared_utils.tasks import VIDEO_QUEUE, Task, task_for
from tests.support.capture_parts import CaptureParts, arriving, camera_config
from tests.support.detectors import BlockDetector
from tests.support.packets import footage
from tests.support.services import manifests
from video_worker.detectors import Detection, Detector, Detectors, Image
from video_worker.objects import WorkerOptions, object_worker

CAMERA = "cam"
CLIP, VIDEO, SHOWN = "clip.mp4", "video", "shown"
# Short, so that the task of a killed worker comes back within a second.
HASTY = WorkerSettings(
    lease_seconds=0.5,
    beat_seconds=0.1,
    poll_seconds=0.1,
    attempts=2,
    retry_pause_seconds=0.02,
    longest_pause_seconds=0.1,
)

Part = Callable[[Path, str], None]  # of a folder and the address of a Redis


@dataclass(frozen=True, slots=True)
class Scenario:
    """`prepare` makes the folder and the queue ready, `first` is killed, `then` finishes."""

    prepare: Part
    first: Part
    then: Part
    every_thread: bool  # whether all threads of `first` work in turn
    queue: str = VIDEO_QUEUE  # where its tasks are


def capture_parts(folder: Path, url: str) -> CaptureParts:
    clock = SystemClock()
    return CaptureParts(folder / VIDEO, {VIDEO_QUEUE: TaskQueue(connect(url), VIDEO_QUEUE, clock)})


def record(folder: Path, url: str) -> None:
    """Capture's steps in the order in which its threads take them, one after the other."""
    parts, film = capture_parts(folder, url), footage(folder.parent / CLIP)
    recorder = parts.recorder(camera_config(record="continuous", analyses=["objects"]))
    shown = os.open(folder / SHOWN, os.O_WRONLY | os.O_CREAT)
    for packet in film.packets:
        os.pwrite(shown, f"{packet.dts_seconds:09.3f}".encode(), 0)
        recorder.take(Mended(arriving(packet, parts), Step.SMOOTH), film.stream)
    recorder.finish()
    recorder.no_more_looks()
    parts.committer.start()
    assert parts.committer.stop(60.0)
    parts.outbox.send_all(Event())


def salvage(folder: Path, url: str) -> None:
    """What capture does when it starts."""
    parts = capture_parts(folder, url)
    parts.salvage.adopt_all(CAMERA, (VIDEO_QUEUE,))
    parts.outbox.send_all(Event())


def work(folder: Path, url: str) -> None:
    """A worker, until nothing is left to be done."""
    _work(folder, url, BlockDetector())


def fail(folder: Path, url: str) -> None:
    """The same with a detector that raises."""
    _work(folder, url, _Raising())


class _Raising(BlockDetector):
    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        raise ValueError("a poison segment")


def _work(folder: Path, url: str, detector: Detector) -> None:
    video, clock = VideoDir(folder / VIDEO), SystemClock()
    worker = object_worker(
        video,
        ResultLog(video.root, DETECTIONS_LOG, clock),
        Detectors(detector, BlockDetector),
        options=WorkerOptions(showing=Showing(open_cameras=frozenset({CAMERA}))),
        status=WorkerStatus(detector.name, write=lambda _: None, remove=lambda: None),
        clock=clock,
    )
    work_until_done(url, VIDEO_QUEUE, worker.handle, worker.give_up)


def work_until_done(url: str, queue: str, handler: Handler, give_up: GiveUp) -> None:
    """A hasty worker on a queue, until nothing waits there and nothing is in work."""
    stop = Event()
    Thread(target=_stop_when_done, args=(queue_at(url, queue), stop), daemon=True).start()
    QueueWorker(queue_at(url, queue), handler, give_up, HASTY).run(stop)


def _stop_when_done(queue: TaskQueue, stop: Event) -> None:
    while True:
        depth = queue.depth()
        if depth.waiting + depth.in_work == 0:
            stop.set()
            return
        stop.wait(0.02)


def nothing(folder: Path, url: str) -> None:
    """Recording begins in an empty folder."""


def torn_segment(folder: Path, url: str) -> None:
    shutil.copytree(folder.parent / "torn" / VIDEO, folder / VIDEO)
    shutil.copy(folder.parent / "torn" / SHOWN, folder / SHOWN)


def one_task(folder: Path, url: str) -> None:
    shutil.copytree(folder.parent / "whole" / VIDEO, folder / VIDEO)
    queue_at(url, VIDEO_QUEUE).push(_task(folder))


def failed_task(folder: Path, url: str) -> None:
    """The task has failed before: its line is there, and it is replayed."""
    one_task(folder, url)
    clock, task = SystemClock(), _task(folder)
    line = failed_line(Subject(task, BlockDetector().name, None), "objects", given_up("bad luck"), now=clock.now())
    other = line | {"segment_id": task.segment_id.replace("cam", "other"), "started_at": to_iso(task.started_at)}
    log = JsonlLog(folder / VIDEO, DETECTIONS_LOG, clock)
    for one in (other, line, other | {"model": "another"}):
        log.append(json.loads(json.dumps(one)))


def _task(folder: Path) -> Task:
    return task_for(manifests(folder / VIDEO)[0], SystemClock().now())


def queue_at(url: str, name: str) -> TaskQueue:
    return TaskQueue(connect(url), name, SystemClock())


SCENARIOS = {
    "commit": Scenario(nothing, record, salvage, every_thread=True),
    "salvage": Scenario(torn_segment, salvage, salvage, every_thread=True),
    "result": Scenario(one_task, work, work, every_thread=False),
    "dead letter": Scenario(one_task, fail, fail, every_thread=False),
    "replay": Scenario(failed_task, work, work, every_thread=False),
}
