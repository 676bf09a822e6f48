"""SIGKILL during enrolment adds nothing half, at whichever step it comes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.services import REPOSITORY

ANN = {"Ann": 3}
BOTH = {"Ann": 3, "Bob": 3}


def killed(how: str, folder: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.support.kill_enrolment", how, str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def at_steps(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return killed("steps", tmp_path_factory.mktemp("steps"))


def require_all_or_nothing(one: dict[str, Any]) -> None:
    """Workers read a whole snapshot at every moment; the next command finds either nobody new or all faces.

    It brings the snapshot up to date, and the enrolment that is done again ends as if nothing had happened.
    """
    assert one["command"] in (ANN, BOTH), one
    assert one["worker"] in (["Ann"], ["Ann", "Bob"]), one
    assert set(one["worker"]) <= set(one["command"]), f"a worker knows somebody who was never enrolled: {one}"
    assert one["snapshot"] == list(one["command"]), one
    assert one["again"] == BOTH, one


def test_an_enrolment_killed_at_any_step_has_added_all_or_nothing(at_steps: list[dict[str, Any]]) -> None:
    """Half a person would be recognised half the time, and nobody could tell why."""
    for one in at_steps:
        require_all_or_nothing(one)


def test_an_enrolment_killed_at_any_moment_has_added_all_or_nothing(tmp_path: Path) -> None:
    """Also inside SQLite, whose steps cannot be counted."""
    outcomes = killed("times", tmp_path)

    assert len(outcomes) == 40
    for one in outcomes:
        require_all_or_nothing(one)


def test_the_kills_reach_the_moments_that_matter(at_steps: list[dict[str, Any]]) -> None:
    """Otherwise the tests above would pass without having killed anything there."""
    where = [one["where"] for one in at_steps]
    between = [one["where"] for one in at_steps if one["command"] == BOTH and one["worker"] == ["Ann"]]

    assert sum("insert or ignore into embeddings" in step for step in where) >= 3
    assert "commit" in where
    assert "rename snapshot.npz.part to snapshot.npz" in between
    assert (at_steps[0]["command"], at_steps[-1]["command"]) == (ANN, BOTH)
