"""Options that every command takes, and how errors become exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared_utils.errors import VedetteError, WrongUseError

ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Configuration file.", show_default="vedette.yml")
]
VideoFolder = Annotated[
    Path | None,
    typer.Option("--video-dir", metavar="DIR", help="Where recordings lie.", show_default="VIDEO_DIR, else video/"),
]

stdout = Console()
stderr = Console(stderr=True)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Print what Vedette reports without a traceback; leave with 2 for wrong use, 1 for anything that failed."""
    try:
        yield
    except VedetteError as error:
        # markup and highlight off: a message may hold brackets that are not meant as colours
        stderr.print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, WrongUseError) else 1) from error
