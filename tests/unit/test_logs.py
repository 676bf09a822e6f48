"""The open logs: what is recorded is there once, whole, and stays."""

import json
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_utils.clock import to_iso
from shared_utils.errors import StorageError
from shared_utils.log_files import LogFiles, LogTail
from shared_utils.logs import DETECTIONS_LOG, MOST_FILES_AHEAD, JsonlLog, ResultLog
from shared_utils.segments import segment_id
from tests.support.fixed_clock import FixedClock

NOVEMBER = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 0, 0, 5, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOVEMBER)


@pytest.fixture
def log(tmp_path: Path, clock: FixedClock) -> JsonlLog:
    return JsonlLog(tmp_path, DETECTIONS_LOG, clock)


@pytest.fixture
def results(tmp_path: Path, clock: FixedClock) -> ResultLog:
    return ResultLog(tmp_path, DETECTIONS_LOG, clock)


def current(folder: Path) -> Path:
    return folder / "detections_log.jsonl"


def a_line(number: int = 0, *, ok: bool = True, model: str = "yolov8n", at: datetime = NOVEMBER) -> dict[str, Any]:
    """The line of the Nth segment of a camera, analysed a minute after it began."""
    started_at = at + timedelta(seconds=30 * number)
    segment = segment_id("front", started_at)
    return {
        "ok": ok,
        "filename": f"{segment}.mp4",
        "detected": ["person"] if ok else [],
        "count": int(ok),
        "timestamp": to_iso(started_at + timedelta(minutes=1)),
        "segment_id": segment,
        "started_at": to_iso(started_at),
        "model": model,
    }


def test_a_line_is_plain_json_in_the_order_given(log: JsonlLog, tmp_path: Path) -> None:
    """Other people's tools read this file; the first five keys are a promise."""
    log.append(a_line() | {"name": "Ünal"})

    text = current(tmp_path).read_text()
    assert text.startswith('{"ok":true,"filename":"front-20261120T101500000Z.mp4","detected":["person"],"count":1,"tim')
    assert text.endswith('"name":"Ünal"}\n')
    assert list(log.lines()) == [a_line() | {"name": "Ünal"}]


def test_the_folder_is_made(tmp_path: Path, clock: FixedClock) -> None:
    """The first line of a new installation finds an empty disk."""
    log = JsonlLog(tmp_path / "new" / "video", DETECTIONS_LOG, clock)

    log.append(a_line())

    assert list(log.lines()) == [a_line()]


def test_a_log_that_does_not_exist_has_no_lines(log: JsonlLog) -> None:
    """Readers start before the first result."""
    assert list(log.lines()) == []


def test_a_torn_last_line_stays_and_spoils_no_other(log: JsonlLog, tmp_path: Path) -> None:
    """A power cut tears the line being written; the next one must not be glued to it."""
    log.append(a_line(0))
    with current(tmp_path).open("ab") as handle:
        handle.write(b'{"ok":true,"filename":"fro')

    log.append(a_line(1))

    assert list(log.lines()) == [a_line(0), a_line(1)]
    assert current(tmp_path).read_bytes().count(b'"filename":"fro\n') == 1


@settings(deadline=None, max_examples=50)  # the disk syncs each time
@given(cut=st.integers(min_value=0, max_value=200), lines=st.integers(min_value=1, max_value=3))
def test_wherever_a_line_is_torn_the_others_are_read(
    tmp_path_factory: pytest.TempPathFactory, cut: int, lines: int
) -> None:
    """The disk decides how much of the last line is kept."""
    folder = tmp_path_factory.mktemp("torn")
    log = JsonlLog(folder, DETECTIONS_LOG, FixedClock(NOVEMBER))
    for number in range(lines):
        log.append(a_line(number))
    whole = current(folder).read_bytes()
    last = len(json.dumps(a_line(lines - 1), separators=(",", ":"))) + 1
    current(folder).write_bytes(whole[: len(whole) - min(cut, last)])

    log.append(a_line(9))

    found = list(log.lines())
    assert found[: lines - 1] == [a_line(number) for number in range(lines - 1)]
    assert found[-1] == a_line(9)


@pytest.mark.parametrize("garbage", [b"\xff\xfe\n", b"[1]\n", b"null\n", b"\n", b"\0\0\0\0\n", b'{"ok":tr\n'])
def test_unreadable_lines_are_skipped(log: JsonlLog, tmp_path: Path, garbage: bytes) -> None:
    """People edit logs; a power cut may leave zeros."""
    current(tmp_path).write_bytes(garbage)

    log.append(a_line())

    assert list(log.lines()) == [a_line()]


def test_a_month_that_is_over_is_filed_away(log: JsonlLog, tmp_path: Path, clock: FixedClock) -> None:
    """Files stay of a size that people can open, and readers still see every line in order."""
    log.append(a_line(0))
    clock.set(DECEMBER)

    log.append(a_line(0, at=DECEMBER))
    log.append(a_line(1, at=DECEMBER))

    assert len((tmp_path / "detections_log-2026-11.jsonl").read_text().splitlines()) == 1
    assert len(current(tmp_path).read_text().splitlines()) == 2
    assert list(log.lines()) == [a_line(0), a_line(0, at=DECEMBER), a_line(1, at=DECEMBER)]


