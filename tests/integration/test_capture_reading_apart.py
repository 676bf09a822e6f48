"""Files are salvaged by a process that may die of them; recording must not."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil
import pytest

from capture_service.mp4_file import Measured, measure
from capture_service.mp4_process import Mp4Process
from capture_service.names import part_path
from capture_service.salvage import AT_ONCE_SECONDS, MOST_KILLS, Salvage
from shared_utils.errors import SegmentError, StorageError
from tests.support.capture_parts import CaptureParts
from tests.support.clips import make_clip
from tests.support.fixed_clock import FixedClock
from tests.support.services import REPOSITORY
from tests.support.waiting import wait_until

FIRST, SECOND = "cam-20261120T101500000Z", "cam-20261120T101600000Z"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", seconds=1, width=320, height=180)


@pytest.fixture
def parts(tmp_path: Path, clip: Path) -> CaptureParts:
    """A video folder with two leftovers."""
    parts = CaptureParts(tmp_path / "video")
    parts.video.outbox.mkdir(parents=True)
    for segment in (FIRST, SECOND):
        part_path(parts.video, segment).parent.mkdir(parents=True, exist_ok=True)
        part_path(parts.video, segment).write_bytes(clip.read_bytes())
    return parts


def reader(work: str, *, seconds: float = 60.0, set_up: str = "") -> Mp4Process:
    """A real child with its real limits that does `work` where it would read the file called `path`."""
    code = f"""
import os, signal, sys, time
from pathlib import Path
from capture_service import mp4_process
def work(path, target=None):
    {work}
    return mp4_process.measure(path)
mp4_process._ORDERS.update(measure=work, make_whole=work)
{set_up}
mp4_process.main(*sys.argv[1:])
"""
    return Mp4Process(seconds, [sys.executable, "-c", code])


def test_a_file_is_read_as_it_would_be_here(clip: Path) -> None:
    assert Mp4Process().measure(clip) == measure(clip)


def test_a_damaged_file_is_told_in_the_same_words(tmp_path: Path) -> None:
    """People read them in the log."""
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 100)

    with pytest.raises(SegmentError, match=r"bad\.mp4 cannot be read: Invalid data"):
        Mp4Process().measure(tmp_path / "bad.mp4")


@pytest.mark.parametrize(
    ("work", "set_up", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "", "SIGSEGV"),
        ("os.abort()", "", "SIGABRT"),
        ("raise ZeroDivisionError('of FFmpeg')", "", "ZeroDivisionError: of FFmpeg"),
        ("bytearray(3_000_000_000)", "", "MemoryError"),
        ("while True: pass", "mp4_process.CPU_SECONDS = 1", "SIGXCPU"),
    ],
    ids=["crash", "abort", "exception", "memory", "endless loop"],
)
def test_a_file_that_breaks_its_reader_is_set_aside_and_the_next_one_is_tried(
    parts: CaptureParts, work: str, set_up: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In capture itself it would end every recording, at this start and at each after it."""
    content = part_path(parts.video, FIRST).read_bytes()
    work = f"if {FIRST!r} in path.name: {work}" if "while" not in work else f"while {FIRST!r} in path.name: pass"
    salvage = Salvage(parts.video, parts.store, mp4=_copying(work, set_up))

    adopted = salvage.adopt_all("cam", ())

    broken = parts.video.segment(FIRST).with_name(f"{FIRST}.mp4.broken")
    assert adopted == 1
    assert broken.read_bytes() == content
    assert [manifest.segment_id for manifest in parts.manifests()] == [SECOND]
    assert said in caplog.text


def _copying(work: str, set_up: str) -> Mp4Process:
    """Whatever survives `work` is made whole as ever."""
    return reader(f"{work}\n    if target: return mp4_process.make_whole(path, target)", set_up=set_up)


