"""`vedette faces`: who is known. People are enrolled and shown here; what is changed has its own modules."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.commands.faces_change import consent, merge, remove, rename
from vedette.commands.faces_parts import (
    AsJson,
    Name,
    hint,
    loaded_engine,
    opened_gallery,
    progress_over,
    say,
)
from vedette.commands.faces_strangers import calibrate, name, reject, unknown
from vedette.options import ConfigFile, VideoFolder, stdout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared_utils.config import Config
    from shared_utils.gallery.store import Gallery
    from vedette.faces.enrol import Enrolment, EnrolOptions

faces_app = typer.Typer(
    help="Say who is who: enrol people from photos, name strangers, put mistakes right, forget people.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

NewName = Annotated[str, typer.Argument(metavar="NAME", help="Who is in the photos: a new person or a known one.")]
Photos = Annotated[list[Path], typer.Argument(metavar="PHOTO|FOLDER...", help="Photos, or folders of photos.")]
Consent = Annotated[str, typer.Option(metavar="NOTE", help="Who agreed to this, when and how.")]
Insist = Annotated[bool, typer.Option("--yes", "-y", help="The photos are of this person, whoever they resemble.")]
AllOrNothing = Annotated[bool, typer.Option("--all-or-nothing", help="Add no photo if one of them is refused.")]
Marked = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where pictures of refused photos go.", show_default="below the state folder"),
]
SheetFile = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Draw the faces (PNG).")]


@faces_app.command()
def add(
    name: NewName,
    photos: Photos,
    consent: Consent = "",
    *,
    yes: Insist = False,
    all_or_nothing: AllOrNothing = False,
    marked: Marked = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Enrol a person from photos that show one face each, from the front.

    Photos that cannot be used are refused with the reason and a marked-up picture. All others are added together, or,
    if anything goes wrong, not at all. Ends with 1 if a photo was refused, or if there was none to add; photos that
    were added before count as there. The photos themselves are not kept, only the aligned faces
    (faces.keep_crops).

    For example:

        vedette faces add Anna anna.jpg --consent "said yes on 2026-11-20"

        vedette faces add "Zoë Müller" photos/zoe --marked refused
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from shared_utils.gallery.names import written
        from vedette.faces.enrol import EnrolOptions
        from vedette.faces.photos import find_photos
        from vedette.faces.refused import forget_refused, refused_folder, write_refused

        name, paths = written(name), find_photos(photos)
        options = EnrolOptions(
            settings.faces.threshold,
            consent,
            insist=yes,
            all_or_nothing=all_or_nothing,
            keep_crops=settings.faces.keep_crops,
        )
        if marked is None:
            forget_refused(refused_folder(settings, name))
        done = _enrol(settings, gallery, name, paths, options)
        folder = marked or refused_folder(settings, name)
        pictures = write_refused(folder, done.refused)
        _report(done, pictures, folder, as_json)
        if not done.complete:
            raise typer.Exit(1)


@faces_app.command(name="list")
def list_(as_json: AsJson = False, config: ConfigFile = None, video_dir: VideoFolder = None) -> None:
    """Show everybody in the gallery, and who has no face by the model in use.

    For example:

        vedette faces list

        vedette faces list --json | jq -r '.[].name'
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from vedette.faces import tables
        from vedette.faces.present import model_in_use

        people = gallery.identities()
        if as_json:
            stdout.print_json(tables.as_json([tables.person_json(person) for person in people]))
            return
        if not people:
            say("Nobody is in the gallery. Enrol somebody with: vedette faces add NAME PHOTO")
            return
        model = model_in_use(settings, gallery)
        stdout.print(tables.people_table(people, model))
        if lacking := [person.name for person in people if not person.embeddings.get(model)]:
            hint(
                f"{len(lacking)} of them have no face by {model}, the model in use, and are not recognised. "
                "'vedette faces reembed' makes one from what was kept of their photos."
            )


@faces_app.command()
def show(
    name: Name, out: SheetFile = None, as_json: AsJson = False, config: ConfigFile = None, video_dir: VideoFolder = None
) -> None:
    """Show what is kept of a person: faces, models, dates, consent. --out draws the faces.

    For example:

        vedette faces show Anna --out anna.png
    """
    with opened_gallery(config, video_dir) as (_, gallery):
        from vedette.faces import tables
        from vedette.faces.sheets import person_sheet, write_sheet

        person, faces = gallery.identity(name), gallery.embeddings(name)
        if out is not None:
            write_sheet(out, person_sheet(gallery, person, faces))
        if as_json:
            about = tables.person_json(person) | {"embeddings": [tables.face_json(face) for face in faces]}
            stdout.print_json(tables.as_json(about))
            return
        say(f"{person.name} ({person.id}), in the gallery since {person.created_at:%Y-%m-%d}")
        say(f"Consent: {person.consent or 'none noted'}")
        if person.rejections:
            say(f"Examples of 'not this person': {person.rejections}")
        stdout.print(tables.faces_table(faces))
        if out is not None:
            say(f"The faces are drawn in {out}")


@faces_app.command()
def reembed(as_json: AsJson = False, config: ConfigFile = None, video_dir: VideoFolder = None) -> None:
    """Make the faces of everybody known to the model in use, after another one was configured.

    It works on the aligned faces that were kept of photos (faces.keep_crops). Whoever has none must be enrolled again.

    For example:

        vedette faces reembed
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from vedette.faces import tables
        from vedette.faces.reembed import lacking, reembed_people

        engine = loaded_engine(settings)
        model = engine.embedding_model
        todo = lacking(gallery, model)
        with progress_over(len(todo), f"Faces by {model}") as bar:
            done = reembed_people(gallery, engine, todo, bar.done)
        if as_json:
            stdout.print_json(tables.as_json({"model": model, "faces": done.faces, "without": done.without}))
        else:
            say(f"{done.faces} faces of {done.people} people are known by {model} now.")
        if done.without:
            hint(f"Nothing is kept of the photos of {', '.join(done.without)}: enrol them again.")
            raise typer.Exit(1)


for command in (rename, merge, remove, consent, unknown, name, reject, calibrate):
    faces_app.command()(command)


def _enrol(
    settings: "Config", gallery: "Gallery", name: str, paths: list[Path], options: "EnrolOptions"
) -> "Enrolment":
    from vedette.faces.enrol import enrol

    engine = loaded_engine(settings)
    with progress_over(len(paths), f"Photos of {name}") as bar:
        return enrol(gallery, engine, name, paths, options, told=bar.done)


def _report(done: "Enrolment", pictures: "Mapping[Path, Path]", folder: Path, as_json: bool) -> None:
    from vedette.faces import tables

    if as_json:
        stdout.print_json(tables.enrolment_json(done, pictures))
        return
    stdout.print(tables.enrolment_table(done))
    if done.added:
        what = "is new in the gallery" if done.is_new else "was known already"
        say(f"{done.name} {what}: {tables.photos(len(done.added))} added, {len(done.refused)} refused.")
    else:
        say(f"Nothing was added to {done.name}.")
    if pictures:
        say(f"What is wrong with the refused photos is drawn in {folder}")
    if done.added and done.identity is not None and not done.identity.consent:
        hint(f"No consent of {done.name} is noted. Note it with: vedette faces consent NAME NOTE")
