"""A clock whose wall time a test may step while a process runs: it is ahead by the seconds that stand in a file."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared_utils.clock import SystemClock

VARIABLE = "STEPPED_CLOCK_FILE"


class SteppedClock(SystemClock):
    """Like the real one, the monotonic time knows no steps."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._file.read_text()))

    def step_to(self, ahead_seconds: float) -> None:
        """For all processes at once, which never read half a number."""
        part = self._file.with_suffix(".part")
        part.write_text(str(ahead_seconds))
        part.replace(self._file)


def stepped_clock() -> SteppedClock:
    """The clock of this process, by the file that its environment names."""
    return SteppedClock(Path(os.environ[VARIABLE]))
