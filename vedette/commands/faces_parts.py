"""What all commands of `vedette faces` share: their options, the open gallery, and how they speak."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vedette.options import errors_as_exit_codes, stderr, stdout

if TYPE_CHECKING:
    from shared_utils.config import Config
    from shared_utils.faces.engine import FaceEngine
    from shared_utils.gallery.past import Told
    from shared_utils.gallery.store import Gallery

Name = Annotated[str, typer.Argument(metavar="NAME", help="A person, as 'vedette faces list' shows them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_MANY = 3  # photos; fewer are done before a bar could be read


@contextmanager
def opened_gallery(config: Path | None, video_dir: Path | None) -> "Iterator[tuple[Config, Gallery]]":
    """The configuration, and the gallery open; errors become messages."""
    with errors_as_exit_codes():
        from shared_utils.clock import SystemClock
        from shared_utils.config import load_config
        from shared_utils.gallery.store import open_gallery

        settings = load_config(config, video_dir=video_dir, cameras_required=False)
        with open_gallery(settings, SystemClock()) as gallery:
            yield settings, gallery


def loaded_engine(settings: "Config") -> "FaceEngine":
    """The models, which take a second to load. Raises ModelError."""
    from shared_utils.faces.engine import load_engine

    with stderr.status(f"Loading {settings.faces.model}"):
        return load_engine(settings.faces, settings.models_dir)


@contextmanager
def progress_over(total: int, doing: str) -> Iterator["_Bar"]:
    """A bar on the terminal, where there are enough photos to wait for."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True, disable=total < _MANY) as bar:
        yield _Bar(bar, total, doing)


class _Bar:
    def __init__(self, bar: Progress, total: int, doing: str) -> None:
        self._bar, self._task = bar, bar.add_task(doing, total=total)

    def done(self, count: int) -> None:
        """So many of them are behind us."""
        self._bar.update(self._task, completed=count)


def say(text: str) -> None:
    """One line as it is: a name may hold brackets that are not meant as colours."""
    stdout.print(text, markup=False, highlight=False, soft_wrap=True)


def say_told(told: "Told") -> None:
    """What became of the past."""
    if told.tracks:
        say(f"{told.tracks} tracks in {told.lines} lines of the faces log were changed.")


def hint(text: str) -> None:
    """What is worth knowing and no result."""
    stderr.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
