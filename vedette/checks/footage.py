"""The invariants of the video folder: what may exist without what. Looks at every file, changes none.

Services may run meanwhile: whatever looks wrong is looked at again before it is told, and what is younger than a
minute is left alone, since a segment is there for a moment before its manifest.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from capture_service.names import BROKEN_SUFFIX
from shared_utils.clock import Clock
from shared_utils.durable import PART_SUFFIX
from shared_utils.errors import SegmentError
from shared_utils.segments import Manifest, VideoDir, parse_segment_id
from vedette.checks.exposure import Exposes, exposes_nothing
from vedette.checks.flaws import Flaw, FlawKind
from vedette.checks.log_lines import ALL_LOGS, SETTLED_SECONDS, LogLines
from vedette.checks.mp4_structure import trouble_in

__all__ = ["Flaw", "FlawKind", "Footage", "FootageReport", "check_footage"]

UNFINISHED_SUFFIXES = {PART_SUFFIX, ".repair"}

Progress = Callable[[int, int], None]  # done, of how many


@dataclass(frozen=True, slots=True)
class FootageReport:
    """How much was looked at, and what is wrong with it."""

    segments: int
    waiting: int
    log_lines: int
    flaws: tuple[Flaw, ...]


def check_footage(video: VideoDir, clock: Clock, progress: Progress = lambda _done, _total: None) -> FootageReport:
    """Look at everything below the video folder. Raises OSError if a folder cannot be listed."""
    footage = Footage(video, clock)
    flaws = list(footage.look(progress))
    lines = 0
    for name in ALL_LOGS:
        log = LogLines(video.root, name)
        flaws += log.read(clock)
        lines += log.count
    return FootageReport(footage.segments, footage.waiting, lines, tuple(flaws))


@dataclass(slots=True)
class Footage:
    """One walk through segments and outbox. Files are held by name for one folder at a time."""

    video: VideoDir
    clock: Clock
    on_manifest: Callable[[Manifest], None] = lambda _: None  # each that lies beside its segment, both being sound
    exposes: Exposes = exposes_nothing
    segments: int = field(default=0, init=False)
    waiting: int = field(default=0, init=False)

    def look(self, progress: Progress) -> Iterator[Flaw]:
        """What is wrong with the files. Raises OSError if a folder cannot be listed."""
        total = sum(1 for top in (self.video.segments, self.video.outbox) for _ in _files_below(top))
        done = 0
        for top in (self.video.segments, self.video.outbox):
            for path in _files_below(top):
                self.segments += path.suffix == ".mp4"
                self.waiting += path.suffix == ".json" and top == self.video.outbox
                yield from self._file_flaws(path)
                done += 1
                progress(done, total)
        progress(total, total)

    def flaws_now(self, path: Path) -> list[Flaw]:
        """What is wrong with one file at this moment, however young it is."""
        return list(self._flaws_now(path))

    def _file_flaws(self, path: Path) -> Iterator[Flaw]:
        """What is wrong with one file, unless it is new or has gone meanwhile (queued, or deleted by retention)."""
        found = self.flaws_now(path)
        if found and _settled(path, self.clock) and (again := self.flaws_now(path)):
            yield from (flaw for flaw in again if path.exists())

    def _flaws_now(self, path: Path) -> Iterator[Flaw]:
        if path.suffix in UNFINISHED_SUFFIXES:
            yield Flaw(FlawKind.HALF_WRITTEN, path)
        elif path.suffix == BROKEN_SUFFIX:
            yield Flaw(FlawKind.BROKEN, path)
        elif path.suffix == ".json":
            yield from self._manifest_flaws(path)
        elif path.suffix == ".mp4" and self._is_segment(path):
            video = self.video
            if not video.manifest(path.stem).exists() and not video.waiting_manifest(path.stem).exists():
                yield Flaw(FlawKind.NO_MANIFEST, path)
        else:
            yield Flaw(FlawKind.UNKNOWN_FILE, path)

    def _is_segment(self, path: Path) -> bool:
        try:
            return self.video.segment(path.stem) == path
        except SegmentError:
            return False

    def _manifest_flaws(self, path: Path) -> Iterator[Flaw]:
        try:
            data = path.read_bytes()
            manifest = Manifest.model_validate_json(data)
        except OSError as error:
            if path.exists():  # a disk or rights that fail, and not what stands in it: nothing to be moved away
                yield Flaw(FlawKind.NOT_PLAYABLE, path, f"it cannot be read: {error.strerror}")
            return
        except ValidationError as error:
            yield Flaw(FlawKind.BAD_MANIFEST, path, str(error).partition("\n")[0])
            return
        if self.exposes(data):
            yield Flaw(FlawKind.SECRET_SHOWN, path)
        yield from self._place_flaws(path, manifest)

    def _place_flaws(self, path: Path, manifest: Manifest) -> Iterator[Flaw]:
        video, segment = self.video, manifest.segment_id
        waits = path.parent == video.outbox
        right = video.waiting_manifest(segment) if waits else video.manifest(segment)
        if path != right or manifest.camera != parse_segment_id(segment)[0]:
            yield Flaw(FlawKind.WRONG_PLACE, path, f"it says segment {segment} of camera {manifest.camera}")
            return
        if waits and video.manifest(segment).exists():
            yield Flaw(FlawKind.QUEUED_AND_WAITING, path)
        flaws = list(self._segment_flaws(path, manifest))
        yield from flaws
        if not waits and not any(flaw.kind in {FlawKind.WRONG_PLACE, FlawKind.NO_SEGMENT} for flaw in flaws):
            self.on_manifest(manifest)

    def _segment_flaws(self, path: Path, manifest: Manifest) -> Iterator[Flaw]:
        try:
            segment = self.video.resolve(manifest.filename)
            size_bytes = segment.stat().st_size
            trouble = trouble_in(segment)
        except SegmentError as error:
            yield Flaw(FlawKind.WRONG_PLACE, path, str(error))
        except OSError as error:
            # EIO and the like are told as what they are, not as a segment that somebody deleted
            gone = isinstance(error, FileNotFoundError)
            kind = FlawKind.NO_SEGMENT if gone else FlawKind.NOT_PLAYABLE
            yield Flaw(kind, path, manifest.filename if gone else f"it cannot be read: {error.strerror}")
        else:
            if size_bytes != manifest.size_bytes:
                yield Flaw(FlawKind.WRONG_SIZE, segment, f"{size_bytes} bytes, {manifest.size_bytes} in the manifest")
            elif trouble:
                yield Flaw(FlawKind.NOT_PLAYABLE, segment, trouble)


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file but hidden ones: those are locks, or left by the system's file browser.

    One folder is listed at a time. Links to folders are not followed. What vanishes meanwhile is left out.
    """
    try:
        with os.scandir(folder) as entries:
            listed = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    except FileNotFoundError:
        return
    for name, is_folder in listed:
        if is_folder:
            yield from _files_below(folder / name)
        elif not name.startswith("."):
            yield folder / name


def _settled(path: Path, clock: Clock) -> bool:
    """Whether nobody writes this segment any more: of its files, the video alone shows that somebody does."""
    segment = path.name.partition(".")[0]
    try:
        newest = max(one.stat().st_mtime for one in path.parent.iterdir() if one.name.startswith(f"{segment}."))
    except (OSError, ValueError):
        return False
    return clock.now().timestamp() - newest > SETTLED_SECONDS
