"""The command line as a whole: help, errors, exit codes, start-up."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vedette.cli import app
from vedette.commands_reference import reference

COMMANDS = ("init", "check", "run", "demo", "status", "queue", "models", "faces", "watch")
REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and an environment that configures nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("RTSP_URL", "REDIS_URL", "VIDEO_DIR", "STATE_DIR", "MODELS_DIR", "DEMO_SECONDS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_help_names_every_command() -> None:
    """It is where people begin."""
    shown = CliRunner().invoke(app, ["--help"])

    assert shown.exit_code == 0
    assert [command for command in COMMANDS if command not in shown.output] == []


FACES = (
    "add",
    "list",
    "show",
    "rename",
    "merge",
    "remove",
    "consent",
    "unknown",
    "name",
    "reject",
    "reembed",
    "calibrate",
)


@pytest.mark.parametrize(
    "command",
    ["run", "demo", "status", "watch", "queue show", "queue replay", "queue drop", *(f"faces {one}" for one in FACES)],
)
def test_help_of_a_command_has_an_example(command: str) -> None:
    """An example is read before any description."""
    shown = CliRunner().invoke(app, [*command.split(), "--help"])

    assert "For example" in shown.output
    assert f"vedette {command}" in shown.output


def test_the_reference_says_what_the_commands_say() -> None:
    """Write it again with `python -m vedette.commands_reference > docs/reference/commands.md`."""
    assert REFERENCE.read_text() == reference()


def test_help_imports_nothing_heavy() -> None:
    """OpenCV, PyAV and ONNX Runtime take seconds to import on a small machine."""
    code = (
        "import sys; import vedette.cli; "
        "print([name for name in ('av', 'cv2', 'numpy', 'onnxruntime', 'redis') if name in sys.modules])"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"


def test_a_wrong_queue_name_is_answered_with_the_nearest(folder: Path) -> None:
    """Nobody types video_queue right the first time."""
    shown = CliRunner().invoke(app, ["queue", "show", "vido-queue"])

    assert shown.exit_code == 2
    assert "There is no queue 'vido-queue': did you mean video_queue?" in shown.output


def test_replay_without_ids_is_wrong_use(folder: Path) -> None:
    """Replaying everything by a slip would run hundreds of tasks."""
    shown = CliRunner().invoke(app, ["queue", "replay", "video_queue"])

    assert shown.exit_code == 2
    assert "Name the ids of the tasks, or say --all" in shown.output


def test_a_run_without_a_camera_says_how_to_configure_one(folder: Path) -> None:
    """The first thing that a newcomer meets must not be a traceback."""
    shown = CliRunner().invoke(app, ["run"])

    assert shown.exit_code == 2
    assert "vedette init" in shown.output
    assert "Traceback" not in shown.output


def test_an_unexpected_error_is_shown_without_local_variables() -> None:
    """Locals hold camera passwords, and people post what they see."""
    code = (
        "import vedette.cli\n"
        "@vedette.cli.app.command()\n"
        "def boom():\n"
        "    password = 'hunter2' + '-secret'\n"
        "    raise RuntimeError('boom')\n"
        "vedette.cli.main()\n"
    )

    shown = subprocess.run([sys.executable, "-c", code, "boom"], capture_output=True, text=True, check=False)

    assert shown.returncode == 1
    assert "boom" in shown.stderr
    assert "hunter2-secret" not in shown.stdout + shown.stderr
