"""A disk that is really full: recording ends where it must, comes back by itself, and leaves nothing half-written."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from shared_utils.clock import SystemClock
from shared_utils.segments import parse_segment_id
from tests.faults.conftest import FaultRow
from tests.support.clips import make_clip
from tests.support.redis_server import RedisServer
from tests.support.rig import CAMERAS, Rig
from tests.support.services import manifests, part_sizes, recorded_spans
from tests.support.small_disk import fill, small_disk
from tests.support.waiting import wait_until

DISK_BYTES = 16_000_000
# What was not yet written when the disk filled up: half a second of fragment, and the frames that are held back.
MOST_LOST_SECONDS = 1.1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 16 MB in memory, which the administrator alone may mount."""
    with small_disk(tmp_path / "video", DISK_BYTES) as folder:
        yield folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About half a megabyte a second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, seconds=4, noise=40, bit_rate=4_000_000, moving=[(0, 4)])


def log_of(rig: Rig, name: str) -> str:
    return (rig.folder / f"{name}.log").read_text()


def lost_seconds(rig: Rig, camera: str, full_since: datetime, full_until: datetime) -> float:
    """What is missing of a camera beyond the time in which the disk was full."""
    spans = recorded_spans(rig.video.root, camera)
    ended = max(end for start, end in spans if start <= full_since)
    begun = min((start for start, _ in spans if start > full_since), default=full_since)
    before, after = (full_since - ended).total_seconds(), (begun - full_until).total_seconds()
    return max(0.0, before) + max(0.0, after)


def parts_from_before(rig: Rig, moment: datetime) -> list[Path]:
    """Segments that were begun before that and have no manifest yet."""
    parts = rig.video.root.rglob("*.mp4.part")
    return [path for path in parts if parse_segment_id(path.name.removesuffix(".mp4.part"))[1] < moment]


def all_tried_again(rig: Rig, times: int) -> bool:
    """Whether every camera has tried so many times in vain, after 1, 2, 4 and from then on every 8 s."""
    log = log_of(rig, "capture")
    return all(log.count(f"camera {name}: tried again in vain") >= times for name in CAMERAS)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "retries",
    [pytest.param(1, id="short"), pytest.param(7, id="long", marks=pytest.mark.endurance)],
)
def test_a_full_disk_costs_the_time_in_which_it_is_full_and_each_line_comes_once(
    tmp_path: Path, disk: Path, own_redis: RedisServer, fault_row: FaultRow, retries: int
) -> None:
    """Nobody restarts a service for it; what was recorded is kept, what could not be is a logged gap."""
    rig = Rig(tmp_path / "rig", own_redis, video=disk)
    with rig:
        wait_until("something is analysed", lambda: len(rig.lines()) > 0)
        rig.wait_for_segments(3)
        ballast, full_since = fill(disk), SystemClock().now()
        wait_until("every camera has tried the full disk again", lambda: all_tried_again(rig, retries), 120)
        full_until = SystemClock().now()
        ballast.unlink()
        for name in CAMERAS:
            rig.wait_for_segments(2, name)
        wait_until("what was cut off is made whole", lambda: not parts_from_before(rig, full_until))
        tally = rig.finish()

    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    lost = [lost_seconds(rig, name, full_since, full_until) for name in CAMERAS]
    assert max(lost) <= MOST_LOST_SECONDS
    assert {gap["reason"] for gap in rig.logged_gaps()} <= {"the disk did not take the video"}
    rig.assert_whole()
    told = log_of(rig, "capture").count(" ERROR ")
    assert told <= 3 * len(CAMERAS), "it is told once, not at every try"
    fault_row(f"disk full during a segment, freed after {retries} more tries of each camera", tally, max(lost))


@pytest.mark.timeout(150)
def test_a_service_that_starts_on_a_full_disk_makes_room_and_records(
    tmp_path: Path, disk: Path, clip: Path, own_redis: RedisServer, fault_row: FaultRow
) -> None:
    """Killed by the very disk that is full, it finds leftovers that it cannot finish before old segments are gone."""
    limits = {"keep_free_gb": 0.002, "max_disk_usage_gb": 1}
    rig = Rig(tmp_path / "rig", own_redis, video=disk, clips={"cam": clip}, storage=limits)
    with rig:
        wait_until("old segments are analysed", lambda: len(rig.lines()) > 3)
        wait_until("a segment is written", lambda: any(size > 300_000 for size in part_sizes(disk).values()))
        killed_at = rig.kill_capture()
        ballast = fill(disk)
        known = {manifest.segment_id for manifest in manifests(disk)}
        rig.start_capture()
        wait_until(
            "new segments are recorded",
            lambda: len({manifest.segment_id for manifest in manifests(disk)} - known) > 1,
        )
        lost = rig.lost_before_seconds(killed_at, "cam")
        ballast.unlink()  # the log is needed for counting
        tally = rig.finish()

    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert lost <= MOST_LOST_SECONDS
    rig.assert_whole()
    fault_row("capture killed on a full disk, and started on it", tally, lost)


@pytest.mark.timeout(150)
def test_a_worker_on_a_full_disk_waits_and_then_writes_each_line_once(
    tmp_path: Path, disk: Path, own_redis: RedisServer, fault_row: FaultRow
) -> None:
    """A torn or missing line would say that a segment was looked at when nobody will look again."""
    rig = Rig(tmp_path / "rig", own_redis, video=disk, workers=0)
    log = disk / "detections_log.jsonl"
    with rig:
        rig.wait_for_segments(6)
        assert rig.capture is not None
        rig.capture.terminate()
        rig.capture.wait(30)
        ballast = fill(disk)
        for _ in range(2):
            rig.start_worker()
        wait_until("the workers meet the full disk", lambda: log_of(rig, "workers").count("postponed") > 3)
        while_full = log.read_bytes() if log.exists() else b""
        ballast.unlink()
        tally = rig.finish()

    assert while_full == b""
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments
    fault_row("disk full under the workers, freed later", tally, None)
