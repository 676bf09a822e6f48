"""How often files in the making are put on disk."""

import pytest

from capture_service.open_files import SYNC_SECONDS, pause_after


@pytest.mark.parametrize(("took_seconds", "pause_seconds"), [(0.0, SYNC_SECONDS), (0.1, SYNC_SECONDS), (2.0, 2.0)])
def test_a_slow_disk_is_left_alone_for_half_of_its_time(took_seconds: float, pause_seconds: float) -> None:
    """Otherwise putting files on disk would keep new packets from being written."""
    pause = pause_after(took_seconds)

    assert pause == pause_seconds
