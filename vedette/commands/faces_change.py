"""`vedette faces rename|merge|remove|consent`: the gallery put right, and the past with it."""

from typing import Annotated

import typer

from vedette.commands.faces_parts import Name, Yes, opened_gallery, say, say_told
from vedette.options import ConfigFile, VideoFolder

Gone = Annotated[str, typer.Argument(metavar="NAME", help="Who is no entry of their own afterwards.")]
Kept = Annotated[str, typer.Argument(metavar="INTO", help="Who keeps name and id.")]
Purge = Annotated[bool, typer.Option("--purge", help="Take the name out of past log lines, too.")]
Face = Annotated[int | None, typer.Option("--face", metavar="NUMBER", help="Only this face, as 'show' numbers them.")]


def rename(
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new name.")],
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Give a person another name, in past log lines, too.

    For example:

        vedette faces rename Ana Anna
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from vedette.faces.refused import forget_refused, refused_folder

        before = gallery.identity(name).name
        forget_refused(refused_folder(settings, before))  # under the old name nobody would find them again
        person = gallery.rename(name, new)
        say(f"{before} is called {person.name} now.")
        say_told(gallery.told)


def merge(gone: Gone, into: Kept, yes: Yes = False, config: ConfigFile = None, video_dir: VideoFolder = None) -> None:
    """Make two entries one: they are the same person. Past log lines follow.

    For example:

        vedette faces merge "Anna 2" Anna
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from vedette.faces.refused import forget_refused, refused_folder

        first, second = gallery.identity(gone), gallery.identity(into)
        if not yes:
            typer.confirm(f"All faces of {first.name} become faces of {second.name}. Go on?", abort=True)
        forget_refused(refused_folder(settings, first.name))
        person = gallery.merge(second.id, first.id)
        say(f"{first.name} is {person.name} now, with {sum(person.embeddings.values())} faces.")
        say_told(gallery.told)


def remove(
    name: Name,
    face: Face = None,
    *,
    purge: Purge = False,
    yes: Yes = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Forget a person: faces, consent, examples. Workers know it with their next segment.

    Past log lines keep the name unless --purge is given, which also deletes what was learned from the person's tracks.
    Recorded footage stays until retention deletes it.

    For example:

        vedette faces remove Anna --purge

        vedette faces remove Anna --face 12
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from vedette.faces.refused import forget_refused, refused_folder

        person = gallery.identity(name)
        if face is not None:
            _take_face(purge)
            left = gallery.remove_embedding(person.id, face)
            say(f"{left.name} has {sum(left.embeddings.values())} faces left.")
            return
        if not yes:
            what = " and past log lines lose the name" if purge else ""
            typer.confirm(f"{person.name} is forgotten{what}; this cannot be undone. Go on?", abort=True)
        forget_refused(refused_folder(settings, person.name))  # first: once the person is gone, nobody asks for them
        gallery.remove(person.id, purge=purge)
        say(f"{person.name} is forgotten.")
        say_told(gallery.told)


def consent(
    name: Name,
    note: Annotated[str, typer.Argument(metavar="NOTE", help="Who agreed to what, when and how; '' takes it away.")],
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Note who agreed to being recognised, in place of the old note.

    For example:

        vedette faces consent Anna "form signed on 2026-11-20, in the blue folder"
    """
    with opened_gallery(config, video_dir) as (_, gallery):
        person = gallery.note_consent(name, note)
        say(f"{person.name}: {person.consent or 'no consent is noted'}")


def _take_face(purge: bool) -> None:
    from shared_utils.errors import WrongUseError

    if purge:
        raise WrongUseError("--face takes one face from a person, --purge all of their past: say one of them.")
