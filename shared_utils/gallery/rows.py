"""Rows of the gallery as the values that its users see."""

import sqlite3
from collections import defaultdict
from typing import Any

from shared_utils.clock import from_iso
from shared_utils.gallery.errors import GalleryUseError
from shared_utils.gallery.names import compared, storable
from shared_utils.gallery.records import Identity, KnownEmbedding, from_blob


def identities_in(connection: sqlite3.Connection) -> list[Identity]:
    """Everybody, by name."""
    rows = connection.execute("select id, name, consent, created_at from identities order by name_key").fetchall()
    faces: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for identity, model, count in connection.execute(
        "select identity_id, model, count(*) from embeddings group by identity_id, model order by model"
    ):
        faces[identity][model] = count
    rejections = dict(
        connection.execute("select identity_id, count(*) from rejections group by identity_id").fetchall()
    )
    return [_identity(row, faces[row[0]], rejections.get(row[0], 0)) for row in rows]


def find_identity(connection: sqlite3.Connection, who: str) -> Identity:
    """The person of that name, or of that id. Raises GalleryUseError, with the names that are nearest to it."""
    row = connection.execute(
        "select id, name, consent, created_at from identities where name_key = ? or id = ? order by name_key = ? desc",
        [compared(who), storable(who), compared(who)],
    ).fetchone()
    if row is None:
        raise GalleryUseError(f"Nobody in the gallery is called {who!r}. 'vedette faces list' shows who is in it.")
    faces = dict(
        connection.execute(
            "select model, count(*) from embeddings where identity_id = ? group by model order by model", [row[0]]
        ).fetchall()
    )
    rejections = connection.execute("select count(*) from rejections where identity_id = ?", [row[0]]).fetchone()[0]
    return _identity(row, faces, rejections)


def embeddings_of(connection: sqlite3.Connection, identity: str, model: str | None = None) -> list[KnownEmbedding]:
    """The faces of a person, in the order in which they were added; `model`: by this one only."""
    rows = connection.execute(
        "select id, model, vector, quality, source, source_sha256, source_kind, added_at from embeddings"
        " where identity_id = ? and (model = ? or ? is null) order by id",
        [identity, model, model],
    )
    return [
        KnownEmbedding(number, by, from_blob(vector), quality, source, sha256, kind, from_iso(added_at))
        for number, by, vector, quality, source, sha256, kind, added_at in rows.fetchall()
    ]


def know_model(connection: sqlite3.Connection, model: str, size: int) -> None:
    """All vectors of a model are equally long. Raises GalleryUseError for other weights under the same name."""
    connection.execute("insert or ignore into models (name, size) values (?, ?)", [model, size])
    known = connection.execute("select size from models where name = ?", [model]).fetchone()[0]
    if size != known:
        raise GalleryUseError(
            f"The model {model!r} makes vectors of {size} numbers, and the gallery has some of {known} by it: "
            "its weights were replaced. Give the new weights a name of their own (faces.model)."
        )


def newest_model(connection: sqlite3.Connection, pack: str) -> str | None:
    """Of the weights that a pack has had, those that the gallery met last; None: it has met none."""
    row = connection.execute(
        "select name from models where pack_of(name) = ? order by rowid desc limit 1", [pack]
    ).fetchone()
    return None if row is None else str(row[0])


def _identity(row: Any, faces: dict[str, int], rejections: int) -> Identity:
    identity, name, consent, created_at = row
    return Identity(identity, name, consent, from_iso(created_at), faces, rejections)
