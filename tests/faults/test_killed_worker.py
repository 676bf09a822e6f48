"""Workers are killed in the middle of their tasks: each task comes back, and ends as one line."""

import time

import pytest

from tests.faults.conftest import FaultRow
from tests.support.at_work import a_worker_at_work, seeded
from tests.support.rig import Rig

TASK_SECONDS = 0.6  # longer than a task of these small segments takes, so that most kills come in its middle
KILLS = [pytest.param(3, id="three kills"), pytest.param(10, id="ten kills", marks=pytest.mark.endurance)]


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.worker_command = (*rig.worker_command, "--slow", str(TASK_SECONDS))
    return rig


@pytest.mark.timeout(420)
@pytest.mark.parametrize("kills", KILLS)
def test_a_worker_may_be_killed_at_any_moment_of_its_task(rig: Rig, fault_row: FaultRow, kills: int) -> None:
    """Before the model, in it, in the snapshot, in the line, in the settling: nobody knows where a kill falls."""
    chance = seeded()
    with rig:
        for _ in range(kills):
            worker, _ = a_worker_at_work(rig)
            time.sleep(chance.uniform(0.0, TASK_SECONDS * 1.3))
            rig.kill_worker(rig.workers.index(worker))
            rig.start_worker()
        tally = rig.finish()

    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments > kills
    rig.assert_whole()
    fault_row(f"worker killed at {kills} random moments of its task", tally, None)
