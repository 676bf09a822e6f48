"""How a service starts and ends: its exit code, its signals, and that its logs never hold a secret."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from shared_utils.config import Config
from shared_utils.errors import TemporaryError, WrongUseError
from shared_utils.process import EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE, run_service, set_up_logging

ROOT = Path(__file__).parents[2]
PASSWORD = "hunter2secret"
CONFIG = f"cameras: {{door: {{url: 'rtsp://viewer:{PASSWORD}@192.168.1.20/'}}}}\n"


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """Signals and the root logger belong to the whole test process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A correct configuration."""
    for name in ("RTSP_URL", "REDIS_URL", "VIDEO_DIR", "MODELS_DIR", "STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "vedette.yml").write_text(CONFIG, encoding="utf-8")
    return ["--config", str(tmp_path / "vedette.yml"), "--video-dir", str(tmp_path / "video")]


def test_a_service_gets_its_configuration_and_a_stop_event(arguments: list[str], tmp_path: Path) -> None:
    given: list[Config] = []

    def serve(config: Config, stop: Event) -> None:
        given.append(config)
        assert not stop.is_set()

    assert run_service("test_service", serve, arguments) == EXIT_DONE
    assert list(given[0].cameras) == ["door"]
    assert given[0].video_dir == tmp_path / "video"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_stop_event_and_ends_with_0(arguments: list[str], number: signal.Signals) -> None:
    """Docker and the supervisor stop services by SIGTERM, people by Ctrl-C; both are a clean end."""

    def serve(config: Config, stop: Event) -> None:
        os.kill(os.getpid(), number)
        assert stop.wait(10)

    assert run_service("test_service", serve, arguments) == EXIT_DONE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WrongUseError("the weights have the wrong name"), EXIT_WRONG_USE),
        (TemporaryError("the disk is away"), EXIT_FAILED),
        (ValueError("nobody expected this"), EXIT_FAILED),
    ],
)
def test_an_error_becomes_an_exit_code_and_a_log_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    """A supervisor restarts after 1 and gives up after 2; neither reads tracebacks."""

    def serve(config: Config, stop: Event) -> None:
        raise error

    assert run_service("test_service", serve, arguments) == code
    said = capsys.readouterr().err
    assert str(error) in said
    assert ("Traceback" in said) is isinstance(error, ValueError)


def test_a_broken_configuration_ends_with_2_before_the_service_starts(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vedette.yml").write_text("camera: {}\n", encoding="utf-8")
    started: list[Config] = []

    code = run_service("test_service", lambda config, _stop: started.append(config), arguments)

    assert code == EXIT_WRONG_USE
    assert started == []
    assert "did you mean 'cameras'?" in capsys.readouterr().err


def test_a_container_with_a_broken_configuration_says_so_once_and_waits_before_it_ends(
    arguments: list[str], tmp_path: Path
) -> None:
    """The engine starts it again at once: without a pause the log is one message again and again. Stopping is quick."""
    (tmp_path / "vedette.yml").write_text("camera: {}\n", encoding="utf-8")
    program = "import sys; from shared_utils.process import run_service; sys.exit(run_service('x', None, sys.argv[1:]))"
    command = [sys.executable, "-c", program, *arguments, "--pause-on-wrong-use", "600"]

    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = [process.stderr.readline(), process.stderr.readline()]
        still_there = process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert "did you mean 'cameras'?" in said[0]
    assert "looking again in 600 s" in said[1]
    assert still_there
    assert process.returncode == EXIT_WRONG_USE


def test_no_log_line_of_a_service_holds_a_camera_password(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even in the traceback of an error from a library that was given the address."""

    def serve(config: Config, stop: Event) -> None:
        url = config.cameras["door"].url.get_secret_value()
        logging.getLogger("library").warning("cannot open %s", url)
        raise RuntimeError(f"{PASSWORD} was refused at {url}")

    run_service("test_service", serve, arguments)

    said = capsys.readouterr().err
    assert "cannot open rtsp://viewer:***@192.168.1.20/" in said
    assert PASSWORD not in said


def test_the_configured_level_counts(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("warning")

    logging.getLogger("a").info("quiet")
    logging.getLogger("a").warning("loud")

    said = capsys.readouterr().err
    assert "loud" in said
    assert "quiet" not in said


def test_an_unknown_argument_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_service("test_service", lambda _config, _stop: None, [*arguments, "--colour"])

    assert ended.value.code == EXIT_WRONG_USE


def test_a_real_process_ends_cleanly_on_sigterm(arguments: list[str]) -> None:
    """The same in a process of its own, where nothing of this one helps."""
    program = (
        "import sys; from shared_utils.process import run_service;"
        "sys.exit(run_service('x', lambda config, stop: (print('up', flush=True), stop.wait()), sys.argv[1:]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)

    assert process.returncode == EXIT_DONE
    assert "received SIGTERM" in said
