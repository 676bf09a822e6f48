"""A log whose last line is torn, as a power cut or a kill leaves it: the line is ended, its result written again."""

import pytest

from shared_utils.clock import SystemClock
from tests.faults.conftest import FaultRow
from tests.support.rig import WORKERS, Rig
from tests.support.services import manifests
from tests.support.torn_line import tear_line
from tests.support.waiting import wait_until
from vedette.checks.footage import FlawKind, check_footage

TEARS = 5


def wait_for_another_line(rig: Rig) -> None:
    before = len(rig.lines())
    wait_until("another line is written", lambda: len(rig.lines()) > before)


def torn_lines(rig: Rig) -> int:
    report = check_footage(rig.video, SystemClock())
    assert all(flaw.harmless for flaw in report.flaws), report
    return sum(flaw.kind is FlawKind.BAD_LINE for flaw in report.flaws)


@pytest.mark.timeout(180)
def test_lines_torn_before_and_while_workers_write_cost_no_result(rig: Rig, fault_row: FaultRow) -> None:
    """Whoever writes next ends the torn line; readers and the check skip it."""
    rig.worker_count = 0
    with rig:
        rig.wait_for_segments(3)
        tear_line(rig.video, manifests(rig.video.root)[0])
        for _ in range(WORKERS):
            rig.start_worker()
        for _ in range(TEARS - 1):
            wait_for_another_line(rig)
            tear_line(rig.video, manifests(rig.video.root)[-1])
        rig.wait_for_segments(3)
        tally = rig.finish()

    assert torn_lines(rig) == TEARS
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments
    rig.assert_whole()
    fault_row(f"log with a torn last line, at the start and {TEARS - 1} times while workers write", tally, None)
