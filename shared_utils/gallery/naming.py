"""Strangers get a name, or are told not to be somebody: a cluster becomes a person, with its past."""

import sqlite3
from collections.abc import Sequence

from shared_utils.gallery.clusters import find_cluster
from shared_utils.gallery.errors import GalleryUseError
from shared_utils.gallery.index import appearances_in
from shared_utils.gallery.past import note
from shared_utils.gallery.records import Added, Identity, IndexedAppearance, NewEmbedding, Renaming, TrackKey, Vector
from shared_utils.gallery.rows import find_identity
from shared_utils.gallery.snapshot import UNKNOWN, Embeddings
from shared_utils.gallery.store import Gallery, add_in, reject_in

BEST = 5  # appearances of a cluster that are enrolled: more of them are more of the same


def name_cluster(gallery: Gallery, number: int, name: str, *, consent: str = "") -> Added:
    """Enrol the best appearances of a cluster as a person, who may be known already, and rename its past tracks.

    A cluster that was named before gets the new name, and its faces leave the person it was taken for.
    """
    with gallery.change() as connection:
        cluster = find_cluster(connection, number)
        found, vectors = appearances_in(connection, "cluster = ?", [number])
        if cluster.identity_id is not None:
            _take_back(connection, cluster.identity_id, found)
        added = add_in(connection, gallery.database.clock, name, _best(found, vectors), consent)
        identity = added.identity
        connection.execute("update clusters set identity_id = ? where number = ?", [identity.id, number])
        note(
            connection, gallery.database.clock.now(), [Renaming(identity.name, identity.id, one.track) for one in found]
        )
        return added


def reject_cluster(gallery: Gallery, number: int, who: str) -> int:
    """Note that a cluster is not this person; how many examples are new. Tracks that had the name lose it."""
    with gallery.change() as connection:
        cluster, identity = find_cluster(connection, number), find_identity(connection, who)
        found, vectors = appearances_in(connection, "cluster = ?", [number])
        if cluster.identity_id == identity.id:
            _take_back(connection, identity.id, found)
            connection.execute("update clusters set identity_id = null where number = ?", [number])
            note(connection, gallery.database.clock.now(), [Renaming(UNKNOWN, None, one.track) for one in found])
        best = _best(found, vectors)
        clock = gallery.database.clock
        return sum(reject_in(connection, clock, identity, one) for one in best)


def reject_track(gallery: Gallery, track: TrackKey, who: str) -> Identity:
    """Note that a track is not this person: it is unknown in the log, and so is whoever looks more like it.

    Raises GalleryUseError if the index knows no such track: its footage is deleted, or it showed no good face.
    """
    with gallery.change() as connection:
        identity = find_identity(connection, who)
        found, vectors = appearances_in(
            connection,
            "segment_id = ? and pack_of(model) = ? and track_id = ?",
            [track.segment_id, track.model, track.track_id],
        )
        if not found:
            raise GalleryUseError(
                f"Track {track.track_id} of {track.segment_id} by {track.model} is not known: its footage was deleted, "
                "or it has no such track."
            )
        reject_in(connection, gallery.database.clock, identity, _as_embedding(found[0], vectors[0]))
        # It waits for a cluster again, and is a stranger, whoever it was taken for.
        connection.execute(
            "update appearances set cluster = null, name = ?, identity_id = null"
            " where segment_id = ? and pack_of(model) = ? and track_id = ?",
            [UNKNOWN, track.segment_id, track.model, track.track_id],
        )
        note(connection, gallery.database.clock.now(), [Renaming(UNKNOWN, None, track)])
        return find_identity(connection, identity.id)


def _take_back(connection: sqlite3.Connection, identity: str, found: Sequence[IndexedAppearance]) -> None:
    connection.executemany(
        "delete from embeddings where identity_id = ? and model = ? and source_sha256 = ?",
        [[identity, one.model, one.track.source_sha256] for one in found],
    )


def _best(found: Sequence[IndexedAppearance], vectors: Embeddings) -> list[NewEmbedding]:
    places = sorted(range(len(found)), key=lambda place: -found[place].quality)[:BEST]
    return [_as_embedding(found[place], vectors[place]) for place in places]


def _as_embedding(one: IndexedAppearance, vector: Vector) -> NewEmbedding:
    track = one.track
    return NewEmbedding(one.model, vector, one.quality, track.source, track.source_sha256, "appearance")