def test_a_reader_that_somebody_kills_proves_nothing_against_the_file(parts: CaptureParts) -> None:
    """A service that is stopped by force takes its children with it; their files are good."""
    salvage = Salvage(parts.video, parts.store, mp4=reader("os.kill(os.getpid(), signal.SIGKILL)"))

    with pytest.raises(StorageError, match="SIGKILL"):
        salvage.adopt(FIRST, ())

    assert part_path(parts.video, FIRST).exists()
    assert Salvage(parts.video, parts.store).adopt(FIRST, ())


def test_a_file_whose_reader_is_killed_again_and_again_is_set_aside(parts: CaptureParts) -> None:
    """So it goes where it has the machine run out of memory; trying it every half minute would never end."""
    salvage = Salvage(parts.video, parts.store, mp4=reader("os.kill(os.getpid(), signal.SIGKILL)"))
    for _ in range(MOST_KILLS - 1):
        with pytest.raises(StorageError):
            salvage.adopt(FIRST, ())

    salvage.adopt(FIRST, ())

    assert parts.video.segment(FIRST).with_name(f"{FIRST}.mp4.broken").exists()


@pytest.mark.parametrize("command", [["/does/not/exist"], [sys.executable, "-c", "import does_not_exist"]])
def test_a_reader_that_does_not_start_proves_nothing_either(parts: CaptureParts, command: list[str]) -> None:
    """A damaged installation must not set the footage of a whole house aside."""
    salvage = Salvage(parts.video, parts.store, mp4=Mp4Process(command=command))
    failed: list[str] = []

    salvage.adopt_all("cam", (), failed.append)

    assert failed == [FIRST, SECOND]
    assert all(part_path(parts.video, segment).exists() for segment in (FIRST, SECOND))


def test_a_disk_that_stands_still_is_not_waited_for(parts: CaptureParts) -> None:
    """Whoever waits for it may be a camera; the file is tried again later."""
    salvage = Salvage(parts.video, parts.store, mp4=reader("time.sleep(600)", seconds=2.0))

    with pytest.raises(StorageError, match="takes longer than 2 s"):
        salvage.adopt(FIRST, ())

    assert part_path(parts.video, FIRST).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file whose reading fails")
def test_what_the_disk_does_not_give_now_is_not_taken_for_damage(tmp_path: Path) -> None:
    """Of a damaged file the readable beginning takes its place: an error that passes would cost the rest."""
    unreadable, target = Path("/proc/self/mem"), tmp_path / "copy.mp4"

    for read in (partial(Mp4Process().measure, unreadable), partial(Mp4Process().make_whole, unreadable, target)):
        with pytest.raises(OSError, match="Input/output error"):
            read()

    assert not target.exists()


def test_recording_begins_though_many_leftovers_take_long(parts: CaptureParts) -> None:
    """What is not salvaged in time is handed on, to be salvaged while the camera is recorded."""
    clock = FixedClock(datetime(2026, 11, 20, tzinfo=UTC))

    class Slow(Mp4Process):
        def make_whole(self, source: Path, target: Path) -> Measured:
            clock.advance(AT_ONCE_SECONDS)
            return super().make_whole(source, target)

    later: list[str] = []

    adopted = Salvage(parts.video, parts.store, mp4=Slow(), clock=clock).adopt_all("cam", (), later.append)

    assert (adopted, later) == (1, [SECOND])


PARENT = """
import sys
from pathlib import Path
from tests.integration.test_capture_reading_apart import reader
reader(sys.argv[2]).measure(Path(sys.argv[1]))
"""


def test_a_reader_ends_with_capture(clip: Path, tmp_path: Path) -> None:
    """Else two processes would write one copy: it, and the one that the next capture starts."""
    began = tmp_path / "began"
    work = f"Path({str(began)!r}).write_text(str(os.getpid())); time.sleep(600)"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(clip), work], cwd=REPOSITORY, env=dict(os.environ))
    wait_until("the reader runs", lambda: began.exists() and bool(began.read_text()))
    child = psutil.Process(int(began.read_text()))

    parent.send_signal(signal.SIGKILL)
    parent.wait(30)

    wait_until("the reader has ended", lambda: not _runs(child))


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
