"""The face worker killed, or frozen, at every single step of its task."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shared_utils.clock import SystemClock
from shared_utils.gallery.appearances import read_appearances
from shared_utils.logs import FACES_LOG, JsonlLog
from shared_utils.segments import VideoDir
from tests.faults.conftest import FaultRow
from tests.faults.test_killed_everywhere import EVERY, killed
from tests.support.redis_server import RedisServer
from tests.support.rig import Tally
from tests.support.services import manifests


def lines_of(outcome: dict[str, Any]) -> list[dict[str, Any]]:
    return list(JsonlLog(Path(outcome["video"]), FACES_LOG, SystemClock()).lines())


def assert_one_line_and_its_faces(outcome: dict[str, Any]) -> None:
    """One result, the queue empty, and the faces that the line tells of are there, whole."""
    video = VideoDir(Path(outcome["video"]))
    segment = manifests(video.root)[0].segment_id
    (line,) = lines_of(outcome)
    assert (line["ok"], line["segment_id"], line["detected"]) == (True, segment, ["Anna"]), outcome
    assert (outcome["waiting"], outcome["attempts"], outcome["dead"]) == ([], {}, []), outcome
    (path,) = video.appearances_of(segment)
    (one,) = read_appearances(path)
    assert (one.name, one.track_id, one.crop_jpeg is not None) == ("Anna", line["faces"][0]["track_id"], True), outcome
    assert not list(video.root.rglob("*.part")), outcome


def counted(outcomes: list[dict[str, Any]]) -> Tally:
    done = [Counter(line["segment_id"] for line in lines_of(outcome)) for outcome in outcomes]
    failed = sum(not line["ok"] for outcome in outcomes for line in lines_of(outcome))
    dead = sum(len(outcome["dead"]) for outcome in outcomes)
    lost = sum(not one for one in done)
    twice = sum(one.total() - len(one) for one in done)
    return Tally(len(outcomes), sum(one.total() for one in done), lost, twice, failed, dead)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("every", EVERY)
def test_the_face_worker_may_be_killed_between_any_two_steps_of_its_task(
    tmp_path: Path, own_redis: RedisServer, fault_row: FaultRow, every: int
) -> None:
    """Faces are written before the line: killed between the two, they are written again, and never one without the
    other is left.
    """
    outcomes = killed("faces", tmp_path, own_redis, f"--every={every}")

    assert len(outcomes) > 5
    for outcome in outcomes:
        assert_one_line_and_its_faces(outcome)
    fault_row(f"face worker killed between two steps of its task ({len(outcomes)} kills)", counted(outcomes), None)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "every", [pytest.param(9, id="every ninth step"), pytest.param(1, id="every step", marks=pytest.mark.endurance)]
)
def test_the_face_worker_may_be_frozen_at_any_step_while_another_does_its_task(
    tmp_path: Path, own_redis: RedisServer, fault_row: FaultRow, every: int
) -> None:
    """Thawed beyond its lease it writes its faces once more, over the same ones, and finds its line."""
    outcomes = killed("faces", tmp_path, own_redis, "--freeze", f"--every={every}")

    for outcome in outcomes:
        assert_one_line_and_its_faces(outcome)
    name = f"face worker frozen beyond its lease between two steps ({len(outcomes)} times)"
    fault_row(name, counted(outcomes), None)
