"""A gallery of its own for each test, and faces to enrol in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from shared_utils.clock import Clock, SystemClock
from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.records import NewEmbedding
from shared_utils.gallery.store import Gallery
from shared_utils.segments import VideoDir
from tests.support.gallery_parts import MODEL, face_of


def gallery_in(folder: Path, clock: Clock | None = None) -> Gallery:
    """Its database in `folder/state`, its snapshot below `folder/video`."""
    return Gallery(GalleryDatabase(folder / "state", clock or SystemClock()), VideoDir(folder / "video"))


@contextmanager
def open_gallery_in(folder: Path) -> Iterator[Gallery]:
    with gallery_in(folder) as gallery:
        yield gallery


def photo(person: int, look: int = 0, *, model: str = MODEL, size: int = 32, quality: float = 0.9) -> NewEmbedding:
    """The face of a photo of a person; the same numbers give the same photo."""
    name = f"photo-{person}-{look}.jpg"
    vector = face_of(person, look, size=size)
    return NewEmbedding(model, vector, quality, name, sha256(name.encode()).hexdigest())


def faces_by_name(gallery: Gallery) -> Mapping[str, int]:
    """How many faces everybody has."""
    return {one.name: sum(one.embeddings.values()) for one in gallery.identities()}
