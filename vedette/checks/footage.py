"""The invariants of the video folder: what may exist without what. Looks at every file, changes none.

Services may run meanwhile: whatever looks wrong is looked at again before it is told, and what is younger than a
minute is left alone, since a segment is there for a moment before its manifest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from capture_service.names import BROKEN_SUFFIX
from shared_utils.clock import Clock
from shared_utils.durable import PART_SUFFIX
from shared_utils.errors import SegmentError
from shared_utils.log_files import LogFiles, parse_line
from shared_utils.logs import DETECTIONS_LOG, FACES_LOG, GAPS_LOG, PRIVACY_LOG
from shared_utils.segments import Manifest, VideoDir, parse_segment_id, read_manifest

UNFINISHED_SUFFIXES = {PART_SUFFIX, ".repair"}
SETTLED_SECONDS = 60.0  # older than this, nobody is still writing it
RESULT_LOGS = (DETECTIONS_LOG, FACES_LOG, PRIVACY_LOG)

Progress = Callable[[int, int], None]  # done, of how many


class FlawKind(StrEnum):
    """What is wrong; a repair decides by this."""

    NO_MANIFEST = "a segment without a manifest"
    NO_SEGMENT = "a manifest without its segment"
    QUEUED_AND_WAITING = "a manifest both in the outbox and beside its segment"
    BAD_MANIFEST = "an unreadable manifest"
    WRONG_PLACE = "a manifest that does not belong where it lies"
    WRONG_SIZE = "a segment whose size is not the one in its manifest"
    UNKNOWN_FILE = "a file that is not ours"
    HALF_WRITTEN = "a file that was never finished"
    BROKEN = "a file that could not be salvaged"
    BAD_LINE = "an unreadable line in a log"
    TWICE_LOGGED = "a segment with two lines by one model"


HARMLESS = {FlawKind.UNKNOWN_FILE, FlawKind.HALF_WRITTEN, FlawKind.BROKEN, FlawKind.BAD_LINE}
FIXES = {
    FlawKind.NO_MANIFEST: "It plays, but is not analysed. Restart the capture service, which adopts it.",
    FlawKind.NO_SEGMENT: "The segment was deleted by hand. Delete the manifest too.",
    FlawKind.QUEUED_AND_WAITING: "Restart the capture service, which sends the outbox again; nothing is queued twice.",
    FlawKind.BAD_MANIFEST: "Move it away and restart the capture service, which writes a new one.",
    FlawKind.WRONG_PLACE: "Somebody moved or renamed files: move them back.",
    FlawKind.WRONG_SIZE: "The segment was changed or cut off after it was recorded; check the disk.",
    FlawKind.UNKNOWN_FILE: "Vedette leaves it alone. Move it elsewhere if it is not wanted.",
    FlawKind.HALF_WRITTEN: "The capture service salvages it at its next start.",
    FlawKind.BROKEN: "It is kept for you to look at; delete it if nothing in it can be played.",
    FlawKind.BAD_LINE: "A power cut tears a line, and its result is written again. Readers skip it.",
    FlawKind.TWICE_LOGGED: "Readers count it twice; delete one of the two lines.",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """One broken invariant, with the file it shows in."""

    kind: FlawKind
    path: Path
    detail: str = ""

    @property
    def harmless(self) -> bool:
        return self.kind in HARMLESS

    @property
    def fix(self) -> str:
        return FIXES[self.kind]


@dataclass(frozen=True, slots=True)
class FootageReport:
    """How much was looked at, and what is wrong with it."""

    segments: int
    waiting: int
    log_lines: int
    flaws: tuple[Flaw, ...]


def check_footage(video: VideoDir, clock: Clock, progress: Progress = lambda _done, _total: None) -> FootageReport:
    """Look at everything below the video folder. Raises OSError if a folder cannot be listed."""
    files, outbox = _files_in(video.segments), _files_in(video.outbox)
    total = len(files) + len(outbox)
    flaws: list[Flaw] = []
    for done, path in enumerate((*files, *outbox), start=1):
        flaws += _file_flaws(video, path, clock)
        progress(done, total)
    lines = 0
    for name in (*RESULT_LOGS, GAPS_LOG):
        seen, found = _log_flaws(video.root, name)
        lines, flaws = lines + seen, [*flaws, *found]
    progress(total, total)
    segments = sum(path.suffix == ".mp4" for path in files)
    return FootageReport(segments, sum(path.suffix == ".json" for path in outbox), lines, tuple(flaws))


def _files_in(folder: Path) -> list[Path]:
    """Every file but hidden ones: those are locks, or left by the system's file browser."""
    return sorted(path for path in folder.glob("**/*") if path.is_file() and not path.name.startswith("."))