def test_a_file_is_filed_under_the_month_it_tells_of(log: JsonlLog, tmp_path: Path, clock: FixedClock) -> None:
    """A restored backup has the date of the restoring; its lines know better."""
    clock.set(DECEMBER)
    current(tmp_path).write_text("torn\n" + json.dumps(a_line(0, at=datetime(2026, 9, 3, tzinfo=UTC))) + "\n")

    log.append(a_line(0, at=DECEMBER))

    assert [path.name for path in LogFiles(tmp_path, DETECTIONS_LOG).past()] == ["detections_log-2026-09.jsonl"]


def test_a_month_that_was_filed_before_is_not_overwritten(log: JsonlLog, tmp_path: Path, clock: FixedClock) -> None:
    """A clock that was wrong for a while may end the same month twice."""
    filed = tmp_path / "detections_log-2026-11.jsonl"
    filed.write_text(json.dumps(a_line(0)) + "\n")
    log.append(a_line(1))
    clock.set(DECEMBER)

    log.append(a_line(2, at=DECEMBER))

    assert json.loads(filed.read_text()) == a_line(0)
    assert list(log.lines()) == [a_line(0), a_line(1), a_line(2, at=DECEMBER)]


def test_a_clock_that_goes_back_ends_no_month(log: JsonlLog, tmp_path: Path, clock: FixedClock) -> None:
    """Else each line around midnight could end up in a file of its own."""
    clock.set(DECEMBER)
    log.append(a_line(0, at=DECEMBER))
    clock.set(NOVEMBER)

    log.append(a_line(1))

    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["detections_log.jsonl"]


def test_logs_with_similar_names_do_not_mix(tmp_path: Path, clock: FixedClock) -> None:
    """`log-2026-11.jsonl` is a past month of `log`, `log-x.jsonl` is not."""
    JsonlLog(tmp_path, "log-x", clock).append({"other": 1})
    log = JsonlLog(tmp_path, "log", clock)

    log.append(a_line())

    assert list(log.lines()) == [a_line()]


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from tests.unit.test_logs import FixedClock, JsonlLog, DETECTIONS_LOG, NOVEMBER, StorageError, a_line, current
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
log = JsonlLog(folder, DETECTIONS_LOG, FixedClock(NOVEMBER))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    log.append(a_line(1))
except StorageError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.append(a_line(2))
"""


def test_a_disk_that_fills_up_leaves_no_part_of_a_line(log: JsonlLog, tmp_path: Path) -> None:
    """The error names the file; once there is space, everything goes on as if nothing had been."""
    log.append(a_line(0))
    limit = current(tmp_path).stat().st_size + 50  # the kernel takes 50 bytes of the next line, then refuses

    ended = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(tmp_path), str(limit)], capture_output=True, text=True, check=True
    )

    assert f"The log {current(tmp_path)} cannot be used: File too large" in ended.stdout
    assert list(log.lines()) == [a_line(0), a_line(2)]
    assert current(tmp_path).read_text().count("\n") == 2
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path, clock: FixedClock) -> None:
    """The worker postpones its tasks then, and a person must see which file is meant."""
    (tmp_path / "video").write_text("this is no folder")
    log = JsonlLog(tmp_path / "video", DETECTIONS_LOG, clock)

    with pytest.raises(StorageError, match=r"video/detections_log\.jsonl cannot be used"):
        log.append(a_line())


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
from tests.unit.test_logs import FixedClock, ResultLog, DETECTIONS_LOG, NOVEMBER, a_line
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


def test_a_tail_tells_only_what_is_new(log: JsonlLog, tmp_path: Path, clock: FixedClock) -> None:
    """Across the end of a month, too: the file it was reading has another name then."""
    tail = LogTail(log.files)
    told = []
    for number, at in enumerate([NOVEMBER, NOVEMBER, DECEMBER, DECEMBER]):
        clock.set(at)
        log.append(a_line(number, at=at))
        told.append(list(tail.new_lines()))

    assert told == [[a_line(0)], [a_line(1)], [a_line(2, at=DECEMBER)], [a_line(3, at=DECEMBER)]]
    assert list(tail.new_lines()) == []


def test_a_tail_waits_for_the_end_of_a_line(log: JsonlLog, tmp_path: Path) -> None:
    """Readers take no lock; they may look while a line is being written."""
    tail, text = LogTail(log.files), json.dumps(a_line()) + "\n"
    current(tmp_path).write_text(text[:40])
    half = list(tail.new_lines())

    with current(tmp_path).open("a") as handle:
        handle.write(text[40:])

    assert half == []
    assert list(tail.new_lines()) == [a_line()]


def test_a_tail_misses_nothing_when_lines_are_replaced(results: ResultLog, tmp_path: Path) -> None:
    """The file is another one then, possibly with the number of one that was there before."""
    tail = LogTail(LogFiles(tmp_path, DETECTIONS_LOG))
    for number in range(6):
        results.record(a_line(number, ok=False))
    seen = {line["segment_id"]: line["ok"] for line in tail.new_lines()}

    for number in range(6):
        results.record(a_line(number))
        results.record(a_line(10 + number))
        if number % 2:
            seen |= {line["segment_id"]: line["ok"] for line in tail.new_lines()}

    assert len(seen) == 12
    assert all(seen.values())
