"""Names in past lines of the faces log: set, changed, or taken out, under the log's own lock.

Each file is written anew beside the old one and takes its place by a rename. Killed in between, a month has the old
names or the new ones, and doing it again brings the rest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from shared_utils.clock import Clock
from shared_utils.durable import write_parts_durably
from shared_utils.log_files import parse_line
from shared_utils.logs import FACES_LOG, JsonlLog, LogUnavailableError, to_bytes
from shared_utils.segments import VideoDir

_FACES = "faces"


@dataclass(frozen=True, slots=True)
class LoggedTrack:
    """One person's track in one line of the faces log."""

    segment_id: str
    model: str
    track_id: int
    name: str
    identity_id: str | None
    similarity: float | None

    def called(self, name: str, identity_id: str | None) -> "LoggedTrack":
        """The same track under another name."""
        return replace(self, name=name, identity_id=identity_id)


Renaming = Callable[[LoggedTrack], LoggedTrack]  # the same track for those that stay as they are


@dataclass(frozen=True, slots=True)
class LogChange:
    """How much was changed."""

    lines: int = 0
    tracks: int = 0


def logged_tracks(video: VideoDir, clock: Clock) -> Iterator[LoggedTrack]:
    """Every track of every line, the oldest month first. Raises StorageError."""
    for line in JsonlLog(video.root, FACES_LOG, clock).lines():
        for entry in _entries(line):
            yield _track(line, entry)


def rename_in_log(video: VideoDir, clock: Clock, renaming: Renaming) -> LogChange:
    """Give tracks the names that `renaming` says; every other line stays byte for byte. Raises StorageError."""
    log = JsonlLog(video.root, FACES_LOG, clock)
    if not log.files.current.exists() and not log.files.past():
        return LogChange()  # and no empty lock file in a folder that has no log yet
    with log.locked():
        changes = [_rename_in_file(path, handle, renaming) for path, handle in log.files.open_all()]
    return LogChange(sum(change.lines for change in changes), sum(change.tracks for change in changes))


def _rename_in_file(path: Path, handle: BinaryIO, renaming: Renaming) -> LogChange:
    changed: dict[int, bytes] = {}
    tracks = 0
    for number, raw in enumerate(handle):
        line = parse_line(raw) if b'"track_id"' in raw else None  # lines without a face need no parsing
        count = _rename_in_line(line, renaming) if line is not None else 0
        if line is not None and count:
            changed[number] = to_bytes(line)
            tracks += count
    if changed:
        handle.seek(0)
        try:
            write_parts_durably(path, (changed.get(number, raw) for number, raw in enumerate(handle)))
        except OSError as error:
            raise LogUnavailableError(path, error) from error
    return LogChange(len(changed), tracks)


def _rename_in_line(line: dict[str, Any], renaming: Renaming) -> int:
    count = 0
    for entry in _entries(line):
        before = _track(line, entry)
        after = renaming(before)
        if after != before:
            entry.update(name=after.name, identity_id=after.identity_id, similarity=after.similarity)
            count += 1
    if count:
        line["detected"] = sorted({str(entry["name"]) for entry in _entries(line)})
    return count


def _entries(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The faces of a line, leaving out what is none: a log may hold what somebody wrote by hand."""
    found = line.get(_FACES)
    if not isinstance(found, list) or "segment_id" not in line or "model" not in line:
        return []
    return [entry for entry in found if isinstance(entry, dict) and "track_id" in entry and "name" in entry]


def _track(line: Mapping[str, Any], entry: Mapping[str, Any]) -> LoggedTrack:
    similarity, identity_id = entry.get("similarity"), entry.get("identity_id")
    number = entry["track_id"]
    return LoggedTrack(
        segment_id=str(line["segment_id"]),
        model=str(line["model"]),
        track_id=number if isinstance(number, int) else -1,
        name=str(entry["name"]),
        identity_id=None if identity_id is None else str(identity_id),
        similarity=float(similarity) if isinstance(similarity, int | float) else None,
    )
