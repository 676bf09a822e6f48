"""`vedette watch`: see what Vedette sees."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vedette.commands.faces_parts import hint, say
from vedette.options import ConfigFile, VideoFolder, errors_as_exit_codes, stderr

if TYPE_CHECKING:
    from shared_utils.config import Config
    from vedette.watch.sources import Source
    from vedette.watch.watching import Watched

What = Annotated[str, typer.Argument(metavar="CAMERA|FILE", help="A camera of vedette.yml, or a video file.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="The video written (MP4).", show_default="watch-NAME.mp4"),
]
Show = Annotated[bool, typer.Option("--show", help="Show it in a window (ffplay, mpv or vlc) and write no file.")]
Seconds = Annotated[float, typer.Option(min=1, max=3600, help="How long a camera is watched.")]
Looks = Annotated[float, typer.Option("--looks", min=1, max=30, help="How often a second objects and faces are found.")]


def watch(
    what: What,
    out: Out = None,
    *,
    show: Show = False,
    seconds: Seconds = 30.0,
    looks: Looks = 5.0,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Write a video of a camera or a file with boxes, track ids and names drawn in, and the frames per second.

    Objects and faces are found with the weights that the configuration names, and faces are named by the gallery.
    Nothing is logged or recorded. Of a camera with privacy: blur nothing is shown.

    For example:

        vedette watch front-door --seconds 20

        vedette watch video/segments/yard/2026-11-20/yard-20261120T101500123Z.mp4 --out yard.mp4

        vedette watch holiday.mp4 --show
    """
    with errors_as_exit_codes():
        from shared_utils.clock import SystemClock
        from shared_utils.config import load_config
        from vedette.watch.sights import sight_of
        from vedette.watch.sinks import PlayerClosedError, mp4_file, player_window
        from vedette.watch.watching import watch as watch_source

        settings, clock = load_config(config, video_dir=video_dir, cameras_required=False), SystemClock()
        place = out or Path(f"watch-{Path(what).stem}.mp4")
        if not show:
            _require_another(place, Path(what))
        with _opened(what, settings, seconds) as source:
            sight = sight_of(settings, looks, hint)
            try:
                with player_window() if show else mp4_file(place) as sink, _progress(source) as told:
                    done = watch_source(source, sight, sink, looks, clock=clock, told=told)
            except PlayerClosedError:
                return
        _report(done, None if show else place)


def _require_another(place: Path, watched: Path) -> None:
    from shared_utils.errors import WrongUseError

    if place.exists() and watched.exists() and place.samefile(watched):
        raise WrongUseError(f"{place} is what is watched, and would be lost: name another file with --out.")


def _opened(what: str, settings: "Config", seconds: float) -> "AbstractContextManager[Source]":
    """A camera of that name, else a file."""
    from shared_utils.clock import SystemClock
    from vedette.watch.private import require_open
    from vedette.watch.sources import opened_camera, opened_file

    camera = settings.cameras.get(what)
    require_open(settings, what)
    if camera is not None:
        return opened_camera(what, camera, seconds, SystemClock())
    return opened_file(Path(what))


@contextmanager
def _progress(source: "Source") -> Iterator["_Told"]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as bar:
        yield _Told(bar, source.name, source.seconds)


class _Told:
    """Moves a bar."""

    def __init__(self, bar: Progress, name: str, total: float | None) -> None:
        self._bar, self._task = bar, bar.add_task(f"Watching {name}", total=total)

    def __call__(self, t: float) -> None:
        self._bar.update(self._task, completed=t)


def _report(done: "Watched", place: Path | None) -> None:
    who = ", ".join(done.names) or "nobody who is known"
    strangers = {0: "", 1: " and 1 stranger"}.get(done.strangers, f" and {done.strangers} strangers")
    say(f"{done.seconds:.1f} s, {done.frames} frames at {done.fps:.1f} fps: {who}{strangers}.")
    say(f"Objects: {', '.join(done.objects) or 'none'}")
    if place is not None:
        say(f"The video is {place}")
