"""Which threshold lets in how many strangers: measured on the user's own gallery, by one model.

*Genuine* pairs are two faces of one person, *impostor* pairs faces of two people: of two identities, of an identity and
a stranger, of two strangers. Of each cluster of strangers the best face is taken, so that a postman who comes every day
counts once. FAR is the part of the impostor pairs that a threshold accepts, TAR the part of the genuine ones.

Strangers were called so at the threshold of their time, so they say little about thresholds above it; pairs of
identities do.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.records import from_blob
from shared_utils.gallery.snapshot import UNKNOWN, Embeddings

RATES = (1e-1, 1e-2, 1e-3, 1e-4)
_MOST_FACES = 3_000  # four million pairs say enough; a random choice of a larger gallery
_STEP = 0.001  # thresholds are told to three digits


@dataclass(frozen=True, slots=True)
class Rate:
    """What a false-accept rate asks for."""

    far: float  # the rate that is wanted
    threshold: float | None  # the least that keeps it; None: there are too few impostor pairs to say
    tar: float | None  # of the genuine pairs at this threshold; None: there is no threshold, or there are no such pairs
    enough: bool  # whether there are so many impostor pairs that it can be said

    @property
    def pairs_needed(self) -> int:
        """By the rule of three: with 3 / FAR pairs and no error, the rate is below FAR in 95 cases of 100."""
        return int(np.ceil(3.0 / self.far))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the gallery says about one model."""

    model: str
    people: int  # with faces by this model
    strangers: int  # clusters
    genuine_pairs: int
    impostor_pairs: int
    rates: tuple[Rate, ...]


def calibrate(database: GalleryDatabase, model: str, rates: Sequence[float] = RATES) -> Calibration:
    """Measure on everybody in the gallery, and on the strangers who have a cluster."""
    with database.reading() as connection:
        owners, vectors = _faces(connection, model)
    people, strangers = (len({owner for owner in owners if kind in owner}) for kind in ("identity", "cluster"))
    chosen = np.random.default_rng(0).permutation(len(owners))[:_MOST_FACES]
    genuine, impostor = pairs([owners[place] for place in chosen], vectors[chosen])
    found = tuple(rate_at(far, genuine, impostor) for far in rates)
    return Calibration(model, people, strangers, len(genuine), len(impostor), found)


def rate_at(far: float, genuine: NDArray[np.float32], impostor: NDArray[np.float32]) -> Rate:
    """The least threshold that accepts no more than `far` of the impostor pairs, from their similarities.

    Too few pairs give none: three strangers who happen to be unlike each other would let in everybody.
    """
    if len(impostor) * far < 3.0 - 1e-9:
        return Rate(far, None, None, enough=False)
    allowed = int(far * len(impostor) + 1e-9)
    worst = np.sort(impostor)[::-1]
    above = float(worst[allowed]) if allowed < len(worst) else -1.0  # the first that must not be accepted
    threshold = min(1.0, max(0.0, round((np.floor(above / _STEP) + 1) * _STEP, 3)))
    tar = float(np.mean(genuine >= threshold)) if len(genuine) else None
    return Rate(far, threshold, tar, enough=True)


def pairs(owners: Sequence[tuple[str, str]], vectors: Embeddings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The similarities of the pairs of one owner, and of those of two."""
    numbers = {owner: number for number, owner in enumerate(dict.fromkeys(owners))}
    codes = np.array([numbers[owner] for owner in owners], np.intp)
    genuine, impostor = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]
    for place in range(1, len(codes)):
        similar = vectors[:place] @ vectors[place]
        same = codes[:place] == codes[place]
        genuine.append(similar[same])
        impostor.append(similar[~same])
    return np.concatenate(genuine), np.concatenate(impostor)


def _faces(connection: sqlite3.Connection, model: str) -> tuple[list[tuple[str, str]], Embeddings]:
    rows = connection.execute(
        "select 'identity', identity_id, vector from embeddings where model = ?"
        " union all select 'cluster', cluster, vector from ("
        "  select cluster, vector,"
        "  row_number() over (partition by cluster order by quality desc, appearances.id) as place"
        "  from appearances join clusters on number = cluster"
        "  where clusters.model = ? and clusters.identity_id is null and name = ?"
        " ) where place = 1",
        [model, model, UNKNOWN],
    ).fetchall()
    vectors = [from_blob(vector) for _, _, vector in rows]
    return [(kind, str(owner)) for kind, owner, _ in rows], np.stack(vectors) if rows else np.zeros((0, 1), np.float32)
