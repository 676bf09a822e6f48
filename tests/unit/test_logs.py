"""The open logs: a line is there whole, and stays, and whoever reads on sees each."""

import json
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_utils.errors import StorageError
from shared_utils.log_files import LogFiles, LogTail
from shared_utils.logs import DETECTIONS_LOG, JsonlLog, ResultLog
from tests.support.fixed_clock import FixedClock
from tests.support.log_parts import DECEMBER, NOVEMBER, a_line, current


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOVEMBER)


@pytest.fixture
def log(tmp_path: Path, clock: FixedClock) -> JsonlLog:
    return JsonlLog(tmp_path, DETECTIONS_LOG, clock)


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
from shared_utils.errors import StorageError
from shared_utils.logs import DETECTIONS_LOG, JsonlLog
from tests.support.fixed_clock import FixedClock
from tests.support.log_parts import NOVEMBER, a_line
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


def test_a_tail_misses_nothing_when_lines_are_replaced(tmp_path: Path, clock: FixedClock) -> None:
    """The file is another one then, possibly with the number of one that was there before."""
    results = ResultLog(tmp_path, DETECTIONS_LOG, clock)
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
