"""A repair that is killed at any of its steps leaves nothing that the next one does not mend."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.redis_server import RedisServer
from tests.support.services import REPOSITORY


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "every",
    [
        pytest.param(9, id="every ninth step"),
        pytest.param(1, id="every step", marks=pytest.mark.endurance),
    ],
)
def test_a_repair_may_be_killed_anywhere(tmp_path: Path, own_redis: RedisServer, every: int) -> None:
    """What was there is there, no task is queued twice, and a second repair leaves no flaw."""
    command = [sys.executable, "-m", "tests.support.repair_every", str(tmp_path), own_redis.url, "--every", str(every)]

    done = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "outcomes.jsonl").read_text().splitlines()) > 100 / every
