"""`vedette models`: bring weights, list them, and export your own."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from shared_utils.errors import WrongUseError
from vedette.options import ConfigFile, errors_as_exit_codes, stderr, stdout

if TYPE_CHECKING:
    from shared_utils.config import Config
    from shared_utils.model_fetch import Told
    from shared_utils.models import Source

ACCEPTED = "accepted"
models_app = typer.Typer(help="Bring the weights that the detectors need, or export your own.", no_args_is_help=True)

ModelsFolder = Annotated[
    Path | None,
    typer.Option("--models-dir", metavar="DIR", help="Where weights lie.", show_default="MODELS_DIR, else models/"),
]
SourcesFile = Annotated[
    Path | None, typer.Option("--sources", metavar="FILE", help="Another list of models.", show_default="the built-in")
]


@models_app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="As 'list' shows them.")] = None,
    *,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Accept the licence of what is named, else that of YOLOv8; do not ask."),
    ] = False,
    insightface_licence: Annotated[
        str | None,
        typer.Option(
            metavar=ACCEPTED,
            envvar="INSIGHTFACE_LICENCE",
            help="Without NAME, bring the pack for faces too, and do not ask: its licence is accepted.",
        ),
    ] = None,
    sources: SourcesFile = None,
    models_dir: ModelsFolder = None,
    config: ConfigFile = None,
) -> None:
    """Bring weights, checked, into the models folder; without NAME what the object worker and the face worker need.

    The licence is stated before anything is downloaded. The packs for faces are for non-commercial research only, so
    they come only when they are named, or when that is accepted. What is there already and usable is left as it is.

    For example:

        vedette models fetch

        vedette models fetch buffalo_l --yes
    """
    with errors_as_exit_codes():
        from shared_utils.config import load_config
        from shared_utils.models import SOURCES_FILE, load_sources

        if insightface_licence not in {None, "", ACCEPTED}:
            raise WrongUseError(f"INSIGHTFACE_LICENCE is {insightface_licence!r}. Write {ACCEPTED}, or leave it empty.")
        known = load_sources(sources or SOURCES_FILE)
        settings = load_config(config, cameras_required=False)
        folder = models_dir or settings.models_dir
        for source in _asked_for(names or [], known):
            _fetch(source, known, folder, yes=yes)
        if not names and (pack := _pack_asked_for(settings, known)):
            _fetch_faces(pack, known, folder, accepted=bool(insightface_licence), may_ask=not yes)


@models_app.command(name="list")
def list_(sources: SourcesFile = None, models_dir: ModelsFolder = None, config: ConfigFile = None) -> None:
    """Show the models that can be fetched, their licences, and whether they are there."""
    with errors_as_exit_codes():
        from shared_utils.models import SOURCES_FILE, load_sources

        folder = _models_folder(models_dir, config)
        table = Table("model", "what it is", "licence", "there", title=str(folder.absolute()))
        for source in load_sources(sources or SOURCES_FILE).values():
            there = "yes" if source.place(folder).exists() else "no"
            table.add_row(source.name, source.about, source.licence, there)
        stdout.print(table)


@models_app.command()
def export(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="Your trained weights, for example best.pt.")],
    imgsz: Annotated[int, typer.Option(min=32, max=4096, help="Side of the square picture the model takes.")] = 640,
    half: Annotated[bool, typer.Option("--half/--no-half", help="16-bit numbers: smaller, for GPUs.")] = False,
    models_dir: ModelsFolder = None,
    config: ConfigFile = None,
) -> None:
    """Turn Ultralytics weights (.pt) into the .onnx file that the object worker runs, in the models folder.

    Needs the Ultralytics extra. Loading a .pt file runs the code in it: export only weights you trust.

    For example:

        vedette models export best.pt --imgsz 960
    """
    with errors_as_exit_codes():
        from shared_utils.model_check import check_weights, known_picture
        from shared_utils.model_fetch import put_in_place, work_folder
        from vedette.weights_export import UltralyticsExport

        if not weights.is_file() or weights.suffix != ".pt":
            raise WrongUseError(f"{weights} is not a .pt file that exists. Name the weights that Ultralytics trained.")
        if imgsz % 32:
            raise WrongUseError(f"--imgsz is {imgsz}, which YOLO cannot take: it must be a multiple of 32.")
        check_weights(weights)
        folder = _models_folder(models_dir, config)
        with work_folder(folder) as work, stderr.status(f"Exporting {weights.name}"):
            made = UltralyticsExport(imgsz=imgsz, half=half)(weights, work)
            # weights trained on other pictures may know the words person and bus and yet not find these
            check_weights(made, known_picture() if weights.stem.startswith("yolo") else None)
            place = put_in_place(made, folder / f"{weights.stem}.onnx")
        stdout.print(f"{place} is ready. Use it with objects.model: {place.name}", highlight=False, soft_wrap=True)


def _fetch(source: "Source", known: dict[str, "Source"], folder: Path, *, yes: bool) -> None:
    from shared_utils.model_fetch import flaw

    wrong = flaw(source, folder)
    if wrong is None:
        stdout.print(f"{source.name} is there: {source.place(folder)}", highlight=False, soft_wrap=True)
        return
    if wrong != "missing":
        stderr.print(f"Bringing {source.name} again: {wrong}", markup=False, highlight=False, soft_wrap=True)
    _check_tools(source)
    _accept(source, yes)
    place = _bring(source, known, folder)
    stdout.print(f"{source.name} is ready: {place}", highlight=False, soft_wrap=True)


def _pack_asked_for(settings: "Config", known: dict[str, "Source"]) -> "Source | None":
    """The pack that the configuration names, if a camera asks for faces, or none is known, and it can be fetched."""
    cameras = settings.cameras.values()
    asked = not cameras or any("faces" in camera.analyses for camera in cameras)
    return known.get(settings.faces.model) if asked else None


def _fetch_faces(pack: "Source", known: dict[str, "Source"], folder: Path, *, accepted: bool, may_ask: bool) -> None:
    """Bring the pack if its licence is accepted; if nobody can be asked, say how to accept it."""
    from shared_utils.model_fetch import flaw

    if accepted or flaw(pack, folder) is None:
        _fetch(pack, known, folder, yes=True)
        return
    if may_ask and sys.stdin.isatty():
        try:
            _fetch(pack, known, folder, yes=False)
        except WrongUseError as refusal:
            stdout.print(f"{refusal} Until then nobody is recognised.", markup=False, highlight=False, soft_wrap=True)
        return
    _state_licence(pack)
    stdout.print(
        f"{pack.name} was not brought, so nobody is recognised: that needs your word. Accept its licence with "
        f"'vedette models fetch {pack.name}', with Docker 'docker compose run --rm models {pack.name}', or once and "
        f"for all with INSIGHTFACE_LICENCE={ACCEPTED} in .env.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _models_folder(models_dir: Path | None, config: Path | None) -> Path:
    """What the command line says, else the configuration, which need not name a camera yet."""
    from shared_utils.config import load_config

    return models_dir or load_config(config, cameras_required=False).models_dir


def _asked_for(names: Sequence[str], known: dict[str, "Source"]) -> list["Source"]:
    from shared_utils.models import UnknownModelError

    for name in names:
        if name not in known:
            raise UnknownModelError(name, list(known))
    return [known[name] for name in names] or [source for source in known.values() if source.default]


def _check_tools(source: "Source") -> None:
    """Find out before the question and the download that an export would fail."""
    from vedette.weights_export import ExporterMissingError, missing_packages

    if source.made_from is not None and (missing := missing_packages()):
        raise ExporterMissingError(missing)


def _accept(source: "Source", yes: bool) -> None:
    """State the licence; without --yes go on only after a yes."""
    _state_licence(source)
    if not yes and not typer.confirm("Accept it and go on?", default=False):
        raise WrongUseError(f"{source.name} was not brought: its licence was not accepted. Say yes, or give --yes.")


def _state_licence(source: "Source") -> None:
    stdout.print(f"{source.name}: {source.about}", markup=False, highlight=False, soft_wrap=True)
    stdout.print(f"Licence: {source.licence}, {source.terms}", markup=False, highlight=False, soft_wrap=True)


def _bring(source: "Source", known: dict[str, "Source"], folder: Path) -> Path:
    from shared_utils.model_fetch import download, flaw, make
    from vedette.weights_export import UltralyticsExport

    if source.made_from is None:
        with _progress(source.name) as told:
            return download(source, folder, told)
    first = known[source.made_from]
    if flaw(first, folder) is not None:
        _bring(first, known, folder)  # same terms, stated above
    with stderr.status(f"Exporting {first.name}"):
        return make(source, first.place(folder), folder, UltralyticsExport())


@contextmanager
def _progress(name: str) -> Iterator["Told"]:
    """A bar on the terminal that follows a download."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task(name, total=None)

        def told(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield told
