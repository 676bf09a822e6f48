"""The gallery as its users see it: people are added, renamed, merged and removed, and the snapshot follows.

Each change is one transaction that raises the version. The snapshot is written after it, under the same lock. Killed in
between, the next command that opens the gallery finds that the file is of another version, and writes it.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from shared_utils.clock import Clock, to_iso
from shared_utils.config.schema import Config
from shared_utils.embedding_models import pack_of
from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.errors import GalleryUseError
from shared_utils.gallery.index import refresh
from shared_utils.gallery.names import MOST_IN_A_NOTE, compared, note_of_consent, storable, written
from shared_utils.gallery.past import Told, note, tell_past
from shared_utils.gallery.publishing import publish
from shared_utils.gallery.records import (
    Added,
    Identity,
    KnownEmbedding,
    NewEmbedding,
    Renaming,
    TrackKey,
    to_blob,
)
from shared_utils.gallery.rows import embeddings_of, find_identity, identities_in, know_model
from shared_utils.gallery.snapshot import UNKNOWN
from shared_utils.segments import VideoDir


def open_gallery(config: Config, clock: Clock) -> "Gallery":
    """The gallery that a configuration names; use it in a with statement."""
    folder = config.state_dir or config.video_dir / "state"
    return Gallery(GalleryDatabase(folder, clock), config.video)


class Gallery:
    """Known people. For one thread; any number of processes may have it open.

    People are named by their name, or by their id. Every method raises GalleryUseError for what cannot be done, and
    GalleryUnavailableError or GalleryDamagedError where the database has something against it; then nothing is changed.
    """

    def __init__(self, database: GalleryDatabase, video: VideoDir) -> None:
        self.database = database
        self.video = video
        self.told = Told()  # how much was changed in past log lines since this object was made
        self._clock = database.clock

    def __enter__(self) -> "Gallery":
        """Opens the database, and does what a process that was killed has left undone."""
        self.database.__enter__()
        try:
            publish(self.database, self.video)
            self._tell_past()
        except BaseException:
            self.database.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.database.close()

    @property
    def version(self) -> int:
        with self.database.reading() as connection:
            return int(connection.execute("select version from gallery").fetchone()[0])

    def identities(self) -> list[Identity]:
        """Everybody, by name."""
        with self.database.reading() as connection:
            return identities_in(connection)

    def identity(self, who: str) -> Identity:
        """The person of that name, or of that id."""
        with self.database.reading() as connection:
            return find_identity(connection, who)

    def has(self, name: str) -> bool:
        """Whether somebody is called so."""
        with self.database.reading() as connection:
            return _id_of_name(connection, name) is not None

    def embeddings(self, who: str, model: str | None = None) -> list[KnownEmbedding]:
        """The faces of a person, by all models or by one, in the order in which they were added."""
        with self.database.reading() as connection:
            return embeddings_of(connection, find_identity(connection, who).id, model)

    def add(self, name: str, embeddings: Sequence[NewEmbedding], *, consent: str = "") -> Added:
        """Enrol faces of a person, who may be new: all of them or none.

        A photo that this person has already is not added again. One that is somebody else's by the same model is
        refused: one face cannot be two people. `consent` is noted for a new person, or in place of the old note.
        """
        if not embeddings:
            raise GalleryUseError(f"{name!r} cannot be enrolled without a face.")
        with self.change() as connection:
            return add_in(connection, self._clock, name, embeddings, consent)

    def rename(self, who: str, name: str) -> Identity:
        """Give a person another name, in past log lines, too."""
        with self.change() as connection:
            identity = find_identity(connection, who)
            _require_free(connection, name, but=identity.id)
            connection.execute(
                "update identities set name = ?, name_key = ? where id = ?",
                [written(name), compared(name), identity.id],
            )
            note(connection, self._clock.now(), [Renaming(written(name), identity.id, old_identity_id=identity.id)])
            return find_identity(connection, identity.id)

    def note_consent(self, who: str, consent: str) -> Identity:
        """Replace the note of who agreed to what."""
        note = note_of_consent(consent)
        with self.change() as connection:
            identity = find_identity(connection, who)
            connection.execute("update identities set consent = ? where id = ?", [note, identity.id])
            return find_identity(connection, identity.id)

    def merge(self, kept: str, gone: str) -> Identity:
        """Two entries are one person: faces, rejections and the past of the second go to the first."""
        with self.change() as connection:
            to, source = find_identity(connection, kept), find_identity(connection, gone)
            if to.id == source.id:
                raise GalleryUseError(f"{to.name!r} cannot be merged with itself.")
            both = [to.id, source.id]  # what both of them have stays behind, and goes with the entry
            connection.execute("update or ignore embeddings set identity_id = ? where identity_id = ?", both)
            connection.execute("update or ignore rejections set identity_id = ? where identity_id = ?", both)
            connection.execute("update clusters set identity_id = ? where identity_id = ?", both)
            connection.execute("update appearances set identity_id = ? where identity_id = ?", both)
            if source.consent and source.consent != to.consent:
                notes = "; ".join(note for note in (to.consent, source.consent) if note)
                connection.execute("update identities set consent = ? where id = ?", [notes[:MOST_IN_A_NOTE], to.id])
            connection.execute("delete from identities where id = ?", [source.id])
            note(connection, self._clock.now(), [Renaming(to.name, to.id, old_identity_id=source.id)])
            return find_identity(connection, to.id)

    def remove(self, who: str, *, purge: bool = False) -> Identity:
        """Forget a person: faces, rejections, note. Clusters named after the person are strangers again.

        `purge`: the name leaves past log lines, too, and what was learned of the face from footage is deleted.
        """
        if purge:
            refresh(self.database, self.video)
        with self.change() as connection:
            identity = find_identity(connection, who)
            if purge:
                note(connection, self._clock.now(), _purging(connection, identity.id))
            connection.execute("delete from identities where id = ?", [identity.id])
            return identity

    def remove_embedding(self, who: str, embedding: int) -> Identity:
        """Take one face from a person; the last one cannot be taken, as nothing would be left to know them by."""
        with self.change() as connection:
            identity = find_identity(connection, who)
            if sum(identity.embeddings.values()) == 1:
                raise GalleryUseError(f"This is the only face of {identity.name!r}: remove the person instead.")
            gone = connection.execute(
                "delete from embeddings where id = ? and identity_id = ?", [embedding, identity.id]
            )
            if not gone.rowcount:
                raise GalleryUseError(f"{identity.name!r} has no face with the number {embedding}.")
            return find_identity(connection, identity.id)

    def reject(self, who: str, face: NewEmbedding) -> bool:
        """Note that the face, of a track, is not this person; whether that is new.

        A face that was enrolled from this very track is taken from the person: it was a mistake.
        """
        with self.change() as connection:
            return reject_in(connection, self._clock, find_identity(connection, who), face)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction on the gallery; then the workers and the past are told, which a crash only delays."""
        with self.database.locked():
            with self.database.change() as connection:
                yield connection
                connection.execute("update gallery set version = version + 1")
            publish(self.database, self.video)
        self._tell_past()

    def _tell_past(self) -> None:
        self.told += tell_past(self.database, self.video)


