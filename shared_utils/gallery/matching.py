"""Who a face is: the nearest known person, if near enough, well ahead of the next, and not known to be another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared_utils.gallery.nearest import NOBODY
from shared_utils.gallery.snapshot import UNKNOWN, Embeddings, GallerySnapshot, ModelVectors

_ROWS_AT_ONCE = 16_384  # of the gallery; what is compared with several faces fits in the cache
_NOTHING = ModelVectors(
    np.zeros((0, 0), np.float32), np.zeros(0, np.int32), np.zeros((0, 0), np.float32), np.zeros(0, np.int32)
)


@dataclass(frozen=True, slots=True)
class Match:
    """What the gallery says of one face."""

    name: str = UNKNOWN
    identity_id: str | None = None
    similarity: float = 0.0  # cosine with the nearest known person, -1 to 1; 0 if nobody is known

    @property
    def known(self) -> bool:
        return self.identity_id is not None


class Matcher:
    """Open-set matching against one snapshot, for the embeddings of one model. Safe to use from several threads.

    A person is as near as the nearest of their embeddings. The nearest person is named if the similarity reaches
    `threshold` and is ahead of the next person's by `margin`. Somebody who is nearer to an example of "not this person"
    than to the person is not that person: the person is left out, for this face, and the others are compared.
    """

    def __init__(self, snapshot: GallerySnapshot, model: str, threshold: float, margin: float) -> None:
        self._identities = snapshot.identities
        self._vectors = snapshot.models.get(model)
        self._threshold, self._margin = threshold, margin
        vectors = self._vectors or _NOTHING
        self._people = np.unique(vectors.owners)
        about_known = np.isin(vectors.rejected_owners, self._people)
        self._rejected = vectors.rejected[about_known]
        self._rejected_people = np.searchsorted(self._people, vectors.rejected_owners[about_known])
        self._need_exactly = np.unique(self._rejected_people)

    def match(self, embedding: NDArray[np.float32]) -> Match:
        """Of one embedding (d,) of length 1. Raises ValueError if it is not as long as those of the gallery."""
        if self._vectors is None or not len(self._people):
            return Match()
        size = self._vectors.embeddings.shape[1]
        if embedding.shape != (size,):
            raise ValueError(f"an embedding of shape {embedding.shape} cannot be compared with vectors of {size}")
        return self._decide(embedding, self._vectors.search.near(embedding, self._need_exactly))

    def match_all(self, embeddings: Embeddings) -> list[Match]:
        """Of several (n, d), each by itself."""
        return [self.match(embedding) for embedding in embeddings]

    def _decide(self, face: NDArray[np.float32], near: NDArray[np.float32]) -> Match:
        left_out = self._rejections(face, near)
        allowed = near if left_out is None else np.where(left_out, NOBODY, near)
        best = int(np.argmax(allowed))
        similarity = float(allowed[best])
        if similarity < -1.5:  # nobody is left
            return Match(similarity=_cosine(near.max()))
        next_best = float(np.max(np.delete(allowed, best), initial=NOBODY))
        if similarity < self._threshold or similarity - next_best < self._margin:
            return Match(similarity=_cosine(similarity))
        person = self._identities[int(self._people[best])]
        return Match(person.name, person.id, _cosine(similarity))

    def _rejections(self, face: NDArray[np.float32], near: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        """Which people the face is known not to be; None if nobody is."""
        if not len(self._rejected):
            return None
        against = np.full(len(near), NOBODY)
        np.maximum.at(against, self._rejected_people, self._rejected @ face)
        left_out: NDArray[np.bool_] = against >= near
        return left_out


def _cosine(value: float) -> float:
    """Rounding makes 1.0000001 of a face and itself."""
    return float(min(1.0, max(-1.0, float(value))))
