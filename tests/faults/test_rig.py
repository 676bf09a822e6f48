"""The rig itself: without a fault it counts nothing lost, nothing twice, and finds every second."""

import pytest

from tests.faults.conftest import FaultRow
from tests.support.rig import CAMERAS, Rig


@pytest.mark.timeout(120)
def test_without_a_fault_every_segment_has_one_line_and_no_second_is_missing(rig: Rig, fault_row: FaultRow) -> None:
    """Otherwise the figures of the other tests would say nothing."""
    with rig:
        rig.wait_for_segments(12)
        tally = rig.finish()

    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments >= 12
    assert [rig.gaps_seconds(name) for name in CAMERAS] == [[], [], []]
    assert rig.logged_gaps() == []
    rig.assert_whole()
    fault_row("none", tally, 0.0)
