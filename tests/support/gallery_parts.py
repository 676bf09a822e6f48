"""Faces without a model: vectors that are near each other where they are of one person, and snapshots made of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from shared_utils.gallery.appearances import Appearance
from shared_utils.gallery.records import NewEmbedding, TrackKey
from shared_utils.gallery.snapshot import UNKNOWN, Embeddings, GallerySnapshot, KnownIdentity, ModelVectors
from shared_utils.segments import segment_id

MODEL, SIZE = "toy_mbf", 32
MORNING = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def face_of(person: int, look: int = 0, *, size: int = SIZE, unlike: float = 0.3) -> NDArray[np.float32]:
    """One photo of a person: two of them are alike (about 0.9), those of two people are not (about 0)."""
    centre = unit(np.random.default_rng([person, 1]).normal(size=size))
    noise = unit(np.random.default_rng([person, 2, look]).normal(size=size))
    return unit((centre + unlike * noise).astype(np.float64))


def faces_of(person: int, looks: Sequence[int], *, size: int = SIZE) -> Embeddings:
    return np.stack([face_of(person, look, size=size) for look in looks])


def face_in(track: TrackKey, vector: NDArray[np.float32], model: str = MODEL) -> NewEmbedding:
    """The face of a track, as it is enrolled or rejected."""
    return NewEmbedding(model, vector, 0.8, track.source, track.source_sha256, "appearance")


def snapshot_of(
    people: Mapping[str, Embeddings],
    rejected: Sequence[tuple[str, NDArray[np.float32]]] = (),
    *,
    version: int = 1,
    model: str = MODEL,
) -> GallerySnapshot:
    """A gallery of these people; `rejected` lists what is not the person of that name."""
    names = list(people)
    size = next((matrix.shape[1] for matrix in people.values()), SIZE)
    ordered = sorted(rejected, key=lambda pair: names.index(pair[0]))
    vectors = ModelVectors(
        np.concatenate([np.zeros((0, size), np.float32), *people.values()]),
        np.repeat(np.arange(len(names), dtype=np.int32), [len(matrix) for matrix in people.values()]),
        np.stack([vector for _, vector in ordered]) if ordered else np.zeros((0, size), np.float32),
        np.array([names.index(name) for name, _ in ordered], np.int32),
    )
    identities = tuple(KnownIdentity(f"id-{name}", name) for name in names)
    return GallerySnapshot(version, "a-gallery", identities, {model: vectors})


def appearance(
    person: int,
    track_id: int = 1,
    *,
    look: int = 0,
    minutes: float = 0,
    camera: str = "hall",
    quality: float = 0.8,
    name: str = UNKNOWN,
    model: str = MODEL,
) -> Appearance:
    """A track of a person in the segment that begins so many minutes after `MORNING`."""
    started_at = MORNING + timedelta(minutes=minutes)
    return Appearance(
        segment_id=segment_id(camera, started_at),
        camera=camera,
        started_at=started_at,
        track_id=track_id,
        model=model,
        embedding=face_of(person, look),
        quality=quality,
        first_t=1.0,
        last_t=4.5,
        name=name,
        identity_id=None if name == UNKNOWN else f"id-{name}",
        crop_jpeg=b"\xff\xd8 a picture",
    )
