"""The faces that were kept with their embeddings: what a new model needs to know the people whom the old one knew."""

from dataclasses import dataclass

from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.records import SourceKind


@dataclass(frozen=True, slots=True)
class KeptFace:
    """One embedding's face, without the embedding."""

    identity_id: str
    model: str
    quality: float  # 0 to 1
    source: str
    source_sha256: str
    source_kind: SourceKind
    crop: bytes | None  # PNG; None: it was not kept


def kept_faces(database: GalleryDatabase) -> list[KeptFace]:
    """Of every embedding by every model, by person, in the order in which they were added."""
    with database.reading() as connection:
        rows = connection.execute(
            "select identity_id, model, quality, source, source_sha256, source_kind, crop from embeddings"
            " order by identity_id, id"
        ).fetchall()
    return [KeptFace(*row) for row in rows]


def crops_of(database: GalleryDatabase, identity_id: str) -> dict[str, bytes]:
    """The pictures of a person that were kept, by the SHA-256 of their source."""
    with database.reading() as connection:
        rows = connection.execute(
            "select source_sha256, crop from embeddings where identity_id = ? and crop is not null order by id",
            [identity_id],
        ).fetchall()
    return dict(rows)
