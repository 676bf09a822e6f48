"""The video folder is unmounted, replaced or unmarked: tasks wait, and nothing is written where nobody looks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared_utils.clock import SystemClock
from shared_utils.errors import StorageError
from shared_utils.folder_mark import MARK_NAME
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from tests.support.detectors import BlockDetector
from tests.support.worker_site import SEGMENT, WorkerSite
from video_worker.detectors import (
    Detection,
    Image,
)


@pytest.fixture
def site(tmp_path: Path) -> WorkerSite:
    return WorkerSite(tmp_path / "video")


def test_a_segment_missing_in_a_folder_without_a_mark_waits(site: WorkerSite) -> None:
    """Is it mounted at all? Only the mark can tell; a line that says "gone" would be for ever."""
    task = site.add_segment()
    site.video.segment(SEGMENT).unlink()
    (site.video.root / MARK_NAME).unlink()

    with pytest.raises(StorageError, match="has no mark"):
        site.worker.handle(task)

    assert site.lines == []


def test_nothing_is_written_below_a_disk_that_is_unmounted_meanwhile(site: WorkerSite) -> None:
    """The bare folder below it takes snapshots and lines just as well, and nobody would ever see them."""
    task = site.add_segment()
    disk = site.video.root.with_name("disk")

    class Unmounting(BlockDetector):
        def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
            if not disk.exists():
                site.video.root.rename(disk)
                site.video.segments.mkdir(parents=True)
            return super().detect(images)

    site.detector = Unmounting()
    worker = site.worker_with(site.options)
    with pytest.raises(StorageError, match="was unmounted or replaced"):
        worker.handle(task)
    with pytest.raises(StorageError, match="was unmounted or replaced"):
        worker.give_up(task, "out of attempts")

    assert [path.name for path in site.video.root.rglob("*")] == ["segments"]


def test_a_line_that_went_below_the_mount_point_is_written_again(site: WorkerSite) -> None:
    """A worker that is frozen between its look at the folder and its line wakes up on another disk."""
    task = site.add_segment()
    disk = site.video.root.with_name("disk")

    class Unmounting(ResultLog):
        def record(self, line: Mapping[str, Any]) -> bool:
            if not disk.exists():
                site.video.root.rename(disk)
                site.video.segments.mkdir(parents=True)
            return super().record(line)

    worker = site.worker_with(site.options, Unmounting(site.video.root, DETECTIONS_LOG, SystemClock()))
    with pytest.raises(StorageError, match="was unmounted or replaced"):
        worker.handle(task)
    astray = len(site.lines)
    site.video.root.rename(disk.with_name("bare"))
    disk.rename(site.video.root)
    disk.mkdir()
    worker.handle(task)

    assert astray == 1
    assert site.line["ok"]


def test_while_the_video_folder_is_away_tasks_wait(site: WorkerSite) -> None:
    """A mount that is away looks like an empty folder; every queued segment would be written off as deleted."""
    task = site.add_segment()
    away = site.video.segments.rename(site.video.root / "elsewhere")

    with pytest.raises(StorageError, match="is mounted"):
        site.worker.handle(task)
    with pytest.raises(StorageError, match="is mounted"):
        site.worker.give_up(task, "whatever")
    away.rename(site.video.segments)
    site.worker.handle(task)

    assert site.line["ok"] is True
