"""The clock of the host is stepped by an hour, ahead and back, while cameras record and workers work."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from shared_utils.segments import Manifest
from tests.faults.conftest import FaultRow
from tests.support.redis_server import RedisServer
from tests.support.rig import CAMERAS, Rig
from tests.support.services import manifests
from tests.support.stepped_clock import VARIABLE, SteppedClock

HOUR = 3600.0
JOINT_SECONDS = 0.5  # what the arrival of a packet may waver


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SteppedClock:
    """The clock of all processes that this test starts."""
    file = tmp_path / "ahead"
    monkeypatch.setenv(VARIABLE, str(file))
    clock = SteppedClock(file)
    clock.step_to(0)
    return clock


def as_recorded(rig: Rig, camera: str) -> list[Manifest]:
    """The segments in the order in which they were really recorded: the disk's own times know no steps."""
    return sorted(manifests(rig.video.root, camera), key=lambda m: rig.video.segment(m.segment_id).stat().st_mtime_ns)


def joints(segments: list[Manifest]) -> list[float]:
    """From the end of each segment to the start of the next, by the clock that named them."""
    pairs = pairwise(segments)
    return [(b.started_at - a.started_at - timedelta(seconds=a.duration_seconds)).total_seconds() for a, b in pairs]


def lost_seconds(rig: Rig, camera: str) -> float:
    """What is missing between segments, apart from whole hours. A packet that comes late at one joint evens out."""
    return abs(sum(joint - HOUR * round(joint / HOUR) for joint in joints(as_recorded(rig, camera))))


@pytest.mark.timeout(240)
def test_a_stepped_clock_costs_no_frame_no_segment_and_no_result(
    tmp_path: Path, own_redis: RedisServer, clock: SteppedClock, fault_row: FaultRow
) -> None:
    """An hour that comes twice repeats names; an hour that is skipped makes footage look older than it may be."""
    rig = Rig(
        tmp_path / "rig",
        own_redis,
        capture_command=("-m", "tests.support.stepped_capture_process"),
        worker_command=("-m", "tests.support.stepped_worker_process"),
        storage={"max_age_hours": 0.75},
    )
    steps = [HOUR, 0, -HOUR, 0]
    with rig:
        for ahead in steps:
            for name in CAMERAS:
                rig.wait_for_segments(2, name)
            clock.step_to(ahead)
        for name in CAMERAS:
            rig.wait_for_segments(3, name)
        tally = rig.finish()

    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments == len(list(rig.video.segments.rglob("*.mp4"))), (
        "none was deleted as too old"
    )
    hours = [[round(joint / HOUR) for joint in joints(as_recorded(rig, name)) if abs(joint) > 1] for name in CAMERAS]
    assert hours == [[1, -1, -1, 1]] * len(CAMERAS)
    lost = [lost_seconds(rig, name) for name in CAMERAS]
    assert max(lost) <= JOINT_SECONDS
    assert rig.logged_gaps() == []
    rig.assert_whole()
    fault_row("clock of the host stepped by an hour: ahead, back, back, ahead", tally, round(max(lost), 1))
