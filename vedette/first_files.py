"""The steps of `vedette init`: asking, writing, looking at the cameras."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.prompt import Confirm, Prompt

from shared_utils.errors import StorageError, WrongUseError
from vedette.first_config import (
    SCHEMA_FILE,
    NewCamera,
    config_text,
    dotenv_text,
    new_camera,
    variables_for,
    with_login,
)
from vedette.options import stdout


def cameras_from_flags(names: list[str], urls: list[str]) -> list[NewCamera]:
    if len(names) != len(urls):
        raise WrongUseError(
            f"There are {len(names)} --camera and {len(urls)} --url. Give one --url for each --camera, in turn."
        )
    return [new_camera(name, url) for name, url in zip(names, urls, strict=True)]


def ask_for_cameras(console: Console, answers: TextIO | None = None) -> list[NewCamera]:
    """Ask for one camera after the other; what is wrong is asked for again. `answers` stands for the keyboard."""
    cameras: list[NewCamera] = []
    while True:
        cameras.append(_ask_for_camera(console, answers, cameras))
        if not Confirm.ask("Another camera?", console=console, default=False, stream=answers):
            return cameras


def _ask_for_camera(console: Console, answers: TextIO | None, before: list[NewCamera]) -> NewCamera:
    name = _until_right(console, lambda: _ask_for_name(console, answers, before))
    address = _until_right(console, lambda: _ask_for_address(console, answers, name))
    if "@" in address:
        return new_camera(name, address)
    user = Prompt.ask("User name (empty for none)", console=console, default="", stream=answers, show_default=False)
    hidden = answers is None  # hiding works at a terminal only
    password = user and Prompt.ask("Password (not shown)", console=console, password=hidden, stream=answers)
    return new_camera(name, with_login(address, user, password))


def _ask_for_name(console: Console, answers: TextIO | None, before: list[NewCamera]) -> str:
    default = "front-door" if not before else ...
    name = str(Prompt.ask("Name of the camera (a-z, 0-9, -)", console=console, default=default, stream=answers))
    variables_for([*before, new_camera(name, "rtsp://host/")])
    return name


def _ask_for_address(console: Console, answers: TextIO | None, name: str) -> str:
    address = Prompt.ask("Its address, such as rtsp://192.168.1.20:554/stream1", console=console, stream=answers)
    new_camera(name, address)
    return address.strip()


def _until_right(console: Console, ask: Callable[[], str]) -> str:
    while True:
        try:
            return ask()
        except WrongUseError as error:
            console.print(str(error), style="yellow", markup=False, highlight=False, soft_wrap=True)


def write_files(target: Path, cameras: list[NewCamera], *, force: bool) -> None:
    """Both files, `.env` readable by this user alone. Raises WrongUseError before anything is written, StorageError."""
    env_file = target.parent / ".env"
    variables = variables_for(cameras)
    try:
        existing = env_file.read_text(encoding="utf-8-sig") if env_file.exists() else ""
        env_text = dotenv_text(existing, cameras, variables, target.name, replace=force)
        names_schema = (target.parent / SCHEMA_FILE).exists()
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(env_file, env_text, mode=0o600)
        _replace(target, config_text(cameras, variables, names_schema=names_schema), mode=0o644)
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{target} and {env_file} cannot be written: {error}. Check the folder's rights.") from error


def _replace(path: Path, text: str, *, mode: int) -> None:
    """Write the whole file under another name, with its rights from the first byte on, then rename."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def look_at_cameras(target: Path) -> bool:
    """Whether every camera can be used; what was found is shown."""
    from shared_utils.clock import SystemClock
    from shared_utils.config import load_config
    from shared_utils.process import set_up_logging
    from vedette.checks.everything import as_table, examine_cameras
    from vedette.checks.finding import all_well

    config = load_config(target)
    set_up_logging("warning", config.secrets)  # whatever is logged, the new passwords are not in it
    findings = examine_cameras(config, SystemClock(), quiet=False)
    stdout.print(as_table(findings))
    return all_well(findings)
