"""What the object worker tells people about itself."""

from threading import Event
from typing import Any

from shared_utils.analysis.worker_status import WorkerStatus


class Page:
    """Where a status is written; keeps everything that ever stood there."""

    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []
        self.removals = 0
        self.written_twice = Event()

    def write(self, details: dict[str, Any]) -> None:
        self.versions.append(details)
        if len(self.versions) >= 2:
            self.written_twice.set()

    def remove(self) -> None:
        self.removals += 1


def test_each_change_is_told_at_once() -> None:
    """People watch it while a segment is in work."""
    page = Page()
    status = WorkerStatus("yolov8n", page.write, page.remove)

    status.working_on("front-1")
    status.finished("front-1", ["person"], 1.23456, ok=True)
    status.waiting()

    assert [version["state"] for version in page.versions] == ["working", "working", "waiting"]
    assert page.versions[-1] == {
        "model": "yolov8n",
        "state": "waiting",
        "segment_id": None,
        "done": 1,
        "failed": 0,
        "last": {"segment_id": "front-1", "detected": ["person"], "seconds": 1.235},
    }


def test_a_failure_counts_as_one() -> None:
    """A rising number of failures is the first sign of a broken disk."""
    page = Page()
    status = WorkerStatus("hog", page.write, page.remove)

    status.finished("front-1", [], 0.1, ok=False)

    assert (page.versions[-1]["done"], page.versions[-1]["failed"]) == (0, 1)


def test_a_worker_with_nothing_to_do_stays_fresh() -> None:
    """An old status is taken for that of a dead service."""
    page = Page()
    status = WorkerStatus("hog", page.write, page.remove, refresh_seconds=0.01)

    status.start()

    assert page.written_twice.wait(10)
    status.stop()


def test_a_stopped_worker_leaves_no_status_and_may_be_stopped_again() -> None:
    """What is listed is running."""
    page = Page()
    status = WorkerStatus("hog", page.write, page.remove)
    status.start()

    status.stop()
    status.stop()

    assert page.removals == 1
