"""From the database to the file that workers read."""

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.errors import SnapshotNotWrittenError, UnreadableArraysError
from shared_utils.gallery.snapshot import (
    Embeddings,
    GallerySnapshot,
    KnownIdentity,
    ModelVectors,
    Owners,
    read_snapshot,
    snapshot_path,
    write_snapshot,
)
from shared_utils.segments import VideoDir

log = logging.getLogger(__name__)


def publish(database: GalleryDatabase, video: VideoDir) -> None:
    """Write the snapshot unless it is there, whole, and of this version. Raises SnapshotNotWrittenError.

    Under the lock of the gallery: an older snapshot never takes the place of a newer one. A gallery that never had
    anybody in it writes none: its database may have been lost, and the workers need not forget people for that.
    """
    path = snapshot_path(video)
    with database.locked():
        with database.reading() as connection:
            gallery_id, version = connection.execute("select id, version from gallery").fetchone()
            found = _read(path)
            if found is not None and (found.gallery_id, found.version) == (gallery_id, version):
                return
            if version == 0:
                _tell_of_another(path, found)
                return
            snapshot = snapshot_of(connection)
        try:
            write_snapshot(path, snapshot)
        except OSError as error:
            raise SnapshotNotWrittenError(path, error) from error


def _read(path: Path) -> GallerySnapshot | None:
    try:
        return read_snapshot(path)
    except (UnreadableArraysError, OSError):
        return None  # it is written anew


def _tell_of_another(path: Path, found: GallerySnapshot | None) -> None:
    if found is not None and found.identities:
        log.warning(
            "the gallery is empty, but %s has %d people of another one; workers go on naming them until somebody is "
            "enrolled. Put the old gallery.db back, or delete that file to have them forgotten.",
            path,
            len(found.identities),
        )


def snapshot_of(connection: sqlite3.Connection) -> GallerySnapshot:
    """The gallery as one transaction sees it."""
    gallery_id, version = connection.execute("select id, version from gallery").fetchone()
    people = connection.execute("select id, name from identities order by created_at, id").fetchall()
    places = {str(identity): place for place, (identity, _) in enumerate(people)}
    models = connection.execute("select name, size from models order by name").fetchall()
    vectors = {str(name): _vectors_of(connection, str(name), int(size), places) for name, size in models}
    return GallerySnapshot(
        int(version),
        str(gallery_id),
        tuple(KnownIdentity(str(identity), str(name)) for identity, name in people),
        {name: found for name, found in vectors.items() if len(found.embeddings)},
    )


def _vectors_of(connection: sqlite3.Connection, model: str, size: int, places: Mapping[str, int]) -> ModelVectors:
    embeddings = connection.execute("select identity_id, vector from embeddings where model = ? order by id", [model])
    known = _by_place(embeddings.fetchall(), size, places)
    rejections = connection.execute("select identity_id, vector from rejections where model = ? order by id", [model])
    return ModelVectors(*known, *_by_place(rejections.fetchall(), size, places))


def _by_place(rows: Sequence[tuple[str, bytes]], size: int, places: Mapping[str, int]) -> tuple[Embeddings, Owners]:
    """The vectors of one person lie together, in the order of the people."""
    owners = np.array([places[identity] for identity, _ in rows], np.int32)
    order = np.argsort(owners, kind="stable")
    data = b"".join(vector for _, vector in rows)
    vectors = np.frombuffer(data, "<f4").reshape(len(rows), size).astype(np.float32)
    return vectors[order], owners[order]
