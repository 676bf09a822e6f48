"""What the gallery has decided about the past, told to log lines and sidecars: names set, changed or taken out.

It is noted in the transaction that decides it, and crossed out once the files say so. Killed in between, the next
command that opens the gallery tells it again; telling it twice changes nothing more.
"""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from shared_utils.clock import to_iso
from shared_utils.durable import write_parts_durably
from shared_utils.folder_mark import read_mark
from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.index import appearances_in, drop_empty_clusters, forget_tracks, refresh
from shared_utils.gallery.records import Renaming, TrackKey
from shared_utils.log_files import parse_line
from shared_utils.logs import FACES_LOG, JsonlLog, to_bytes
from shared_utils.segments import VideoDir

LATE = timedelta(hours=1)  # no worker takes so long for a segment
_SEGMENT = re.compile(rb'"segment_id": ?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Told:
    """How much of the past was changed."""

    lines: int = 0
    tracks: int = 0  # in these lines

    def __add__(self, other: "Told") -> "Told":
        return Told(self.lines + other.lines, self.tracks + other.tracks)


def note(connection: sqlite3.Connection, now: datetime, renamings: Iterable[Renaming]) -> None:
    """What is to be told, in this order, once the transaction is on disk.

    Of a purge what waits from earlier goes without the name, which would stand here for another hour.
    """
    renamings = list(renamings)
    connection.executemany(
        "update renamings set name = ?, identity_id = null where identity_id = ?",
        [[one.name, one.old_identity_id] for one in renamings if one.track is None and one.identity_id is None],
    )
    connection.executemany(
        "insert into renamings (segment_id, model, track_id, old_identity_id, name, identity_id, forget, noted_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            [
                one.track and one.track.segment_id,
                one.track and one.track.model,
                one.track and one.track.track_id,
                one.old_identity_id,
                one.name,
                one.identity_id,
                int(one.forget),
                to_iso(now),
            ]
            for one in renamings
        ],
    )


def tell_past(database: GalleryDatabase, video: VideoDir) -> Told:
    """Tell the faces log and the sidecars what is noted. Raises StorageError; then it stays noted.

    All but what is to be forgotten is told again until an hour has passed: workers that were in the middle of a segment
    may have used the old name after the first time, or had their faces on disk and not yet their line.

    One process at a time: what an older one is still at could end in the log above what a newer one has told.
    """
    with database.reading() as connection:
        if connection.execute("select max(id) from renamings").fetchone()[0] is None:
            return Told()  # who only looks need not wait
    with database.telling():
        return _tell(database, video)


def _tell(database: GalleryDatabase, video: VideoDir) -> Told:
    with database.reading() as connection:
        last = connection.execute("select max(id) from renamings").fetchone()[0]
        noted = _noted(connection) if last is not None else []
    if not noted or (read_mark(video.root) is None and not _log(database, video).files.current.exists()):
        return Told()  # without a mark and a log, the video folder may be a disk that is not mounted
    told = rename_in_log(_log(database, video), noted)
    forget_tracks(database, video, _to_be_forgotten(database, video, noted))
    done_until = to_iso(database.clock.now() - LATE)
    with database.change() as connection:
        connection.execute("delete from renamings where id <= ? and (forget = 1 or noted_at < ?)", [last, done_until])
        drop_empty_clusters(connection)
    return told


def _to_be_forgotten(database: GalleryDatabase, video: VideoDir, noted: Sequence[Renaming]) -> list[TrackKey]:
    """The tracks that are noted, and those that a worker gave to a purged person meanwhile."""
    tracks = [one.track for one in noted if one.track is not None and one.forget]
    purged = [one.old_identity_id for one in noted if one.track is None and one.identity_id is None]
    if purged:
        refresh(database, video)
        with database.reading() as connection:
            for identity in purged:
                found, _ = appearances_in(connection, "identity_id = ?", [str(identity)])
                tracks += [one.track for one in found]
    return tracks


def rename_in_log(log: JsonlLog, renamings: Sequence[Renaming]) -> Told:
    """Rewrite the files of a faces log in which a name changes; all else in them stays byte for byte.

    Under the log's lock, and each file whole or as it was. Raises StorageError.
    """
    rules = _Rules(renamings)
    if not log.files.current.exists() and not log.files.past():
        return Told()  # no empty lock file where there is no log
    told = Told()
    with log.locked():
        for path, handle in log.files.open_all():
            told += _rename_in_file(path, handle, rules)
    return told


def _log(database: GalleryDatabase, video: VideoDir) -> JsonlLog:
    return JsonlLog(video.root, FACES_LOG, database.clock)


def _noted(connection: sqlite3.Connection) -> list[Renaming]:
    rows = connection.execute(
        "select segment_id, model, track_id, old_identity_id, name, identity_id, forget from renamings order by id"
    ).fetchall()
    return [
        Renaming(name, identity, segment and TrackKey(segment, model, track), old, bool(forget))
        for segment, model, track, old, name, identity, forget in rows
    ]


class _Rules:
    """Renamings, found by what a line is about."""

    def __init__(self, renamings: Sequence[Renaming]) -> None:
        self._numbered = list(enumerate(renamings))
        self._of_track: defaultdict[TrackKey, list[tuple[int, Renaming]]] = defaultdict(list)
        self._of_all = [(at, one) for at, one in self._numbered if one.track is None]
        for at, one in self._numbered:
            if one.track is not None:
                self._of_track[one.track].append((at, one))
        self._segments = {track.segment_id.encode() for track in self._of_track}
        self._old = [str(one.old_identity_id).encode() for _, one in self._of_all]

    def may_concern(self, raw: bytes) -> bool:
        """Most lines need no parsing. An identity may come into a line by a rule for one of its tracks."""
        found = _SEGMENT.search(raw)
        return (found is not None and found[1] in self._segments) or any(old in raw for old in self._old)

    def apply(self, line: dict[str, Any]) -> int:
        """Rename the tracks of a line; how many were."""
        changed = sum(self._apply_to(line, entry) for entry in _entries(line))
        if changed:
            line["detected"] = sorted({str(entry["name"]) for entry in _entries(line)})
        return changed

    def _apply_to(self, line: Mapping[str, Any], entry: dict[str, Any]) -> bool:
        before = entry["name"], entry.get("identity_id")
        number = entry["track_id"]
        track = TrackKey(str(line.get("segment_id")), str(line.get("model")), number if isinstance(number, int) else -1)
        for _, rule in sorted(self._of_track.get(track, []) + self._of_all, key=lambda pair: pair[0]):
            if rule.track is not None or entry.get("identity_id") == rule.old_identity_id:
                entry["name"], entry["identity_id"] = rule.name, rule.identity_id
        return before != (entry["name"], entry.get("identity_id"))


def _entries(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tracks of a line; a log may hold what somebody wrote by hand."""
    found = line.get("faces")
    if not isinstance(found, list):
        return []
    return [entry for entry in found if isinstance(entry, dict) and "track_id" in entry and "name" in entry]


def _rename_in_file(path: Path, handle: BinaryIO, rules: _Rules) -> Told:
    changed: dict[int, bytes] = {}
    tracks = 0
    for number, raw in enumerate(handle):
        line = parse_line(raw) if rules.may_concern(raw) else None  # a torn line stays as it is
        count = rules.apply(line) if line is not None else 0
        if line is not None and count:
            changed[number] = to_bytes(line)
            tracks += count
    if changed:
        handle.seek(0)
        write_parts_durably(path, (changed.get(number, raw) for number, raw in enumerate(handle)))
    return Told(len(changed), tracks)
