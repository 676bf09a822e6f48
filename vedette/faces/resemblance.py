"""Whether photos that are said to show one person do."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]  # n x d, each row of length 1


def best_similarity(face: NDArray[np.float32], others: Embeddings) -> float | None:
    """With the most similar of the others (n, d); None if there are none."""
    return float(np.max(others @ face)) if len(others) else None


def resembling(new: Embeddings, known: Embeddings, threshold: float) -> list[bool]:
    """Which of the new faces (n, d) belong together, given the faces (m, d) that are known to be the person's.

    Two faces belong together if they are similar enough, or both are to a third: a beard grows over several photos.
    Those belong to the person that belong to a known face; where none is known, the largest group does. Of two equally
    large ones nobody can say which it is: then none belongs.
    """
    if not len(new):
        return []
    groups = _groups(np.concatenate([known, new]) if len(known) else new, threshold)
    of_known, of_new = groups[: len(known)], groups[len(known) :]
    if of_known:
        return [group in of_known for group in of_new]
    sizes = sorted((of_new.count(group) for group in set(of_new)), reverse=True)
    if len(sizes) > 1 and sizes[0] == sizes[1]:
        return [False] * len(of_new)
    return [of_new.count(group) == sizes[0] for group in of_new]


def _groups(faces: Embeddings, threshold: float) -> Sequence[int]:
    """For each face the number of its group: the smallest number of a face in it."""
    near = faces @ faces.T >= threshold
    groups = list(range(len(faces)))
    for first in range(len(faces)):
        for second in np.flatnonzero(near[first, :first]).tolist():
            kept, gone = sorted((groups[first], groups[second]))
            if kept != gone:
                groups = [kept if group == gone else group for group in groups]
    return groups
