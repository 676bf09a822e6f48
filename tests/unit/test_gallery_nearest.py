"""The search in a large gallery is another computation, with the same answers."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.nearest import LARGE, NOBODY, ByBytes, Plain, coded, search_in
from shared_utils.gallery.snapshot import Embeddings
from tests.support.gallery_parts import MODEL, face_of, snapshot_of


def rows(random: np.random.Generator, count: int, size: int) -> Embeddings:
    found = random.normal(size=(count, size)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def products(
    faces: "np.typing.NDArray[np.int8]", others: "np.typing.NDArray[np.int8]"
) -> "np.typing.NDArray[np.float64]":
    return faces.astype(np.float64) @ others.astype(np.float64).T


@dataclass(frozen=True, slots=True)
class Case:
    """A gallery to be searched."""

    seed: int
    people: int
    photos: int
    size: int
    asked: int  # for so many people the answer must be exact, too
    alike: bool  # a gallery of twins


@given(
    st.builds(
        Case,
        seed=st.integers(0, 100_000),
        people=st.integers(2, 40),
        photos=st.integers(1, 4),
        size=st.sampled_from([2, 3, 8, 64]),
        asked=st.integers(0, 5),
        alike=st.booleans(),
    )
)
def test_bytes_give_what_the_plain_product_gives(case: Case) -> None:
    """For whom it matters: the nearest two, and those who were rejected for somebody."""
    random, people = np.random.default_rng(case.seed), case.people
    vectors = rows(random, people * case.photos, case.size)
    if case.alike:
        vectors = vectors * np.float32(1e-3) + vectors[0]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    starts = np.arange(0, people * case.photos, case.photos)
    exactly = np.unique(random.integers(people, size=case.asked))
    face = vectors[random.integers(len(vectors))] if case.seed % 2 else rows(random, 1, case.size)[0]

    wanted = Plain(vectors, starts).near(face, exactly)
    found = ByBytes(vectors, starts, products).near(face, exactly)

    others = np.setdiff1d(np.arange(people), exactly)
    nearest = others[np.argsort(-wanted[others], kind="stable")][:2]
    for person in (*exactly, *nearest):
        assert found[person] == pytest.approx(wanted[person], abs=1e-6)
    assert bool(np.all((found == NOBODY) | (np.abs(found - wanted) < 1e-6)))


def test_what_bytes_leave_over_is_known() -> None:
    """The bound is only as good as this: a rest that is told too small would lose the right person in silence."""
    vectors = rows(np.random.default_rng(3), 50, 512)

    codes, scales, rests = coded(vectors)

    assert np.abs(codes).max() == 127
    left = np.linalg.norm(vectors.astype(np.float64) - codes * scales[:, np.newaxis], axis=1)
    assert rests == pytest.approx(left)
    assert rests.max() < 0.02


def test_a_large_gallery_is_searched_by_bytes_to_the_same_end() -> None:
    """The whole way, with the library: known people, strangers, and somebody who was rejected."""
    pytest.importorskip("simsimd", reason="SimSIMD is not installed here; the plain product takes its place")
    random = np.random.default_rng(7)
    size, people = 64, LARGE // 2
    matrix = rows(random, 2 * people, size).reshape(people, 2, size)
    twin = face_of(5, size=size)
    by_name = {f"p{number}": pair for number, pair in enumerate(matrix)} | {"Ann": twin[np.newaxis]}
    snapshot = snapshot_of(by_name, [("Ann", face_of(5, 1, size=size, unlike=0.8))])
    vectors = snapshot.models[MODEL]
    faces = [*rows(random, 20, size), *matrix[:20, 0], twin, face_of(5, 1, size=size, unlike=0.75)]

    found = [Matcher(snapshot, MODEL, 0.5, 0.02).match(face) for face in faces]

    assert isinstance(vectors.search, ByBytes)
    plainly = snapshot_of(by_name, [("Ann", face_of(5, 1, size=size, unlike=0.8))])
    starts = np.unique(vectors.owners, return_index=True)[1]
    plainly.models[MODEL].__dict__["search"] = Plain(vectors.embeddings, starts)
    wanted = [Matcher(plainly, MODEL, 0.5, 0.02).match(face) for face in faces]
    assert [(one.name, round(one.similarity, 5)) for one in found] == [
        (one.name, round(one.similarity, 5)) for one in wanted
    ]
    assert [one.name for one in found[20:]] == [*(f"p{number}" for number in range(20)), "Ann", "unknown"]


def test_a_small_gallery_needs_no_library() -> None:
    vectors = rows(np.random.default_rng(1), 30, 16)

    assert isinstance(search_in(vectors, np.arange(30, dtype=np.int32)), Plain)
