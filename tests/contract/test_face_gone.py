"""What becomes of the tasks of a face worker that never gets its weights."""

import json
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from face_worker.gone import GoneSegments, NobodyLooked
from face_worker.metrics import FRAMES, SEGMENTS
from face_worker.pipeline import Faces
from shared_utils.analysis.segment_worker import SegmentWorker, WorkerMetrics
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import SystemClock
from shared_utils.folder_mark import mark_folder
from shared_utils.logs import FACES_LOG, ResultLog
from shared_utils.queue import TaskQueue
from shared_utils.segments import VideoDir
from shared_utils.tasks import Task
from tests.support.queue_parts import EMPTY, a_task, leftovers


class Site:
    """Segments 0, 1, 2 … with their tasks; the first ones are deleted."""

    def __init__(self, root: Path, queue: TaskQueue) -> None:
        self.video, self.queue = VideoDir(root), queue
        self.video.segments.mkdir(parents=True)
        mark_folder(root, SystemClock())
        status = WorkerStatus("buffalo_l", write=lambda _: None, remove=lambda: None)
        worker: SegmentWorker[Faces] = SegmentWorker(
            self.video,
            ResultLog(root, FACES_LOG, SystemClock()),
            NobodyLooked("packs/buffalo_l"),
            status=status,
            metrics=WorkerMetrics(FRAMES, SEGMENTS),
            clock=SystemClock(),
        )
        self.gone = GoneSegments(queue, self.video, worker.handle)

    def record(self, number: int, *, deleted: bool = False) -> Task:
        task = a_task(number)
        self.queue.push(task)
        if not deleted:
            path = self.video.segment(task.segment_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return task

    @property
    def lines(self) -> list[dict[str, Any]]:
        path = self.video.root / f"{FACES_LOG}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def site(tmp_path: Path, queue: TaskQueue) -> Site:
    return Site(tmp_path / "video", queue)


def test_the_tasks_of_deleted_segments_end_with_a_line_and_the_others_wait(site: Site) -> None:
    """The queue of somebody who never brings weights is no longer than what they keep, and the log is complete."""
    gone = [site.record(number, deleted=True) for number in range(3)]
    kept = [site.record(number) for number in (3, 4)]

    ended = site.gone.end_tasks(Event())

    assert ended == 3
    assert site.queue.waiting() == [task.to_json() for task in kept]
    assert [(line["segment_id"], line["ok"], line["model"]) for line in site.lines] == [
        (task.segment_id, False, "buffalo_l") for task in gone
    ]
    assert leftovers(site.queue) == {site.queue.name}


def test_nothing_is_ended_while_everything_is_there_or_nothing_waits(site: Site) -> None:
    assert site.gone.end_tasks(Event()) == 0
    site.record(0)

    assert site.gone.end_tasks(Event()) == 0
    assert site.queue.depth().waiting == 1
    assert site.lines == []


def test_a_folder_that_is_away_ends_nothing(site: Site) -> None:
    """Below a disk that is not mounted every segment looks deleted."""
    site.record(0, deleted=True)
    site.video.segments.rmdir()

    ended = site.gone.end_tasks(Event())

    assert ended == 0
    assert (site.queue.depth(), site.lines) == (replace(EMPTY, waiting=1), [])


def test_nothing_is_begun_once_the_worker_is_to_stop(site: Site) -> None:
    site.record(0, deleted=True)
    stop = Event()
    stop.set()

    assert site.gone.end_tasks(stop) == 0
    assert site.queue.depth().waiting == 1


def test_an_entry_that_is_no_task_is_left_for_the_worker(site: Site) -> None:
    """It moves it to the dead letters once it works; here it must not end the waiting."""
    site.queue.redis.lpush(site.queue.name, "no task")

    assert site.gone.end_tasks(Event()) == 0
    assert site.queue.waiting() == ["no task"]
