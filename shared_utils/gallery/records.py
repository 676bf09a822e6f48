"""What the gallery keeps: people, their embeddings, and what is known not to be them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared_utils.gallery.errors import GalleryUseError

Vector = NDArray[np.float32]  # (d,), of length 1
SourceKind = Literal["photo", "appearance"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A known person."""

    id: str  # 12 hexadecimal digits; stands in log lines, and is never given twice
    name: str
    consent: str  # in the user's words; empty: none was noted
    created_at: datetime
    embeddings: Mapping[str, int]  # how many, by model
    rejections: int


@dataclass(frozen=True, slots=True, eq=False)
class NewEmbedding:
    """A face that is to be added to a person."""

    model: str  # pack and weights
    vector: Vector
    quality: float  # 0 to 1
    source: str  # the file name of the photo, or `track_source`
    source_sha256: str  # of the photo's bytes, or of `track_source`
    source_kind: SourceKind = "photo"
    crop: bytes | None = None  # the face as the model was shown it, as PNG, so that a later model can be shown it, too


@dataclass(frozen=True, slots=True, eq=False)
class KnownEmbedding:
    """A face of a known person."""

    id: int
    model: str
    vector: Vector
    quality: float
    source: str
    source_sha256: str
    source_kind: SourceKind
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Added:
    """What enrolling has done."""

    identity: Identity
    is_new: bool  # the person was not in the gallery before
    added: int  # embeddings
    there_before: int  # the same photos of the same person by the same model: not added again


@dataclass(frozen=True, slots=True, order=True)
class TrackKey:
    """One track of one line of the faces log."""

    segment_id: str
    model: str  # as the line names it: the pack
    track_id: int

    @property
    def source(self) -> str:
        """As the source of an embedding or a rejection."""
        return f"{self.segment_id}#{self.track_id}"

    @property
    def source_sha256(self) -> str:
        return sha256(self.source.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Renaming:
    """What the past has yet to be told of one track, or of all tracks of one identity."""

    name: str
    identity_id: str | None
    track: TrackKey | None = None
    old_identity_id: str | None = None
    forget: bool = False  # what was learned from the track goes


@dataclass(frozen=True, slots=True)
class IndexedAppearance:
    """A track that the index knows; its face and its picture lie in its sidecar."""

    track: TrackKey
    model: str  # pack and weights that made its embedding
    path: str  # of the sidecar, relative to `video/faces`
    camera: str
    started_at: datetime  # of the segment
    first_t: float  # seconds from the start of the segment
    last_t: float
    quality: float  # 0 to 1
    cluster: int | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """Appearances of one person, as far as a model can tell."""

    number: int  # never given twice
    model: str  # pack and weights
    identity_id: str | None  # whom it was named after
    appearances: int
    segments: int
    first_seen: datetime
    last_seen: datetime


def to_blob(vector: Vector) -> bytes:
    """As it stands in the database. Raises GalleryUseError unless it is one embedding of length 1."""
    data = np.ascontiguousarray(vector, "<f4")
    if data.ndim != 1 or not abs(float(np.linalg.norm(data.astype(np.float64))) - 1.0) < 1e-3:
        raise GalleryUseError(f"an embedding must be one vector of length 1, and this has the shape {data.shape}.")
    return data.tobytes()


def from_blob(data: bytes) -> Vector:
    return np.frombuffer(data, "<f4").astype(np.float32)
