"""The command `vedette`. Each command imports what is heavy when it is called, so that `--help` is quick."""

import typer

from vedette.commands.check import check
from vedette.commands.demo import demo
from vedette.commands.faces import faces_app
from vedette.commands.init import init
from vedette.commands.models import models_app
from vedette.commands.queue import queue_app
from vedette.commands.run import run
from vedette.commands.status import status
from vedette.commands.watch import watch

PROGRAM = "vedette"

app = typer.Typer(
    name=PROGRAM,
    help="A self-hosted camera system: RTSP cameras in; recorded segments, objects and an open log out.\n\n"
    "Begin with 'vedette demo', which needs no camera, or with 'vedette init'.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,  # locals hold camera passwords
    pretty_exceptions_short=True,
    rich_markup_mode="markdown",
)
app.command()(init)
app.command()(check)
app.command()(run)
app.command()(demo)
app.command()(status)
app.command()(watch)
app.add_typer(faces_app, name="faces")
app.add_typer(queue_app, name="queue")
app.add_typer(models_app, name="models")


def main() -> None:
    """The entry point of the installed program."""
    app(prog_name=PROGRAM)