def _file_flaws(video: VideoDir, path: Path, clock: Clock) -> Iterator[Flaw]:
    """What is wrong with one file, unless it is new or has gone meanwhile (queued, or deleted by retention)."""
    found = list(_flaws_now(video, path))
    if found and _settled(path, clock) and (again := list(_flaws_now(video, path))):
        yield from (flaw for flaw in again if path.exists())


def _settled(path: Path, clock: Clock) -> bool:
    """Whether nobody writes this segment any more: of its files, the video alone shows that somebody does."""
    segment = path.name.partition(".")[0]
    try:
        newest = max(one.stat().st_mtime for one in path.parent.iterdir() if one.name.startswith(f"{segment}."))
    except (OSError, ValueError):
        return False
    return clock.now().timestamp() - newest > SETTLED_SECONDS


def _flaws_now(video: VideoDir, path: Path) -> Iterator[Flaw]:
    if path.suffix in UNFINISHED_SUFFIXES:
        yield Flaw(FlawKind.HALF_WRITTEN, path)
    elif path.suffix == BROKEN_SUFFIX:
        yield Flaw(FlawKind.BROKEN, path)
    elif path.suffix == ".json":
        yield from _manifest_flaws(video, path)
    elif path.suffix == ".mp4" and _is_segment(video, path):
        if not video.manifest(path.stem).exists() and not video.waiting_manifest(path.stem).exists():
            yield Flaw(FlawKind.NO_MANIFEST, path)
    else:
        yield Flaw(FlawKind.UNKNOWN_FILE, path)


def _is_segment(video: VideoDir, path: Path) -> bool:
    try:
        return video.segment(path.stem) == path
    except SegmentError:
        return False


def _manifest_flaws(video: VideoDir, path: Path) -> Iterator[Flaw]:
    try:
        manifest = read_manifest(path)
    except SegmentError as error:
        if path.exists():
            yield Flaw(FlawKind.BAD_MANIFEST, path, str(error.__cause__).partition("\n")[0])
        return
    waits = path.parent == video.outbox
    camera, _ = parse_segment_id(manifest.segment_id)
    right = video.waiting_manifest(manifest.segment_id) if waits else video.manifest(manifest.segment_id)
    if path != right or manifest.camera != camera:
        yield Flaw(FlawKind.WRONG_PLACE, path, f"it says segment {manifest.segment_id} of camera {manifest.camera}")
        return
    if waits and video.manifest(manifest.segment_id).exists():
        yield Flaw(FlawKind.QUEUED_AND_WAITING, path)
    yield from _segment_flaws(video, path, manifest)


def _segment_flaws(video: VideoDir, path: Path, manifest: Manifest) -> Iterator[Flaw]:
    try:
        segment = video.resolve(manifest.filename)
        size_bytes = segment.stat().st_size
    except SegmentError as error:
        yield Flaw(FlawKind.WRONG_PLACE, path, str(error))
    except OSError:
        yield Flaw(FlawKind.NO_SEGMENT, path, manifest.filename)
    else:
        if size_bytes != manifest.size_bytes:
            yield Flaw(FlawKind.WRONG_SIZE, segment, f"{size_bytes} bytes, {manifest.size_bytes} in the manifest")


def _log_flaws(folder: Path, name: str) -> tuple[int, list[Flaw]]:
    """How many lines a log has, all months together, and what is wrong with them."""
    first: dict[tuple[str, str], str] = {}
    flaws: list[Flaw] = []
    count = 0
    for path, handle in LogFiles(folder, name).open_all():
        for number, raw in enumerate(handle, start=1):
            if not raw.endswith(b"\n"):
                break  # being written, or torn by a power cut: the next writer ends it
            count += 1
            line = parse_line(raw)
            if line is None:
                flaws.append(Flaw(FlawKind.BAD_LINE, path, f"line {number}"))
            elif name in RESULT_LOGS and (again := _seen_before(line, f"{path.name}:{number}", first)):
                flaws.append(Flaw(FlawKind.TWICE_LOGGED, path, again))
    return count, flaws


def _seen_before(line: dict[str, Any], place: str, first: dict[tuple[str, str], str]) -> str | None:
    """Where else a (segment, model) has its line, whether that went well or failed."""
    if "segment_id" not in line or "model" not in line:
        return None
    key = (str(line["segment_id"]), str(line["model"]))
    if (earlier := first.setdefault(key, place)) != place:
        return f"{place} and {earlier}: segment {key[0]}, model {key[1]}"
    return None
