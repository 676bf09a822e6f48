"""The logs of results: one line for each segment and model, whatever clocks, workers and people do."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared_utils.clock import to_iso
from shared_utils.logs import DETECTIONS_LOG, MOST_FILES_AHEAD, ResultLog
from tests.support.fixed_clock import FixedClock
from tests.support.log_parts import DECEMBER, NOVEMBER, a_line, current


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOVEMBER)


@pytest.fixture
def results(tmp_path: Path, clock: FixedClock) -> ResultLog:
    return ResultLog(tmp_path, DETECTIONS_LOG, clock)


def test_a_result_recorded_twice_has_one_line(results: ResultLog, tmp_path: Path, clock: FixedClock) -> None:
    """A worker killed between writing its line and settling its task gets the task again, as a new process."""
    first = results.record(a_line())
    after_restart = ResultLog(tmp_path, DETECTIONS_LOG, clock)

    again = [results.record(a_line()), after_restart.record(a_line() | {"detected": ["dog"]})]

    assert (first, again) == (True, [False, False])
    assert list(results.lines()) == [a_line()]


def test_each_model_has_its_own_line(results: ResultLog) -> None:
    """A segment is analysed again when a better model comes."""
    recorded = [results.record(a_line(model=model)) for model in ("hog", "yolov8n", "hog")]

    assert recorded == [True, True, False]
    assert results.succeeded(a_line()["segment_id"], "yolov8n", NOVEMBER)
    assert not results.succeeded(a_line()["segment_id"], "yolov8x", NOVEMBER)


def test_what_another_process_recorded_is_known(results: ResultLog, tmp_path: Path, clock: FixedClock) -> None:
    """Workers share one log; `succeeded` spares the analysis of a segment that another worker finished."""
    other = ResultLog(tmp_path, DETECTIONS_LOG, clock)
    before = results.succeeded(a_line()["segment_id"], "yolov8n", NOVEMBER)

    other.record(a_line())

    assert not before
    assert results.succeeded(a_line()["segment_id"], "yolov8n", NOVEMBER)
    assert not results.record(a_line())


def test_a_torn_result_is_recorded_again(results: ResultLog, tmp_path: Path) -> None:
    """The line was not on disk, so the task was not settled: it comes again."""
    current(tmp_path).write_bytes(json.dumps(a_line()).encode()[:-30])

    recorded = results.record(a_line())

    assert recorded
    assert list(results.lines()) == [a_line()]


def test_a_result_whose_line_was_taken_out_is_recorded_again(
    results: ResultLog, tmp_path: Path, clock: FixedClock
) -> None:
    """Somebody deletes lines, to have segments analysed again, or lost the whole log: the workers go on all the while.

    One that went by its memory would skip those tasks, and no line would ever come.
    """
    for number in range(3):
        results.record(a_line(number))
    whole = current(tmp_path).read_bytes().splitlines(keepends=True)

    current(tmp_path).write_bytes(b"".join(whole[1:]))
    without_one = results.succeeded(a_line(0)["segment_id"], "yolov8n", NOVEMBER)
    the_others = results.succeeded(a_line(1)["segment_id"], "yolov8n", NOVEMBER)
    current(tmp_path).unlink()
    written = [results.record(a_line(number)) for number in (1, 1)]

    assert (without_one, the_others, written) == (False, True, [True, False])
    assert list(results.lines()) == [a_line(1)]


def test_a_result_that_a_wrong_clock_filed_under_another_year_is_not_recorded_again(
    results: ResultLog, clock: FixedClock
) -> None:
    """A machine without a battery begins in 1970 and is set right a minute later."""
    clock.set(datetime(1970, 1, 1, tzinfo=UTC))
    results.record(a_line(0) | {"timestamp": "1970-01-01T00:00:00.000Z"})
    clock.set(NOVEMBER)
    results.record(a_line(1))

    assert results.succeeded(a_line(0)["segment_id"], "yolov8n", NOVEMBER)
    assert not results.record(a_line(0))


def test_success_replaces_failure_in_its_place(results: ResultLog, tmp_path: Path) -> None:
    """A replayed task that came good: one line per segment, and it is the good one."""
    for number, ok in enumerate([True, False, True]):
        results.record(a_line(number, ok=ok))

    replaced = results.record(a_line(1))
    back = results.record(a_line(1, ok=False))

    assert (replaced, back) == (True, False)
    assert list(results.lines()) == [a_line(0), a_line(1), a_line(2)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["detections_log.jsonl", "detections_log.jsonl.lock"]


def test_a_failure_of_last_month_is_replaced_there(results: ResultLog, tmp_path: Path, clock: FixedClock) -> None:
    """Replaying may take its time; the line stays where readers expect its segment."""
    results.record(a_line(ok=False))
    clock.set(DECEMBER)
    results.record(a_line(at=DECEMBER))

    results.record(a_line() | {"timestamp": to_iso(DECEMBER)})

    [line] = (tmp_path / "detections_log-2026-11.jsonl").read_text().splitlines()
    assert json.loads(line)["ok"]
    assert len(list(results.lines())) == 2


def test_a_result_of_last_month_is_found_after_the_month_ended(
    results: ResultLog, tmp_path: Path, clock: FixedClock
) -> None:
    """A segment of the last evening may be delivered again on the first morning."""
    results.record(a_line())
    clock.set(DECEMBER)
    results.record(a_line(at=DECEMBER))
    after_restart = ResultLog(tmp_path, DETECTIONS_LOG, clock)

    again = [results.record(a_line()), after_restart.record(a_line())]

    assert again == [False, False]


def test_a_result_of_a_clock_that_was_set_back_over_the_month_is_found_after_it_ended(
    results: ResultLog, tmp_path: Path, clock: FixedClock
) -> None:
    """The segment was named in December by a clock that was an hour ahead, and analysed in November."""
    clock.set(NOVEMBER)
    results.record(a_line(1))
    ahead = a_line(2) | {"started_at": "2026-12-01T00:20:00.000Z"}
    clock.set(DECEMBER - timedelta(minutes=40))
    results.record(ahead)
    clock.set(DECEMBER)
    results.record(a_line(3, at=DECEMBER))
    after_restart = ResultLog(tmp_path, DETECTIONS_LOG, clock)

    again = after_restart.record(ahead)

    assert not again
    assert (tmp_path / "detections_log-2026-11.jsonl").exists()


def test_a_segment_named_by_a_clock_that_was_weeks_ahead_has_one_line(
    results: ResultLog, tmp_path: Path, clock: FixedClock
) -> None:
    """Its line lies in the file of the month before the one that it is named after."""
    clock.set(NOVEMBER)
    ahead = a_line(0, at=DECEMBER + timedelta(days=10)) | {"timestamp": to_iso(NOVEMBER)}
    results.record(ahead)
    clock.set(DECEMBER)
    results.record(a_line(1, at=DECEMBER))
    after_restart = ResultLog(tmp_path, DETECTIONS_LOG, clock)

    again = after_restart.record(ahead)

    assert not again


def test_what_a_clock_wrote_that_was_years_ahead_is_filed_away(
    results: ResultLog, tmp_path: Path, clock: FixedClock
) -> None:
    """It would be the current file for years, and each worker would read all of them at its start."""
    future = datetime(2036, 1, 1, tzinfo=UTC)
    clock.set(future)
    results.record(a_line(0, at=future))
    clock.set(NOVEMBER)

    results.record(a_line(1))

    assert len((tmp_path / "detections_log-2036-01.jsonl").read_text().splitlines()) == 1
    assert len(current(tmp_path).read_text().splitlines()) == 1
    assert not ResultLog(tmp_path, DETECTIONS_LOG, clock).record(a_line(0, at=future))
    assert not ResultLog(tmp_path, DETECTIONS_LOG, clock).record(a_line(1))


def test_two_machines_whose_clocks_are_months_apart_do_not_begin_a_file_with_every_line(
    results: ResultLog, tmp_path: Path
) -> None:
    """A worker without a time server beside a right one: each task would open thousands of files some days later."""
    long_ago = datetime(2025, 1, 1, tzinfo=UTC)
    wrong = ResultLog(tmp_path, DETECTIONS_LOG, FixedClock(long_ago))

    for number in range(0, 60, 2):
        results.record(a_line(number))
        wrong.record(a_line(number + 1) | {"timestamp": to_iso(long_ago)})

    assert len(list(tmp_path.glob("*.jsonl"))) <= 2 * MOST_FILES_AHEAD + 1
    assert len({line["segment_id"] for line in results.lines()}) == len(list(results.lines())) == 60


def test_months_before_the_one_before_the_segment_are_not_read(results: ResultLog, tmp_path: Path) -> None:
    """Years of logs must not delay the first task after a start."""
    (tmp_path / "detections_log-2026-09.jsonl").mkdir()  # reading it would fail

    assert results.record(a_line())
    assert results.succeeded(a_line()["segment_id"], "yolov8n", NOVEMBER)


RECORD_MANY = """
import sys
from pathlib import Path
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from tests.support.fixed_clock import FixedClock
from tests.support.log_parts import NOVEMBER, a_line
results = ResultLog(Path(sys.argv[1]), DETECTIONS_LOG, FixedClock(NOVEMBER))
print("ready", flush=True)
sys.stdin.readline()
print(sum(results.record(a_line(number, ok=number % 7 != 0 or sys.argv[2] == "1")) for number in range(150)))
"""


def test_two_processes_that_race_leave_one_line_each(results: ResultLog, tmp_path: Path) -> None:
    """A task delivered twice at once: invariant 4 holds all the same, rewriting included."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RECORD_MANY, str(tmp_path), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(2)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"

    written = [int(racer.communicate("go\n", timeout=90)[0]) for racer in racers]

    lines = list(results.lines())
    assert sorted(line["segment_id"] for line in lines) == [a_line(number)["segment_id"] for number in range(150)]
    assert all(line["ok"] for line in lines)
    assert 150 <= sum(written) <= 150 + 22, "each line once, and once more where a success replaced a failure"
