"""Lines of services on their way to the console and the log files."""

import errno
import logging
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from shared_utils.errors import StorageError
from shared_utils.secrets import MaskingFilter
from vedette import supervisor_output
from vedette.supervisor_output import ServiceOutput, SupervisorLog


class ClosedTerminal(StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def opened(folder: Path, console: Console | None = None) -> ServiceOutput:
    output = ServiceOutput(folder / "logs", MaskingFilter(["hunter2-secret"]).mask, console)
    output.open()
    return output


def test_a_console_line_begins_with_its_service(tmp_path: Path) -> None:
    """Four services share one console."""
    console = Console(file=StringIO(), width=200, color_system=None)
    output = opened(tmp_path, console)

    output.line("capture_service", "camera [front]: streaming")

    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().split() == ["capture_service", "camera", "[front]:", "streaming"]
    output.close()


def test_secrets_are_masked_in_what_the_console_shows(tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=200, color_system=None)
    output = opened(tmp_path, console)

    shown = output.line("capture_service", "opening rtsp://admin:hunter2-secret@h/ with hunter2-secret")

    assert isinstance(console.file, StringIO)
    assert shown == "opening rtsp://admin:***@h/ with ***"
    assert "hunter2" not in console.file.getvalue()
    output.close()


def test_a_closed_terminal_does_not_stop_the_log_files(tmp_path: Path) -> None:
    """A closed window must not end the recording."""
    output = opened(tmp_path, Console(file=ClosedTerminal(), width=200))

    output.line("capture_service", "first")
    output.line("capture_service", "second")

    output.close()
    assert (tmp_path / "logs" / "capture_service.log").read_text() == "first\nsecond\n"


def test_log_files_rotate_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chatty service must not fill the disk that recordings need."""
    monkeypatch.setattr(supervisor_output, "LOG_FILE_BYTES", 1000)
    output = opened(tmp_path)

    for number in range(200):
        output.line("worker", f"line {number:03d} of a service that talks too much")

    output.close()
    files = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert files == ["worker.log", "worker.log.1", "worker.log.2", "worker.log.3"]
    assert all(path.stat().st_size <= 1000 for path in (tmp_path / "logs").iterdir())


def test_warnings_are_kept_for_the_screen(tmp_path: Path) -> None:
    """The live screen hides the lines; those that need somebody must still be seen."""
    output = opened(tmp_path)

    output.line("worker", "2026-11-20 10:15:00,000 INFO    video_worker: waits")
    output.line("capture", "2026-11-20 10:15:00,000 WARNING capture_service.camera: camera front is away")

    assert output.troubles() == ("10:15:00 capture: camera front is away",)
    output.close()


def test_the_supervisors_own_log_goes_the_same_way(tmp_path: Path) -> None:
    """Restarts are read beside the last words of what was restarted."""
    output = opened(tmp_path)
    handler = SupervisorLog(output)

    handler.handle(
        logging.makeLogRecord({"msg": "restarting with hunter2-secret", "levelno": 30, "levelname": "WARNING"})
    )

    output.close()
    assert "restarting with ***" in (tmp_path / "logs" / "vedette.log").read_text()


def test_a_log_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()

    with pytest.raises(StorageError, match=r"cannot be made.*--log-dir"):
        ServiceOutput(tmp_path / "logs" / "below", str, None).open()
