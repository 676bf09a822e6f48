"""Capture is killed again and again: what was recorded stays, and what was cut off is made whole."""

import signal
import time
from datetime import datetime
from pathlib import Path

import pytest

from shared_utils.clock import SystemClock
from tests.faults.conftest import FaultRow
from tests.support.at_work import seeded
from tests.support.packets import contents_of
from tests.support.redis_server import RedisServer
from tests.support.rig import CAMERAS, Rig
from tests.support.services import manifests, part_sizes
from tests.support.waiting import wait_until

MOST_LOST_SECONDS = 1.1
# Of those that `test_killed_everywhere.py` tries in small processes; `one` is the camera with sound.
STEPS = (
    "half of a write of one.mp4.part",
    "put on disk one.mp4.part",
    "rename one.mp4.part to one.mp4",
    "rename one.json.part to one.json",
    "remove one.json.part",
    "send EVALSHA",
    "sent EVALSHA, the answer not read",
    "rename one.json to one.json",
)
KILLS = [pytest.param(4, id="four kills"), pytest.param(15, id="fifteen kills", marks=pytest.mark.endurance)]


def is_recorded(rig: Rig) -> bool:
    """Whether something of each camera is in a file; what was cut off before is salvaged by then."""
    viewers = {name: camera["viewers"] for name, camera in rig.emulator.status()["cameras"].items()}
    return all(
        viewers[name] and any(size > 3_000 for size in part_sizes(rig.video.segments / name).values())
        for name in CAMERAS
    )


@pytest.mark.timeout(420)
@pytest.mark.parametrize("kills", KILLS)
def test_killed_at_any_moment_capture_loses_a_second_and_nothing_is_there_twice(
    tmp_path: Path, own_redis: RedisServer, fault_row: FaultRow, kills: int
) -> None:
    """Cuts between segments, part files, drafts and manifests are all in the making when the kills come."""
    chance, lives = seeded(), list[tuple[datetime, datetime]]()
    rig = Rig(tmp_path / "rig", own_redis)
    with rig:
        for _ in range(kills):
            began = SystemClock().now()
            wait_until("all cameras are recorded", lambda: is_recorded(rig))
            time.sleep(chance.uniform(0.5, 3.0))
            lives.append((began, rig.kill_capture()))
            rig.start_capture()
        wait_until("all cameras are recorded", lambda: is_recorded(rig))
        tally = rig.finish()

    lost_seconds = {
        (camera, ended): rig.lost_between_seconds(began, ended, camera) for camera in CAMERAS for began, ended in lives
    }
    worst = max(lost_seconds.values())
    assert worst <= MOST_LOST_SECONDS, lost_seconds
    for manifest in manifests(rig.video.root):
        contents = contents_of(rig.video.segment(manifest.segment_id))
        assert contents.duration_seconds == pytest.approx(manifest.duration_seconds, abs=0.1)
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments > kills
    rig.assert_whole()
    fault_row(f"capture killed at {kills} random moments of a segment", tally, worst)


@pytest.mark.timeout(420)
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(STEPS[2::4], id="two steps"),
        pytest.param(STEPS, id="every kind of step", marks=pytest.mark.endurance),
    ],
)
def test_the_service_itself_killed_at_a_step_of_the_commit_goes_on_where_it_was(
    tmp_path: Path, own_redis: RedisServer, fault_row: FaultRow, steps: tuple[str, ...]
) -> None:
    """Its threads are each at another step then, which the small processes cannot show."""
    rig, lives = Rig(tmp_path / "rig", own_redis), list[tuple[datetime, datetime]]()
    with rig:
        rig.wait_for_segments(3)
        rig.kill_capture()
        for step in steps:
            began = SystemClock().now()
            capture = rig.start_capture("-m", "tests.support.kill_at", str(rig.video.root), step, "capture_service")
            assert capture.wait(60) == -signal.SIGKILL, step
            lives.append((began, SystemClock().now()))
        rig.start_capture()
        rig.wait_for_segments(6)
        tally = rig.finish()

    lost_seconds = [
        rig.lost_between_seconds(began, ended, camera)
        for camera in CAMERAS
        for began, ended in lives
        if was_recorded(rig, began, ended, camera)
    ]
    assert max(lost_seconds) <= MOST_LOST_SECONDS, lost_seconds
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments
    rig.assert_whole()
    fault_row(f"capture killed at {len(steps)} steps of the commit", tally, max(lost_seconds))


def was_recorded(rig: Rig, began: datetime, ended: datetime, camera: str) -> bool:
    """A kill may come before the first packet."""
    return any(began <= manifest.started_at <= ended for manifest in manifests(rig.video.root, camera))
