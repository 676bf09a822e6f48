"""The tables of the gallery, as named changes that are made once and recorded, each in a transaction of its own."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shared_utils.clock import to_iso
from shared_utils.gallery.errors import NewerGalleryError


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of the tables."""

    name: str
    statements: tuple[str, ...]


_RECORD = """
create table if not exists migrations (
    name text primary key,
    applied_at text not null  -- UTC
) strict
"""

_PEOPLE = Migration(
    "people",
    (
        """
        create table gallery (
            only_row integer primary key check (only_row = 1),
            id text not null check (length(id) = 32),  -- tells two galleries apart in snapshots
            version integer not null check (version >= 0)  -- raised by each change that workers must see
        ) strict
        """,
        """
        create table models (  -- vectors of different models are never compared
            name text primary key check (length(name) between 1 and 200),  -- pack and weights
            size integer not null check (size between 1 and 65536)  -- numbers in each of its vectors
        ) strict
        """,
        """
        create table identities (
            id text primary key check (length(id) = 12),  -- as in log lines; never given twice
            name text not null check (length(name) between 1 and 100),
            name_key text not null unique,  -- the name without regard to case and to how it is encoded
            consent text not null check (length(consent) <= 2000),  -- who agreed to what, in the user's words
            created_at text not null  -- UTC
        ) strict
        """,
        """
        create table embeddings (
            id integer primary key autoincrement,
            identity_id text not null references identities (id) on delete cascade,
            model text not null references models (name),
            vector blob not null,  -- float32, little-endian, of length 1
            quality real not null check (quality between 0 and 1),
            source_kind text not null check (source_kind in ('photo', 'appearance')),
            source text not null,  -- a file name, or segment and track
            source_sha256 text not null check (length(source_sha256) = 64),
            crop blob,  -- the face as it was shown to the model, for a later model; null: not kept
            added_at text not null,  -- UTC
            unique (identity_id, model, source_sha256)
        ) strict
        """,
        "create index embeddings_by_source on embeddings (model, source_sha256)",
        """
        create table rejections (  -- "not this person"
            id integer primary key autoincrement,
            identity_id text not null references identities (id) on delete cascade,
            model text not null references models (name),
            vector blob not null,  -- as in embeddings
            source text not null,  -- segment and track
            added_at text not null,  -- UTC
            unique (identity_id, model, source)
        ) strict
        """,
        """
        create trigger embeddings_have_the_size_of_their_model before insert on embeddings
        when length(new.vector) is not 4 * (select size from models where name = new.model)
        begin select raise(abort, 'a vector is not as long as its model makes them'); end
        """,
        """
        create trigger rejections_have_the_size_of_their_model before insert on rejections
        when length(new.vector) is not 4 * (select size from models where name = new.model)
        begin select raise(abort, 'a vector is not as long as its model makes them'); end
        """,
        "insert into gallery (only_row, id, version) values (1, lower(hex(randomblob(16))), 0)",
    ),
)

_STRANGERS = Migration(
    "strangers",
    (
        """
        create table sidecars (  -- files of appearances below video/faces that were read, or could not be
            path text primary key,  -- relative to video/faces
            modified_ns integer not null,
            size_bytes integer not null,
            fault text  -- why it could not be read; null: it was
        ) strict
        """,
        """
        create table clusters (  -- appearances that are of one person, known or not; a number is never given twice
            number integer primary key autoincrement,
            model text not null references models (name),
            identity_id text references identities (id) on delete set null,  -- whom it was named after
            created_at text not null  -- UTC
        ) strict
        """,
        """
        create table appearances (
            id integer primary key autoincrement,
            path text not null references sidecars (path) on delete cascade,
            segment_id text not null,
            model text not null references models (name),
            track_id integer not null,
            camera text not null,
            started_at text not null,  -- of the segment, UTC
            first_t real not null,  -- seconds from the start of the segment
            last_t real not null,
            quality real not null check (quality between 0 and 1),
            vector blob not null,  -- as in embeddings
            name text not null,  -- as the worker said
            identity_id text,  -- as the worker said
            cluster integer references clusters (number) on delete set null,
            unique (segment_id, model, track_id)
        ) strict
        """,
        """
        create trigger appearances_have_the_size_of_their_model before insert on appearances
        when length(new.vector) is not 4 * (select size from models where name = new.model)
        begin select raise(abort, 'a vector is not as long as its model makes them'); end
        """,
        "create index appearances_by_cluster on appearances (cluster)",
        "create index appearances_by_sidecar on appearances (path)",
        """
        create table renamings (  -- what the past has yet to be told, in log lines and sidecars; in the order of id
            id integer primary key autoincrement,
            segment_id text,  -- of one track; null: wherever the identity stands
            model text,
            track_id integer,
            old_identity_id text,  -- null: whatever the track is called
            name text not null,
            identity_id text,  -- null: unknown
            forget integer not null default 0 check (forget in (0, 1)),  -- 1: what was learned from the track goes
            noted_at text not null,  -- UTC; of an identity it is told again for a while, see past.py
            check ((segment_id is null) = (model is null) and (segment_id is null) = (track_id is null)),
            check ((segment_id is null) = (old_identity_id is not null))
        ) strict
        """,
    ),
)

MIGRATIONS = (_PEOPLE, _STRANGERS)


def migrate(
    connection: sqlite3.Connection, path: Path, now: datetime, migrations: tuple[Migration, ...] = MIGRATIONS
) -> None:
    """Make the changes that a database has not had yet. Raises NewerGalleryError if it has had one unknown here.

    Who calls this holds the gallery's lock.
    """
    connection.execute(_RECORD)
    done = [str(row[0]) for row in connection.execute("select name from migrations order by rowid")]
    if foreign := [name for name in done if name not in {one.name for one in migrations}]:
        raise NewerGalleryError(path, foreign[0])
    for migration in migrations:
        if migration.name not in done:
            _apply(connection, migration, now)


def _apply(connection: sqlite3.Connection, migration: Migration, now: datetime) -> None:
    connection.execute("begin immediate")
    try:
        for statement in migration.statements:
            connection.execute(statement)
        connection.execute("insert into migrations values (?, ?)", (migration.name, to_iso(now)))
        connection.execute("commit")
    except BaseException:
        connection.rollback()
        raise
