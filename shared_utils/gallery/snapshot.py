"""The snapshot of the gallery: all that a worker needs to name a face, in one file below `video/`.

Workers run on any host that sees `video/` and need no database. The file is replaced by a rename, so that a reader has
the old one or the new one, and the version in it says which.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared_utils.gallery.arrays import Array, read_arrays, unit_rows, write_arrays
from shared_utils.gallery.errors import SnapshotUnusableError, UnreadableArraysError
from shared_utils.gallery.nearest import Search, search_in
from shared_utils.segments import VideoDir

log = logging.getLogger(__name__)

SCHEMA = 1
UNKNOWN = "unknown"

Embeddings = NDArray[np.float32]  # n x d, each row of length 1
Owners = NDArray[np.int32]  # n: places in `GallerySnapshot.identities`, ascending


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """A known person, as far as a worker has to know."""

    id: str
    name: str


@dataclass(frozen=True, eq=False)
class ModelVectors:
    """What one model has made of the known people. Vectors of different models are never compared."""

    embeddings: Embeddings
    owners: Owners
    rejected: Embeddings  # "not this person": m x d
    rejected_owners: Owners

    @cached_property
    def search(self) -> Search:
        """Made ready once for each snapshot: of 100,000 vectors it takes a second."""
        return search_in(self.embeddings, self.owners)


@dataclass(frozen=True, slots=True)
class GallerySnapshot:
    """The gallery at one moment. Version 0 is the empty one of a gallery that was never begun."""

    version: int = 0
    gallery_id: str = ""
    identities: tuple[KnownIdentity, ...] = ()
    models: Mapping[str, ModelVectors] = field(default_factory=dict)


def snapshot_path(video: VideoDir) -> Path:
    """`video/gallery/snapshot.npz`."""
    return video.root / "gallery" / "snapshot.npz"


def write_snapshot(path: Path, snapshot: GallerySnapshot) -> None:
    """Whole and on disk when this returns; a reader sees the old file or this one. Raises OSError."""
    header = {
        "schema": SCHEMA,
        "version": snapshot.version,
        "gallery_id": snapshot.gallery_id,
        "identities": [{"id": one.id, "name": one.name} for one in snapshot.identities],
        "models": list(snapshot.models),
    }
    arrays: dict[str, Array] = {}
    for number, vectors in enumerate(snapshot.models.values()):
        arrays[f"embeddings_{number}"] = np.ascontiguousarray(vectors.embeddings, np.float32)
        arrays[f"owners_{number}"] = vectors.owners.astype(np.int32)
        arrays[f"rejected_{number}"] = np.ascontiguousarray(vectors.rejected, np.float32)
        arrays[f"rejected_owners_{number}"] = vectors.rejected_owners.astype(np.int32)
    write_arrays(path, header, arrays)


def read_snapshot(path: Path) -> GallerySnapshot:
    """The snapshot; an absent file is the empty gallery.

    Raises UnreadableArraysError if it is damaged or of a newer version, OSError if it cannot be read.
    """
    try:
        header, arrays = read_arrays(path)
    except FileNotFoundError:
        return GallerySnapshot()
    if header.get("schema") != SCHEMA:
        reason = f"it has the schema {header.get('schema')!r}, this Vedette knows {SCHEMA}; update the older of the two"
        raise UnreadableArraysError(path, reason)
    try:
        return _from_parts(header, arrays)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableArraysError(path, f"it is no snapshot of a gallery ({error!r})") from error


def _from_parts(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> GallerySnapshot:
    identities = tuple(KnownIdentity(str(one["id"]), str(one["name"])) for one in header["identities"])
    models = {
        str(model): _model_vectors(arrays, number, len(identities)) for number, model in enumerate(header["models"])
    }
    return GallerySnapshot(int(header["version"]), str(header["gallery_id"]), identities, models)


def _model_vectors(arrays: Mapping[str, Array], number: int, identities: int) -> ModelVectors:
    embeddings = unit_rows(arrays[f"embeddings_{number}"])
    rejected = unit_rows(arrays[f"rejected_{number}"])
    if embeddings.shape[1] != rejected.shape[1]:
        raise ValueError("its vectors differ in length")
    return ModelVectors(
        embeddings,
        _owners(arrays[f"owners_{number}"], len(embeddings), identities),
        rejected,
        _owners(arrays[f"rejected_owners_{number}"], len(rejected), identities),
    )


def _owners(array: Array, rows: int, identities: int) -> Owners:
    if array.shape != (rows,) or array.dtype != np.int32:
        raise ValueError(f"expected {rows} owners, found {array.dtype} of shape {array.shape}")
    if rows and not (array[0] >= 0 and array[-1] < identities and bool(np.all(np.diff(array) >= 0))):
        raise ValueError("an embedding belongs to nobody")
    return array


_Stamp = tuple[int, int, int]  # modification time in ns, size, inode


class WatchedSnapshot:
    """The newest snapshot, read again when its file has changed. Safe to use from several threads."""

    def __init__(self, video: VideoDir) -> None:
        self._path = snapshot_path(video)
        self._lock = Lock()
        self._stamp: _Stamp | None = None
        self._known: GallerySnapshot | None = None

    def current(self) -> GallerySnapshot:
        """The same object as before while the file is the same.

        A file that is damaged does not take the gallery away from a running worker: the last good one is kept, with a
        warning. Raises SnapshotUnusableError where there is none: the task waits until the file is written again.
        """
        with self._lock:
            stamp = self._stamp_now()
            if self._known is None or stamp != self._stamp:
                self._known, self._stamp = self._read(), stamp
            return self._known

    def _read(self) -> GallerySnapshot:
        try:
            found = read_snapshot(self._path)
        except (UnreadableArraysError, OSError) as error:
            if self._known is None:
                raise SnapshotUnusableError(self._path, error) from error
            log.warning(
                "the gallery stays at version %d, because its new snapshot fails: %s", self._known.version, error
            )
            return self._known
        log.info("the gallery has version %d with %d people", found.version, len(found.identities))
        return found

    def _stamp_now(self) -> _Stamp | None:
        try:
            status = self._path.stat()
        except OSError:
            return None  # what is the matter with it is found by reading it
        return status.st_mtime_ns, status.st_size, status.st_ino
