"""`vedette faces unknown|name|reject|calibrate`: strangers who return, wrong names, and how sure names are."""

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.commands.faces_parts import AsJson, hint, opened_gallery, say, say_told
from vedette.options import ConfigFile, VideoFolder, stdout

if TYPE_CHECKING:
    from shared_utils.config import Config
    from shared_utils.gallery.store import Gallery

SheetFile = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The contact sheet (PNG).")]
Most = Annotated[int, typer.Option(min=1, max=500, metavar="NUMBER", help="Most strangers shown.")]
Cluster = Annotated[int, typer.Argument(metavar="CLUSTER", help="The number of a stranger, as 'unknown' shows it.")]


def unknown(
    out: SheetFile = Path("unknown.png"),
    most: Most = 50,
    as_json: AsJson = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Show the strangers that were seen, each as one cluster, in a table and as a contact sheet.

    Of cameras with privacy: blur only outlines are shown.

    For example:

        vedette faces unknown --out strangers.png
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from shared_utils.analysis.showing import Showing
        from shared_utils.gallery.clusters import unknown_clusters
        from vedette.faces import tables
        from vedette.faces.sheets import strangers_in, strangers_sheet, write_sheet

        model = _look_again(settings, gallery)
        clusters = unknown_clusters(gallery.database, model)
        strangers = strangers_in(gallery, clusters[:most])
        if strangers:
            private = Showing.of(settings).private_cameras
            write_sheet(out, strangers_sheet(gallery, strangers, len(clusters), private))
        if as_json:
            stdout.print_json(tables.as_json([tables.stranger_json(one) for one in strangers]))
            return
        if not strangers:
            say(f"No stranger was seen by {model}.")
            return
        stdout.print(tables.strangers_table(strangers))
        if len(clusters) > most:
            say(f"and {len(clusters) - most} more: --most {len(clusters)} shows them")
        say(f"Their faces are drawn in {out}. Name one with: vedette faces name CLUSTER NAME")


def name(
    cluster: Cluster,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who it is: a new person or a known one.")],
    consent: Annotated[str, typer.Option(metavar="NOTE", help="Who agreed to this, when and how.")] = "",
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Give a stranger a name, in past log lines, too; a cluster that was named wrongly gets the right name.

    For example:

        vedette faces name 7 "the postwoman"
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from shared_utils.gallery.naming import name_cluster

        _look_again(settings, gallery)
        added = name_cluster(gallery, cluster, name, consent=consent)
        what = "is new in the gallery" if added.is_new else "was known already, and has"
        say(f"{added.identity.name} {what}: {added.added} faces of stranger {cluster}.")
        say_told(gallery.told)
        if not added.identity.consent:
            hint(f"No consent of {added.identity.name} is noted. Note it with: vedette faces consent NAME NOTE")


def reject(
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help="A segment id, as log lines have it.")],
    track: Annotated[int, typer.Argument(metavar="TRACK", help="The track_id of the face in that line.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Who it is not; without it, who the log takes it for.")
    ] = None,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Say that a track is not this person: the name leaves the log line, and the face is kept as a counter-example.

    Whoever looks more like that example than like the person is not given the name again.

    For example:

        vedette faces reject front-20261120T101500123Z 2
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from shared_utils.clock import SystemClock
        from shared_utils.errors import WrongUseError
        from shared_utils.gallery.naming import reject_track
        from vedette.faces.tracks import find_track

        found = find_track(settings.video, SystemClock(), segment, track, PurePath(settings.faces.model).name)
        who = name or found.identity_id
        if who is None:
            raise WrongUseError(f"Track {track} of {segment} has no name to take away. Say whom it is not: NAME.")
        _look_again(settings, gallery)
        person = reject_track(gallery, found.key, who)
        say(f"Track {track} of {segment} is not {person.name}. Counter-examples of {person.name}: {person.rejections}.")
        say_told(gallery.told)


def calibrate(as_json: AsJson = False, config: ConfigFile = None, video_dir: VideoFolder = None) -> None:
    """Measure on your own gallery which threshold lets in how many strangers.

    FAR is the share of pairs of two people that a threshold takes for one, TAR the share of pairs of one person that
    it recognises.

    For example:

        vedette faces calibrate
    """
    with opened_gallery(config, video_dir) as (settings, gallery):
        from shared_utils.gallery.calibration import calibrate as measure
        from vedette.faces import tables
        from vedette.faces.calibrating import calibration_json, calibration_table, calibration_words

        found = measure(gallery.database, _look_again(settings, gallery))
        if as_json:
            stdout.print_json(tables.as_json(calibration_json(found, settings.faces.threshold)))
            return
        stdout.print(calibration_table(found))
        for line in calibration_words(found, settings.faces.threshold):
            say(line)


def _look_again(settings: "Config", gallery: "Gallery") -> str:
    """Take in what the workers have seen since, and put strangers together. By which model: the one in use."""
    from shared_utils.gallery.clusters import cluster_strangers
    from shared_utils.gallery.index import refresh
    from vedette.faces.present import model_in_use

    change = refresh(gallery.database, gallery.video)
    for path in change.unreadable:
        hint(f"{path} is left out: it is damaged. Analyse its segment again to have it written anew.")
    model = model_in_use(settings, gallery)
    cluster_strangers(gallery.database, model, settings.faces.threshold)
    return model
