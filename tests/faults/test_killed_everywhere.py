"""Killed at every single step of the commit, of salvage and of the writing of a result: what follows makes it whole.

Small processes take the steps here, so that all of them can be tried; `test_killed_capture.py` and
`test_killed_worker.py` kill the services themselves.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shared_utils.clock import SystemClock
from shared_utils.logs import DETECTIONS_LOG, JsonlLog
from shared_utils.segments import VideoDir
from tests.faults.conftest import FaultRow
from tests.support.clips import make_clip
from tests.support.packets import contents_of
from tests.support.redis_server import RedisServer
from tests.support.rig import Tally
from tests.support.services import REPOSITORY, manifests
from vedette.checks.footage import check_footage

MOST_LOST_SECONDS = 1.1
LEFT_OUT = 4  # `make test` tries every fourth step, `make faults` each
EVERY = [
    pytest.param(LEFT_OUT, id="every fourth step"),
    pytest.param(1, id="every step", marks=pytest.mark.endurance),
]


def killed(scenario: str, folder: Path, redis: RedisServer, *options: str) -> list[dict[str, Any]]:
    """What each kill left, once the process after it had finished."""
    make_clip(folder / "clip.mp4", seconds=3.2, width=160, height=96, fps=15, moving=[(0, 4)], audio=True)
    command = [sys.executable, "-m", "tests.support.kill_every", scenario, str(folder), redis.url, *options]
    done = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "outcomes.jsonl").read_text().splitlines()]


def lines_of(video: VideoDir) -> list[dict[str, Any]]:
    return list(JsonlLog(video.root, DETECTIONS_LOG, SystemClock()).lines())


def assert_recorded_once(outcome: dict[str, Any]) -> float:
    """Each segment plays and has exactly one task; the seconds of footage that the kill has cost."""
    video = VideoDir(Path(outcome["video"]))
    recorded = manifests(video.root)
    for manifest in recorded:
        contents = contents_of(video.segment(manifest.segment_id))
        assert contents.decoded == len(contents.video) > 0, outcome
        assert contents.starts_with_keyframe, outcome
        assert video.manifest(manifest.segment_id).exists(), outcome
    tasks = sorted(json.loads(task)["id"] for task in outcome["waiting"])
    assert tasks == [manifest.segment_id for manifest in recorded], outcome
    assert not [path for path in video.root.rglob("*") if path.suffix in {".part", ".repair"}], outcome
    # A file torn in its first fragment holds no frame. It is kept as `.broken`, for people to look at.
    assert all(flaw.harmless for flaw in check_footage(video, SystemClock()).flaws), outcome
    shown_seconds = float(outcome["shown_seconds"])
    return max(0.0, shown_seconds - sum(manifest.duration_seconds for manifest in recorded))


def assert_one_line(outcome: dict[str, Any], *, ok: bool, dead: int) -> None:
    """One result for the task, the queue empty, the snapshot whole."""
    video = VideoDir(Path(outcome["video"]))
    segment = manifests(video.root)[0].segment_id
    found = [line["ok"] for line in lines_of(video) if line["segment_id"] == segment]
    assert found == [ok], outcome
    letters = [json.loads(letter)["task"]["id"] for letter in outcome["dead"]]
    assert (outcome["waiting"], outcome["attempts"], letters) == ([], {}, [segment] * dead), outcome
    assert not list(video.root.rglob("*.part")), outcome
    assert all(flaw.harmless for flaw in check_footage(video, SystemClock()).flaws), outcome
    snapshot = video.snapshot(segment)
    assert snapshot.exists() == ok, outcome
    assert not ok or snapshot.read_bytes().endswith(b"\xff\xd9"), outcome


def counted(outcomes: list[dict[str, Any]], dead: int = 0) -> Tally:
    """Over all kills together. A commit ends with a task for each segment, a task with a line."""
    segments = results = lost = twice = failed = 0
    for outcome in outcomes:
        video = VideoDir(Path(outcome["video"]))
        waiting = [json.loads(task)["id"] for task in outcome["waiting"]]
        known = [manifest.segment_id for manifest in manifests(video.root)]
        mine = [line for line in lines_of(video) if line["segment_id"] in known]
        wanted = known if waiting else known[:1]
        done = Counter(waiting or [line["segment_id"] for line in mine])
        segments, results = segments + len(wanted), results + done.total()
        lost += len(set(wanted) - done.keys())
        twice += done.total() - len(done)
        failed += sum(not line["ok"] for line in mine)
    return Tally(segments, results, lost, twice, failed, dead)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("every", EVERY)
def test_capture_may_be_killed_between_any_two_steps_of_the_commit(
    tmp_path: Path, own_redis: RedisServer, fault_row: FaultRow, every: int
) -> None:
    """Opening, writing, fsync, rename, outbox, push: at each the next start must know what is done and what is not."""
    outcomes = killed("commit", tmp_path, own_redis, f"--every={every}")

    lost_seconds = max(map(assert_recorded_once, outcomes))

    assert len(outcomes) > 15
    assert lost_seconds <= MOST_LOST_SECONDS
    name = f"capture killed between two steps of the commit ({len(outcomes)} kills; results: tasks)"
    fault_row(name, counted(outcomes), lost_seconds)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("every", EVERY)
def test_capture_may_be_killed_again_between_any_two_steps_of_salvage(
    tmp_path: Path, own_redis: RedisServer, fault_row: FaultRow, every: int
) -> None:
    """A machine that loses its power often loses it during the start as well."""
    outcomes = killed("salvage", tmp_path, own_redis, f"--every={every}")

    lost_seconds = max(map(assert_recorded_once, outcomes))

    assert all(manifests(Path(outcome["video"])) for outcome in outcomes)
    assert lost_seconds <= MOST_LOST_SECONDS
    name = f"capture killed between two steps of salvage ({len(outcomes)} kills; results: tasks)"
    fault_row(name, counted(outcomes), lost_seconds)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize(
    ("scenario", "ok", "dead", "what"),
    [
        ("result", True, 0, "the result writing"),
        ("dead letter", False, 1, "giving a task up"),
        ("replay", True, 0, "replacing a failed line"),
    ],
)
def test_a_worker_may_be_killed_between_any_two_steps_of_its_task(  # noqa: PLR0917  what pytest passes in
    tmp_path: Path,
    own_redis: RedisServer,
    fault_row: FaultRow,
    scenario: str,
    ok: bool,
    dead: int,
    what: str,
    every: int,
) -> None:
    """Taking, counting, snapshot, lock, line, fsync, settling: the task comes again, and must find what is done."""
    outcomes = killed(scenario, tmp_path, own_redis, f"--every={every}")

    for outcome in outcomes:
        assert_one_line(outcome, ok=ok, dead=dead)
    name = f"worker killed between two steps of {what} ({len(outcomes)} kills)"
    fault_row(name, counted(outcomes, dead * len(outcomes)), None)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "every", [pytest.param(9, id="every ninth step"), pytest.param(1, id="every step", marks=pytest.mark.endurance)]
)
def test_a_worker_may_be_frozen_at_any_step_while_another_does_its_task(
    tmp_path: Path, own_redis: RedisServer, fault_row: FaultRow, every: int
) -> None:
    """Thawed beyond its lease it goes on where it was, with a task that is done and belongs to nobody."""
    outcomes = killed("result", tmp_path, own_redis, "--freeze", f"--every={every}")

    for outcome in outcomes:
        assert_one_line(outcome, ok=True, dead=0)
    fault_row(f"worker frozen beyond its lease between two steps ({len(outcomes)} times)", counted(outcomes), None)
