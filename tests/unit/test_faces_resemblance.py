"""Photos of one name must show one person: who belongs together, and who does not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vedette.faces.resemblance import best_similarity, resembling

Embeddings = NDArray[np.float32]
NOBODY: Embeddings = np.zeros((0, 2), np.float32)


def at(*degrees: float) -> Embeddings:
    """Faces on a circle: their similarity is the cosine of the angle between them."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("new", "known", "expected"),
    [
        ((0,), (), [True]),
        ((0, 10, 20), (), [True, True, True]),
        ((0, 10, 90), (), [True, True, False]),
        ((90, 0, 10), (), [False, True, True]),
        ((0, 90), (), [False, False]),
        ((0, 5, 90, 95), (), [False] * 4),
        ((0, 90), (5,), [True, False]),
        ((90, 95, 100, 0), (5,), [False, False, False, True]),
        ((45, 90), (5,), [True, True]),
        ((90,), (5, 80), [True]),
    ],
)
def test_who_belongs_to_the_person(new: tuple[float, ...], known: tuple[float, ...], expected: list[bool]) -> None:
    """One wrong photo names two people alike for ever; a known face counts for more than many new ones."""
    assert resembling(at(*new), at(*known) if known else NOBODY, threshold=0.6) == expected


def test_no_photos_belong_to_nobody() -> None:
    """All of a folder may have been refused before."""
    assert resembling(NOBODY, at(0), threshold=0.6) == []


def test_a_face_changes_step_by_step() -> None:
    """A child grows up over ten photos; the first and the last have nothing in common."""
    steps = at(*range(0, 180, 20))

    assert float(steps[0] @ steps[-1]) < 0
    assert all(resembling(steps, NOBODY, threshold=0.9))


def test_how_similar_a_face_is_to_the_most_similar() -> None:
    """It stands in the refusal, so that people see how far off it was."""
    assert best_similarity(at(0)[0], at(90, 60)) == pytest.approx(0.5)
    assert best_similarity(at(0)[0], NOBODY) is None
