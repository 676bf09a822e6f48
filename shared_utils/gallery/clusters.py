"""Strangers who return: appearances without a name are put together where they are of one person.

A new appearance joins the cluster whose centre is nearest, if it is near enough; what is left is clustered among
itself, by average linkage. So a cluster keeps its number and its members, whatever comes later.
"""

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared_utils.clock import Clock, from_iso, to_iso
from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.errors import GalleryUseError
from shared_utils.gallery.index import appearances_in, drop_empty_clusters
from shared_utils.gallery.records import Cluster, IndexedAppearance, from_blob
from shared_utils.gallery.snapshot import UNKNOWN, Embeddings

_MOST_AT_ONCE = 2_000  # appearances that are compared each with each: 16 MB of distances, and half a second
_NAMELESS = "model = ? and name = ? and identity_id is null and cluster is null"
_CLUSTERS = (
    "select number, clusters.model, clusters.identity_id, count(*), count(distinct segment_id), min(started_at),"
    " max(started_at) from clusters join appearances on cluster = number where"
)


def cluster_strangers(database: GalleryDatabase, model: str, threshold: float) -> int:
    """Give every nameless appearance of a model its cluster; how many had none. Needs SciPy.

    `threshold`: the least similarity with the centre of a cluster, or of new appearances with each other on average.
    """
    done = 0
    while True:
        with database.change() as connection:
            new, vectors = appearances_in(connection, _NAMELESS, [model, UNKNOWN], most=_MOST_AT_ONCE)
            if new:
                _assign(connection, database.clock, new, vectors, threshold)
            else:
                drop_empty_clusters(connection)
                return done
        done += len(new)


def unknown_clusters(database: GalleryDatabase, model: str) -> list[Cluster]:
    """Those that nobody has named, the most often seen first."""
    with database.reading() as connection:
        rows = connection.execute(
            f"{_CLUSTERS} clusters.model = ? and clusters.identity_id is null"
            " group by number order by count(*) desc, number",
            [model],
        ).fetchall()
    return [_cluster(row) for row in rows]


def members(database: GalleryDatabase, number: int) -> list[IndexedAppearance]:
    """The appearances of a cluster, the best first. Raises GalleryUseError if there is none of that number."""
    with database.reading() as connection:
        find_cluster(connection, number)
        found, _ = appearances_in(connection, "cluster = ?", [number])
    return sorted(found, key=lambda one: -one.quality)


def find_cluster(connection: sqlite3.Connection, number: int) -> Cluster:
    """Raises GalleryUseError if there is none of that number."""
    row = connection.execute(f"{_CLUSTERS} number = ? group by number", [number]).fetchone()
    if row is None:
        raise GalleryUseError(
            f"No cluster of strangers has the number {number}. 'vedette faces unknown' shows those that there are; "
            "one goes when the footage that it is from is deleted."
        )
    return _cluster(row)


def _cluster(row: tuple[int, str, str | None, int, int, str, str]) -> Cluster:
    number, model, identity, appearances, segments, first, last = row
    return Cluster(number, model, identity, appearances, segments, from_iso(first), from_iso(last))


def _assign(
    connection: sqlite3.Connection,
    clock: Clock,
    new: Sequence[IndexedAppearance],
    vectors: Embeddings,
    threshold: float,
) -> None:
    model = new[0].model
    numbers, centres = _centres(connection, model)
    joined = _nearest(vectors, centres, threshold)
    rest = np.flatnonzero(joined < 0)
    groups = linked(vectors[rest], threshold)
    made: dict[int, int] = {}
    for place, one in enumerate(new):
        if joined[place] >= 0:
            number = numbers[joined[place]]
        else:
            group = int(groups[np.searchsorted(rest, place)])
            number = made.get(group) or _new_cluster(connection, clock, model)
            made[group] = number
        connection.execute(
            "update appearances set cluster = ? where segment_id = ? and model = ? and track_id = ?",
            [number, one.track.segment_id, one.model, one.track.track_id],
        )


def _new_cluster(connection: sqlite3.Connection, clock: Clock, model: str) -> int:
    made = connection.execute(
        "insert into clusters (model, created_at) values (?, ?) returning number", [model, to_iso(clock.now())]
    ).fetchone()
    return int(made[0])


def _centres(connection: sqlite3.Connection, model: str) -> tuple[list[int], Embeddings]:
    """The nameless clusters, and the direction that their members have on average."""
    sums: dict[int, NDArray[np.float32]] = {}
    for number, vector in connection.execute(
        "select cluster, vector from appearances join clusters on number = cluster"
        " where clusters.model = ? and clusters.identity_id is null order by number",
        [model],
    ):
        found = from_blob(vector)
        sums[number] = sums[number] + found if number in sums else found
    if not sums:
        return [], np.zeros((0, 0), np.float32)
    centres = np.stack(list(sums.values()))
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    return list(sums), centres / np.maximum(lengths, np.float32(1e-6))


def _nearest(vectors: Embeddings, centres: Embeddings, threshold: float) -> NDArray[np.intp]:
    """For each vector the place of the nearest centre; -1 if none is near enough."""
    if not len(centres):
        return np.full(len(vectors), -1, np.intp)
    similar = vectors @ centres.T
    best = np.argmax(similar, axis=1)
    return np.where(np.take_along_axis(similar, best[:, np.newaxis], axis=1)[:, 0] >= threshold, best, -1)


def linked(vectors: Embeddings, threshold: float) -> NDArray[np.intp]:
    """For each vector the number of its group: those whose average similarity is `threshold` or more. Needs SciPy."""
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.intp)
    from scipy.cluster.hierarchy import fcluster, linkage

    # Of unit vectors the squared distance is 2 - 2 * similarity; the average of the cosine itself is what is wanted.
    first, second = np.triu_indices(len(vectors), 1)
    distances = np.clip(1.0 - (vectors @ vectors.T)[first, second], 0.0, 2.0)
    tree = linkage(distances.astype(np.float64), method="average")
    groups: NDArray[np.intp] = fcluster(tree, t=1.0 - threshold, criterion="distance").astype(np.intp)
    return groups
