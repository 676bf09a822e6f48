"""The table of faults: what each of them cost, written where `--fault-table` says (`make faults`)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.__main__ import machine
from benchmarks.report import table, update_results
from tests.support.redis_server import RedisServer, require_redis_server
from tests.support.rig import Rig, Tally

FaultRow = Callable[[str, Tally, float | None], None]

HEAD = ("fault", "segments in", "results out", "lost", "twice", "footage lost s")
TITLE = """## Faults

Each fault while 3 cameras record and 2 workers work, as real processes with a real Redis (`make faults`). *Segments
in*: recorded. *Results out*: lines in the log. *Footage lost*: what a camera showed and no segment holds, beyond the
time in which the fault itself kept the camera or the service away; the worst of all repetitions; empty where the fault
does not concern recording.
"""
_KEY = "fault"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", type=Path, help="write the table of faults into this file, as its own section")


@pytest.fixture
def fault_row(record_property: Callable[[str, object], None]) -> FaultRow:
    """Adds a row to the table: name of the fault, what was counted, seconds of footage lost (None: not concerned)."""

    def add(fault: str, tally: Tally, footage_lost_seconds: float | None) -> None:
        lost = "" if footage_lost_seconds is None else f"{footage_lost_seconds:.1f}"
        counted = (tally.segments, tally.results, tally.lost, tally.twice)
        record_property(_KEY, [fault, *map(str, counted), lost])

    return add


@pytest.fixture
def rig(tmp_path: Path, own_redis: RedisServer) -> Rig:
    """Three cameras, capture, two workers and a Redis, not started yet: `with rig:`."""
    require_redis_server(tmp_path)
    return Rig(tmp_path / "rig", own_redis)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Rows come with the reports, so they arrive from parallel test processes as well."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    rows = sorted(
        row
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, row in report.user_properties
        if name == _KEY and isinstance(row, list)
    )
    path: Path | None = config.getoption("--fault-table", default=None)
    if rows and path is not None:
        update_results(path, f"{TITLE}\n{table(HEAD, rows)}\nMeasured on {machine()}.\n")
