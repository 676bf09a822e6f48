"""`vedette init` writes files that load, keeps what is there, and puts passwords into .env alone."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
import threading
from io import StringIO
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml
from rich.console import Console
from typer.testing import CliRunner, Result

from shared_utils.config import Config, load_config
from shared_utils.config.schema_file import json_schema
from shared_utils.errors import WrongUseError
from tests.support.clips import make_clip
from tests.support.emulator import REPOSITORY, Emulator
from vedette.commands.init import init
from vedette.first_config import new_camera
from vedette.first_files import ask_for_cameras, write_files

PASSWORD = "hunter2secret"
URL = f"rtsp://viewer:{PASSWORD}@192.168.1.20:554/stream1"
# the password question opens /dev/tty, so the process needs a terminal of its own
AT_A_TERMINAL = """
import fcntl, termios, typer
from vedette.commands.init import init
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
typer.run(init)
"""
app = typer.Typer()
app.command()(init)


def run_init(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(folder / "vedette.yml"), *arguments])


def loaded(folder: Path) -> Config:
    return load_config(folder / "vedette.yml", environment={})


def test_flags_give_files_that_load_and_match_the_schema(tmp_path: Path) -> None:
    other = "rtsp://10.0.0.6/a"
    result = run_init(tmp_path, "--camera", "front-door", "--url", URL, "--camera", "2nd", "--url", other, "--yes")

    cameras = loaded(tmp_path).cameras
    assert result.exit_code == 0, result.output
    assert {name: camera.url.get_secret_value() for name, camera in cameras.items()} == {
        "front-door": URL,
        "2nd": other,
    }
    jsonschema.validate(yaml.safe_load((tmp_path / "vedette.yml").read_text()), json.loads(json_schema()))


def test_every_suggestion_in_the_file_works_when_its_comment_sign_is_taken_away(tmp_path: Path) -> None:
    run_init(tmp_path, "--camera", "front-door", "--url", URL, "--yes")
    path = tmp_path / "vedette.yml"

    path.write_text(re.sub(r"^    # ", "    ", path.read_text(), flags=re.MULTILINE))

    camera = loaded(tmp_path).cameras["front-door"]
    assert len(camera.motion.masks[0]) == 4
    assert {"segment_seconds", "pre_roll_seconds", "post_roll_seconds", "motion"} <= camera.model_fields_set


def test_the_password_is_in_dotenv_alone_and_for_its_owner_alone(tmp_path: Path) -> None:
    result = run_init(tmp_path, "--camera", "front-door", "--url", URL, "--yes")

    assert PASSWORD not in (tmp_path / "vedette.yml").read_text() + result.output
    assert PASSWORD in (tmp_path / ".env").read_text()
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_what_is_there_is_kept_unless_force_is_given(tmp_path: Path) -> None:
    run_init(tmp_path, "--camera", "front-door", "--url", URL, "--yes")
    before = (tmp_path / "vedette.yml").read_bytes(), (tmp_path / ".env").read_bytes()

    refused = run_init(tmp_path, "--camera", "gate", "--url", URL, "--yes")
    untouched = (tmp_path / "vedette.yml").read_bytes(), (tmp_path / ".env").read_bytes()
    forced = run_init(tmp_path, "--camera", "gate", "--url", URL, "--yes", "--force")

    assert (refused.exit_code, forced.exit_code) == (2, 0)
    assert "--force" in refused.output
    assert untouched == before
    assert list(loaded(tmp_path).cameras) == ["gate"]


def test_dotenv_keeps_its_other_lines(tmp_path: Path) -> None:
    """It may hold the password of a Redis that runs already."""
    (tmp_path / ".env").write_text("# mine\nREDIS_PASSWORD=kept\nPUID=1001\n")
    (tmp_path / ".env").chmod(0o644)

    run_init(tmp_path, "--camera", "front-door", "--url", URL, "--yes")

    text = (tmp_path / ".env").read_text()
    assert text.startswith("# mine\nREDIS_PASSWORD=kept\nPUID=1001\n")
    assert text.count("REDIS_PASSWORD") == 1
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_another_value_in_dotenv_is_not_replaced_without_force(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FRONT_DOOR_URL=rtsp://10.0.0.5/old\n")

    result = run_init(tmp_path, "--camera", "front-door", "--url", URL, "--yes")

    assert result.exit_code == 2
    assert "FRONT_DOOR_URL is in .env already" in result.output
    assert not (tmp_path / "vedette.yml").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "vedette init --camera front-door --url"),
        (("--yes",), "vedette init --camera front-door --url"),
        (("--camera", "door"), "1 --camera and 0 --url"),
        (("--camera", "Front Door", "--url", URL), "is no camera name"),
        (("--camera", "door", "--url", f"http://viewer:{PASSWORD}@10.0.0.5/"), "begins with rtsp://"),
        (("--camera", "door", "--url", f"rtsp://viewer:{PASSWORD}/x@10.0.0.5/"), "percent-encoded"),
        (("--camera", "door", "--url", URL, "--camera", "door", "--url", URL), "two cameras named 'door'"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_to_pass(tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    result = run_init(tmp_path, *arguments)

    assert result.exit_code == 2
    assert expected in " ".join(result.output.split())
    assert PASSWORD not in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://u:a$b${c}@10.0.0.5/",
        "rtsp://u:it's@10.0.0.5/",
        'rtsp://u:"quoted"@10.0.0.5/',
        "rtsp://u:back\\slash@10.0.0.5/",
        "rtsp://u:%23%20@10.0.0.5/",
    ],
)
def test_any_password_comes_back_as_it_was(tmp_path: Path, url: str) -> None:
    """The file is read by us and by compose; quotes and dollars mean something to both."""
    write_files(tmp_path / "vedette.yml", [new_camera("door", url)], force=False)

    read_back = loaded(tmp_path).cameras["door"].url.get_secret_value()
    assert read_back == url.replace("'", "%27").replace("\\", "%5C")


@pytest.mark.parametrize("names", [["front-door", "front_door"], ["redis", "rtsp"], ["vedette", "vedette-x"], ["1"]])
def test_no_camera_name_makes_a_variable_that_means_something_else(tmp_path: Path, names: list[str]) -> None:
    """A camera named redis must not set REDIS_URL."""
    cameras = [new_camera(name, f"rtsp://10.0.0.5/{number}") for number, name in enumerate(names)]

    write_files(tmp_path / "vedette.yml", cameras, force=False)

    config = loaded(tmp_path)
    assert [camera.url.get_secret_value() for camera in config.cameras.values()] == [camera.url for camera in cameras]
    assert "redis_url" not in config.model_fields_set


def test_asking_repeats_what_was_wrong_and_encodes_the_password() -> None:
    """Whoever types a password into a question should not have to know about percent signs."""
    answers = StringIO(
        "Front Door\nfront-door\nhttp://10.0.0.5/\nfront-door\nrtsp://10.0.0.5/s\nviewer\np@ss/wörd\nn\n"
    )
    shown = StringIO()

    cameras = ask_for_cameras(Console(file=shown), answers)

    assert [(camera.name, camera.url) for camera in cameras] == [
        ("front-door", "rtsp://viewer:p%40ss%2Fw%C3%B6rd@10.0.0.5/s")
    ]
    assert "is no camera name" in shown.getvalue()


def test_an_address_given_as_a_name_does_not_show_its_password() -> None:
    with pytest.raises(WrongUseError, match="is no camera name") as refused:
        new_camera(URL, URL)

    assert PASSWORD not in str(refused.value)


def test_a_wrong_address_is_asked_for_again_without_the_name() -> None:
    """Who has typed an address does not look up and see that a name is wanted again."""
    answers = StringIO("door\n192.168.1.20\nrtsp://10.0.0.6/s\n\nn\n")

    cameras = ask_for_cameras(Console(file=StringIO()), answers)

    assert [(camera.name, camera.url) for camera in cameras] == [("door", "rtsp://10.0.0.6/s")]


def test_several_cameras_are_asked_for_one_after_the_other() -> None:
    answers = StringIO(f"door\n{URL}\ny\ndoor\ngate\nrtsp://10.0.0.6/\n\nn\n")

    cameras = ask_for_cameras(Console(file=StringIO()), answers)

    assert [camera.name for camera in cameras] == ["door", "gate"]


def test_at_a_terminal_it_asks_and_does_not_show_the_password(tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "dumb"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    seen = _read_in_background(keyboard)
    for question, answer in [
        ("Name of the camera", "door"),
        ("Its address", "rtsp://10.0.0.5/s"),
        ("User name", "viewer"),
        ("not shown", PASSWORD),
        ("Another camera", "n"),
        ("Look at the cameras", "n"),
    ]:
        seen.wait_for(question)
        _until_echo_is(keyboard, on=answer != PASSWORD)
        os.write(keyboard, f"{answer}\n".encode())
    code = process.wait(60)
    os.close(keyboard)

    assert code == 0, seen.text
    assert PASSWORD not in seen.text
    assert loaded(tmp_path).cameras["door"].url.get_secret_value() == f"rtsp://viewer:{PASSWORD}@10.0.0.5/s"


def _until_echo_is(keyboard: int, *, on: bool) -> None:
    """What is typed before the program has switched the echo off is shown, and then thrown away."""
    for _ in range(600):
        if bool(termios.tcgetattr(keyboard)[3] & termios.ECHO) is on:
            return
        threading.Event().wait(0.05)
    raise AssertionError("the terminal's echo was not switched")


class _Screen:
    """What a program has written to its terminal so far."""

    def __init__(self) -> None:
        self.text = ""
        self.changed = threading.Condition()

    def wait_for(self, words: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: words in self.text, 30), self.text


def _read_in_background(keyboard: int) -> _Screen:
    screen = _Screen()

    def read() -> None:
        while True:
            try:
                data = os.read(keyboard, 4096)
            except OSError:  # the program has ended
                return
            with screen.changed:
                screen.text += data.decode(errors="replace")
                screen.changed.notify_all()

    threading.Thread(target=read, daemon=True).start()
    return screen


def test_the_test_afterwards_decides_the_exit_code(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=3, width=320, height=180)
    with Emulator({"door": clip}) as emulator:
        right = run_init(tmp_path, "--camera", "door", "--url", emulator.url("door"), "--yes", "--test")
        wrong = run_init(tmp_path, "--camera", "door", "--url", emulator.url("x"), "--yes", "--test", "--force")

    assert (right.exit_code, wrong.exit_code) == (0, 1), (right.exception, wrong.exception)
