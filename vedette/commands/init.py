"""`vedette init`: from nothing to a configuration that loads."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.prompt import Confirm

from shared_utils.errors import WrongUseError
from vedette.options import ConfigFile, errors_as_exit_codes, stderr, stdout

DEFAULT_FILE = Path("vedette.yml")
_ASK_FOR_FLAGS = (
    "There is no terminal to ask for the cameras at. Pass them: "
    "vedette init --camera front-door --url rtsp://user:password@192.168.1.20:554/stream1 --yes"
)


def init(
    *,
    camera: Annotated[
        list[str] | None, typer.Option("--camera", metavar="NAME", help="Name of a camera; may be repeated.")
    ] = None,
    url: Annotated[
        list[str] | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Its RTSP address, one for each --camera. Other users of this machine can see it.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files and values that are there already.")] = False,
    test: Annotated[
        bool | None, typer.Option("--test/--no-test", help="Look at the cameras afterwards.", show_default="ask")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Write a first vedette.yml and .env, by asking for the cameras or from --camera and --url.

    Addresses hold passwords, so they go to .env alone, readable by you only; vedette.yml refers to them
    by name and can be shared. What .env already says is kept.

    For example:

        vedette init

        vedette init --camera front-door --url rtsp://user:password@192.168.1.20:554/stream1 --yes
    """
    with errors_as_exit_codes():
        from vedette.first_files import ask_for_cameras, cameras_from_flags, look_at_cameras, write_files

        target = config or DEFAULT_FILE
        if target.exists() and not force:
            raise WrongUseError(f"{target} is there already. Edit it, or replace it with --force.")
        may_ask = not yes and sys.stdin.isatty()
        cameras = cameras_from_flags(camera or [], url or [])
        if not cameras and not may_ask:
            raise WrongUseError(_ASK_FOR_FLAGS)
        write_files(target, cameras or ask_for_cameras(stderr), force=force)
        stdout.print(f"Written: {target} and {target.parent / '.env'}.", markup=False, soft_wrap=True)
        well = True
        if test or (test is None and may_ask and Confirm.ask("Look at the cameras now?", console=stderr, default=True)):
            well = look_at_cameras(target)
    stdout.print("Next: vedette check, then vedette run (or docker compose up -d).")
    raise typer.Exit(0 if well else 1)
