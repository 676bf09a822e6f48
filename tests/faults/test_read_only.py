"""`video/` turns read-only under running services, as a disk with errors does, and is writable again later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_utils.clock import SystemClock
from tests.faults.conftest import FaultRow
from tests.support.redis_server import RedisServer
from tests.support.rig import CAMERAS, Rig
from tests.support.services import recorded_spans
from tests.support.small_disk import small_disk, turned_read_only
from tests.support.waiting import wait_until

DISK_BYTES = 64_000_000
MOST_LOST_SECONDS = 1.1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "video", DISK_BYTES) as folder:
        yield folder


def log_of(rig: Rig, name: str) -> str:
    return (rig.folder / f"{name}.log").read_text()


@pytest.mark.timeout(240)
def test_a_read_only_folder_costs_the_time_in_which_it_is_so_and_no_task_an_attempt(
    tmp_path: Path, disk: Path, own_redis: RedisServer, fault_row: FaultRow
) -> None:
    """Capture says so and comes back by itself; tasks wait, because the folder is at fault and not they."""
    rig = Rig(tmp_path / "rig", own_redis, video=disk)
    with rig:
        wait_until("something is analysed", lambda: len(rig.lines()) > 0)
        rig.wait_for_segments(3)
        since = SystemClock().now()
        with turned_read_only(disk):
            wait_until(
                "every camera has tried again",
                lambda: all(
                    log_of(rig, "capture").count(f"camera {name}: tried again in vain") > 1 for name in CAMERAS
                ),
            )
        until = SystemClock().now()
        for name in CAMERAS:
            rig.wait_for_segments(3, name)
        wait_until("nothing older is left half-finished", lambda: not halves(rig, until.timestamp()))
        tally = rig.finish()

    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments
    lost = []
    for name in CAMERAS:
        spans = recorded_spans(disk, name)
        ended = max(end for start, end in spans if start <= since)
        begun = min((start for start, _ in spans if start > since), default=until)
        lost.append(max(0.0, (since - ended).total_seconds()) + max(0.0, (begun - until).total_seconds()))
    assert max(lost) <= MOST_LOST_SECONDS
    told = log_of(rig, "capture")
    assert "Read-only file system" in told
    assert told.count("the disk takes segments again") == len(CAMERAS)
    assert told.count(" ERROR ") <= 4 * len(CAMERAS)
    rig.assert_whole()
    fault_row("video/ read-only for some seconds, then writable again", tally, max(lost))


def halves(rig: Rig, before: float) -> list[Path]:
    """Part files that were last written before that moment."""
    found = []
    for path in rig.video.root.rglob("*.mp4.part"):
        try:
            found += [path] if path.stat().st_mtime < before else []
        except FileNotFoundError:  # it became a segment while we looked
            continue
    return found