def add_in(
    connection: sqlite3.Connection, clock: Clock, name: str, embeddings: Sequence[NewEmbedding], consent: str
) -> Added:
    """`Gallery.add` within a transaction."""
    known = _id_of_name(connection, name) or _id_if_there(connection, name)
    identity = known or _new_identity(connection, clock, name, consent)
    if known and consent.strip():
        connection.execute("update identities set consent = ? where id = ?", [note_of_consent(consent), identity])
    added = sum(_add_embedding(connection, clock, identity, one) for one in embeddings)
    return Added(find_identity(connection, identity), known is None, added, len(embeddings) - added)


def reject_in(connection: sqlite3.Connection, clock: Clock, identity: Identity, face: NewEmbedding) -> bool:
    """`Gallery.reject` within a transaction."""
    know_model(connection, face.model, len(face.vector))
    connection.execute(
        "delete from embeddings where identity_id = ? and model = ? and source_sha256 = ?",
        [identity.id, face.model, face.source_sha256],
    )
    done = connection.execute(
        "insert or ignore into rejections (identity_id, model, vector, source, added_at) values (?, ?, ?, ?, ?)",
        [identity.id, face.model, to_blob(face.vector), face.source, to_iso(clock.now())],
    )
    return done.rowcount == 1


def _purging(connection: sqlite3.Connection, identity: str) -> list[Renaming]:
    found = connection.execute(
        "select segment_id, model, track_id from appearances where identity_id = ?"
        " or cluster in (select number from clusters where identity_id = ?)",
        [identity, identity],
    )
    tracks = [TrackKey(segment, pack_of(model), track) for segment, model, track in found.fetchall()]
    everywhere = Renaming(UNKNOWN, None, old_identity_id=identity)
    return [everywhere, *(Renaming(UNKNOWN, None, track, forget=True) for track in tracks)]


def _new_identity(connection: sqlite3.Connection, clock: Clock, name: str, consent: str) -> str:
    identity = secrets.token_hex(6)
    connection.execute(
        "insert into identities (id, name, name_key, consent, created_at) values (?, ?, ?, ?, ?)",
        [identity, written(name), compared(name), note_of_consent(consent), to_iso(clock.now())],
    )
    return identity


def _add_embedding(connection: sqlite3.Connection, clock: Clock, identity: str, one: NewEmbedding) -> bool:
    know_model(connection, one.model, len(one.vector))
    other = connection.execute(
        "select name from embeddings join identities on identities.id = identity_id"
        " where model = ? and source_sha256 = ? and identity_id != ?",
        [one.model, one.source_sha256, identity],
    ).fetchone()
    if other is not None:
        raise GalleryUseError(f"The face in {one.source} is enrolled as {other[0]!r} already; nobody was added.")
    done = connection.execute(
        "insert or ignore into embeddings"
        " (identity_id, model, vector, quality, source_kind, source, source_sha256, crop, added_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            identity,
            one.model,
            to_blob(one.vector),
            one.quality,
            one.source_kind,
            storable(one.source),
            one.source_sha256,
            one.crop,
            to_iso(clock.now()),
        ],
    )
    return done.rowcount == 1


def _id_of_name(connection: sqlite3.Connection, name: str) -> str | None:
    found = connection.execute("select id from identities where name_key = ?", [compared(name)]).fetchone()
    return None if found is None else str(found[0])


def _id_if_there(connection: sqlite3.Connection, identity: str) -> str | None:
    found = connection.execute("select id from identities where id = ?", [storable(identity)]).fetchone()
    return None if found is None else str(found[0])


def _require_free(connection: sqlite3.Connection, name: str, *, but: str) -> None:
    found = _id_of_name(connection, name)
    if found not in {None, but}:
        raise GalleryUseError(f"Somebody is called {written(name)!r} already. Merge the two if they are one person.")
