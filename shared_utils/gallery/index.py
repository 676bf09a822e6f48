"""The index of appearances: what the sidecars below `video/faces` say, read once each, kept in `gallery.db`.

It is derived from the sidecars, all but the numbers of the clusters. A sidecar that is gone, because retention deleted
its segment, takes its appearances out of the index: what people look like does not outlive the footage.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared_utils.clock import from_iso, to_iso
from shared_utils.embedding_models import pack_of
from shared_utils.errors import StorageError
from shared_utils.folder_mark import read_mark
from shared_utils.gallery.appearances import (
    Appearance,
    appearances_folder,
    appearances_path,
    read_appearances,
    write_appearances,
)
from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.errors import GalleryUseError, UnreadableArraysError
from shared_utils.gallery.records import IndexedAppearance, TrackKey, from_blob, to_blob
from shared_utils.gallery.rows import know_model
from shared_utils.gallery.snapshot import Embeddings
from shared_utils.segments import APPEARANCES_SUFFIX, VideoDir

_APPEARANCES = (
    "select segment_id, model, track_id, path, camera, started_at, first_t, last_t, quality, cluster, vector"
    " from appearances"
)
_FILES_AT_ONCE = 200  # in one transaction: others wait for it


@dataclass(frozen=True, slots=True)
class IndexChange:
    """What a refresh has found."""

    read: int = 0  # sidecars
    gone: int = 0
    unreadable: tuple[str, ...] = ()  # now found; relative to video/faces


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    modified_ns: int
    size_bytes: int


def refresh(database: GalleryDatabase, video: VideoDir) -> IndexChange:
    """Read the sidecars that are new or were replaced, and forget those that are gone.

    A damaged or foreign file is noted and left alone; it is looked at again when it has changed. Safe while workers
    write and retention deletes. Raises StorageError if the video folder is not there.
    """
    folder = appearances_folder(video)
    with database.reading() as connection:
        rows = connection.execute("select path, modified_ns, size_bytes from sidecars").fetchall()
    known = {str(path): _File(str(path), modified, size) for path, modified, size in rows}
    if known and not folder.is_dir() and read_mark(video.root) is None:
        raise StorageError(
            f"The faces of strangers cannot be looked through: {folder} is not there. Mount the video folder "
            f"{video.root}."
        )
    there = {file.path: file for file in _files(folder)}
    changed = [file for path, file in there.items() if known.get(path) != file]
    gone = sorted(known.keys() - there.keys())
    faults: list[str] = []
    for at in range(0, len(changed), _FILES_AT_ONCE):
        faults += _take(database, folder, changed[at : at + _FILES_AT_ONCE])
    if gone:
        _forget(database, gone)
    return IndexChange(len(changed) - len(faults), len(gone), tuple(faults))


def _files(folder: Path) -> Iterator[_File]:
    """`<camera>/<day>/<name>.npz`, whatever else lies there."""
    for path in folder.glob(f"*/*/*{APPEARANCES_SUFFIX}"):
        try:
            status = path.stat()
        except OSError:
            continue  # retention was faster
        yield _File(path.relative_to(folder).as_posix(), status.st_mtime_ns, status.st_size)


def _take(database: GalleryDatabase, folder: Path, files: list[_File]) -> list[str]:
    """Read first, write after: the gallery is not held while files are read."""
    read = [(file, *_read(folder, file)) for file in files]
    with database.change() as connection:
        return [
            file.path for file, appearances, fault in read if _put(connection, file, appearances, fault) is not None
        ]


def _read(folder: Path, file: _File) -> tuple[list[Appearance], str | None]:
    try:
        found = read_appearances(folder / file.path)
    except (UnreadableArraysError, OSError) as error:
        return [], str(error)
    name = os.path.basename(file.path)  # noqa: PTH119
    if any(name != f"{one.segment_id}.{pack_of(one.model)}{APPEARANCES_SUFFIX}" for one in found):
        return [], "it tells of another segment than its name"
    return found, None


def _put(connection: sqlite3.Connection, file: _File, appearances: list[Appearance], fault: str | None) -> str | None:
    """What is wrong with the file, if anything is."""
    try:
        for one in appearances:
            know_model(connection, one.model, len(one.embedding))
    except GalleryUseError as error:
        appearances, fault = [], str(error)
    connection.execute(
        "insert into sidecars (path, modified_ns, size_bytes, fault) values (?, ?, ?, ?) on conflict (path) do update"
        " set modified_ns = excluded.modified_ns, size_bytes = excluded.size_bytes, fault = excluded.fault",
        [file.path, file.modified_ns, file.size_bytes, fault],
    )
    there = {(one.model, one.track_id) for one in appearances}
    kept = connection.execute("select model, track_id from appearances where path = ?", [file.path]).fetchall()
    for model, track in set(kept) - there:
        connection.execute(
            "delete from appearances where path = ? and model = ? and track_id = ?", [file.path, model, track]
        )
    for one in appearances:
        _put_appearance(connection, file.path, one)
    return fault


def _put_appearance(connection: sqlite3.Connection, path: str, one: Appearance) -> None:
    """The same face again keeps its cluster: a worker that was killed does its segment twice."""
    connection.execute(
        "insert into appearances (path, segment_id, model, track_id, camera, started_at, first_t, last_t, quality,"
        " vector, name, identity_id) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " on conflict (segment_id, model, track_id) do update set path = excluded.path, quality = excluded.quality,"
        " first_t = excluded.first_t, last_t = excluded.last_t, name = excluded.name,"
        " identity_id = excluded.identity_id, vector = excluded.vector,"
        " cluster = case when vector = excluded.vector then cluster end",
        [
            path,
            one.segment_id,
            one.model,
            one.track_id,
            one.camera,
            to_iso(one.started_at),
            one.first_t,
            one.last_t,
            min(1.0, max(0.0, one.quality)),
            to_blob(one.embedding),
            one.name,
            one.identity_id,
        ],
    )


def _forget(database: GalleryDatabase, paths: list[str]) -> None:
    with database.change() as connection:
        connection.executemany("delete from sidecars where path = ?", [[path] for path in paths])
        drop_empty_clusters(connection)


def forget_tracks(database: GalleryDatabase, video: VideoDir, tracks: Iterable[TrackKey]) -> None:
    """Delete what was learned from tracks: from their sidecars, and from the index. Raises StorageError."""
    wanted = set(tracks)
    folder = appearances_folder(video)
    for segment, pack in sorted({(one.segment_id, one.model) for one in wanted}):
        path = appearances_path(video, segment, pack)
        try:
            kept = [one for one in read_appearances(path) if TrackKey(segment, pack, one.track_id) not in wanted]
            write_appearances(video, segment, pack, kept)
        except FileNotFoundError:
            continue
        except UnreadableArraysError:
            path.unlink(missing_ok=True)  # whose faces are in it cannot be told, and one of them is to be forgotten
        except OSError as error:
            raise StorageError(f"The faces in {path} cannot be forgotten: {error}. Check {folder}.") from error
    with database.change() as connection:
        connection.executemany(
            "delete from appearances where segment_id = ? and pack_of(model) = ? and track_id = ?",
            [[one.segment_id, one.model, one.track_id] for one in wanted],
        )


def drop_empty_clusters(connection: sqlite3.Connection) -> None:
    """Their numbers are not given again."""
    connection.execute(
        "delete from clusters where number not in (select cluster from appearances where cluster not null)"
    )


def appearances_in(
    connection: sqlite3.Connection, where: str, values: Sequence[str | int], *, most: int = -1
) -> tuple[list[IndexedAppearance], Embeddings]:
    """The appearances of one model that a condition selects, the oldest first, and their vectors (n, d)."""
    rows = connection.execute(
        f"{_APPEARANCES} where {where} order by started_at, segment_id, track_id limit ?", [*values, most]
    ).fetchall()
    found = [
        IndexedAppearance(
            TrackKey(segment, pack_of(model), track),
            model,
            path,
            camera,
            from_iso(started_at),
            first_t,
            last_t,
            quality,
            cluster,
        )
        for segment, model, track, path, camera, started_at, first_t, last_t, quality, cluster, _ in rows
    ]
    vectors = [from_blob(row[-1]) for row in rows]
    return found, np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)
