"""How near a face is to everybody: every embedding of the gallery is looked at, and the answer is exact.

In a large gallery the time goes into fetching the embeddings from memory. So they are looked at first as bytes, a
quarter of the size. How far rounding to bytes can lead astray is known for each of them; whoever might be the nearest
or the next nearest, as far as the bytes tell, is compared in full.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LARGE = 20_000  # embeddings: below, the plain product takes less than 4 ms
NOBODY = np.float32(-2.0)  # less than any similarity
_ROUNDING = 1e-5  # of sums of float32 over a thousand numbers
_ROWS_AT_ONCE = 8_192

Vectors = NDArray[np.float32]  # n x d, each row of length 1; those of one person lie together
Places = NDArray[np.intp]  # of people, in the order of their vectors
Similarities = NDArray[np.float32]


class Search(Protocol):
    """The vectors of a gallery, made ready to be searched again and again."""

    def near(self, face: NDArray[np.float32], exactly: Places) -> Similarities:
        """How similar a face (d,) is to each person, by the nearest of their vectors.

        Exact for the people of `exactly`, and for the two nearest of the others; the rest may be `NOBODY`.
        """


def search_in(vectors: Vectors, owners: NDArray[np.int32]) -> Search:
    """The faster way: bytes for a large gallery, where the library for them (SimSIMD) is installed."""
    people, starts = np.unique(owners, return_index=True)
    if len(vectors) >= LARGE and len(people) > 2 and (products := _products_of_bytes()) is not None:
        return ByBytes(vectors, starts, products)
    return Plain(vectors, starts)


class Plain:
    """One product of a matrix with a vector."""

    def __init__(self, vectors: Vectors, starts: Places) -> None:
        self._vectors, self._starts = vectors, starts

    def near(self, face: NDArray[np.float32], exactly: Places) -> Similarities:  # noqa: ARG002
        similar: Similarities = np.maximum.reduceat(self._vectors @ face, self._starts)
        return similar


class Products(Protocol):
    """Products of vectors of bytes."""

    def __call__(self, faces: NDArray[np.int8], rows: NDArray[np.int8], /) -> NDArray[np.float64]:
        """Of each face with each row, faces x rows, without a rounding error."""


class ByBytes:
    """Bytes first, and in full who might be among the nearest.

    With x = scale * code + rest, a product differs from that of the codes by no more than the lengths of the rests
    allow: |q·x - q'·x'| <= |q - q'| |x| + |q'| |x - x'|.
    """

    def __init__(self, vectors: Vectors, starts: Places, products: Products) -> None:
        self._vectors, self._starts, self._products = vectors, starts, products
        parts = [coded(vectors[at : at + _ROWS_AT_ONCE]) for at in range(0, len(vectors), _ROWS_AT_ONCE)]
        self._codes = np.concatenate([codes for codes, _, _ in parts])
        self._scales = np.concatenate([scales for _, scales, _ in parts])
        self._rests = np.concatenate([rests for _, _, rests in parts])
        counts = np.diff(np.append(starts, len(vectors)))
        self._people = np.repeat(np.arange(len(starts)), counts)

    def near(self, face: NDArray[np.float32], exactly: Places) -> Similarities:
        code, scale, rest = coded(face[np.newaxis])
        about = self._products(code, self._codes)[0] * (self._scales * scale[0])
        astray = self._rests * (1.0 + rest[0]) + (rest[0] + _ROUNDING)
        most = about + astray
        least = np.maximum.reduceat(about - astray, self._starts)
        rows = np.flatnonzero(most >= _wanted(least, exactly)[self._people])
        near = np.full(len(least), NOBODY)
        np.maximum.at(near, self._people[rows], self._vectors[rows] @ face)
        return near


def _wanted(least: NDArray[np.float64], exactly: Places) -> NDArray[np.float64]:
    """For each person, how much a vector must reach to be compared: to be theirs, and one of the two nearest."""
    others = np.delete(least, exactly)
    cut = np.partition(others, -2)[-2] if len(others) > 1 else -2.0
    wanted = np.maximum(least, cut)
    wanted[exactly] = least[exactly]
    return wanted


def coded(vectors: Vectors) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.float64]]:
    """Bytes (n, d), the number that each row of them stands for (n,), and the length of what is left over (n,)."""
    scales = np.maximum(np.abs(vectors).max(axis=1), np.float32(1e-12)).astype(np.float64) / 127.0
    codes = np.rint(vectors / scales[:, np.newaxis]).astype(np.int8)
    rests = np.linalg.norm(vectors - codes * scales[:, np.newaxis], axis=1)
    return codes, scales, rests


def _products_of_bytes() -> Products | None:
    try:
        import simsimd
    except ImportError:
        return None

    def products(faces: NDArray[np.int8], rows: NDArray[np.int8]) -> NDArray[np.float64]:
        return np.asarray(simsimd.cdist(faces, rows, metric="dot", threads=1), np.float64)

    return products
