"""Who a face is: never a name for somebody who is not that person, as far as the gallery can tell."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_utils.gallery.matching import Match, Matcher
from shared_utils.gallery.snapshot import Embeddings, GallerySnapshot
from tests.support.gallery_parts import MODEL, SIZE, face_of, faces_of, snapshot_of, unit

ANN, BOB, STRANGER = 1, 2, 3
PEOPLE = {"Ann": faces_of(ANN, [0, 1, 2]), "Bob": faces_of(BOB, [0, 1])}


def matcher(snapshot: GallerySnapshot, *, threshold: float = 0.4, margin: float = 0.05) -> Matcher:
    return Matcher(snapshot, MODEL, threshold, margin)


def test_a_face_gets_the_name_of_the_person_it_resembles() -> None:
    found = matcher(snapshot_of(PEOPLE)).match(face_of(BOB, 9))

    assert (found.name, found.identity_id) == ("Bob", "id-Bob")
    assert found.similarity > 0.8


def test_a_stranger_is_unknown_and_it_is_told_how_near_the_nearest_is() -> None:
    """The nearest similarity is what a person needs to choose a threshold by."""
    face = face_of(STRANGER)

    found = matcher(snapshot_of(PEOPLE)).match(face)

    nearest = float((np.concatenate(list(PEOPLE.values())) @ face).max())
    assert (found.name, found.identity_id, found.known) == ("unknown", None, False)
    assert found.similarity == pytest.approx(nearest, abs=1e-5)


def test_a_face_between_two_people_is_nobodys() -> None:
    """Twins, or one person enrolled under two names: a coin must not decide what is written."""
    between = face_of(ANN) + face_of(BOB)
    between /= np.linalg.norm(between)
    snapshot = snapshot_of({"Ann": face_of(ANN)[np.newaxis], "Bob": face_of(BOB)[np.newaxis]})

    assert not matcher(snapshot).match(between).known
    assert matcher(snapshot, margin=0.0).match(between).similarity > 0.4


def test_several_photos_of_one_person_are_no_rivals() -> None:
    """Otherwise each photo that is added would make the person harder to recognise."""
    snapshot = snapshot_of({"Ann": np.repeat(face_of(ANN)[np.newaxis], 5, axis=0)})

    assert matcher(snapshot).match(face_of(ANN)).name == "Ann"


def test_who_was_rejected_is_not_named_again() -> None:
    """A neighbour who is taken for Ann every day would otherwise be Ann every day, whatever is said about it."""
    neighbour = face_of(ANN, 7, unlike=0.9)
    before = matcher(snapshot_of(PEOPLE)).match(neighbour)

    after = matcher(snapshot_of(PEOPLE, [("Ann", neighbour)])).match(face_of(ANN, 7, unlike=0.88))

    assert before.name == "Ann"
    assert not after.known


def test_a_rejection_does_not_take_the_name_from_the_person() -> None:
    """The real Ann is nearer to her own photos than to the neighbour."""
    snapshot = snapshot_of(PEOPLE, [("Ann", face_of(ANN, 7, unlike=0.9))])

    assert matcher(snapshot).match(face_of(ANN, 1)).name == "Ann"


def test_a_person_who_is_not_ann_can_still_be_bob() -> None:
    """A rejection says who somebody is not; it must not hide who they are."""
    bob = face_of(BOB, 5)
    twin = np.stack([face_of(BOB, 6)])

    found = matcher(snapshot_of({**PEOPLE, "Ann": twin}, [("Ann", bob)])).match(bob)

    assert found.name == "Bob"


def test_an_empty_gallery_knows_nobody() -> None:
    """A system without enrolled people runs for months: its strangers are collected from the first day."""
    assert matcher(GallerySnapshot()).match(face_of(ANN)) == Match()


def test_people_of_another_model_are_nobody() -> None:
    """Vectors of two models have nothing to do with each other, even where they are equally long."""
    found = Matcher(snapshot_of(PEOPLE, model="older"), MODEL, 0.4, 0.05).match(face_of(ANN))

    assert found == Match()


def test_a_vector_of_another_length_is_refused() -> None:
    """Somebody replaced the weights of a pack and kept its name: silence would mean wrong names."""
    with pytest.raises(ValueError, match="cannot be compared"):
        matcher(snapshot_of(PEOPLE)).match(np.ones(SIZE + 1, np.float32))


def test_a_rejection_of_somebody_without_photos_by_this_model_does_nothing() -> None:
    """Enrolled with one model, rejected with another: there is nothing to compare with."""
    snapshot = snapshot_of({**PEOPLE, "Zoe": np.zeros((0, SIZE), np.float32)}, [("Zoe", face_of(ANN))])

    assert matcher(snapshot).match(face_of(ANN)).name == "Ann"


def plainly(snapshot: GallerySnapshot, face: Embeddings, threshold: float, margin: float) -> str:
    """The rule, one person after the other."""
    vectors = snapshot.models[MODEL]
    near: dict[int, float] = {}
    for vector, owner in zip(vectors.embeddings, vectors.owners, strict=True):
        near[int(owner)] = max(near.get(int(owner), -2.0), float(vector @ face))
    for vector, owner in zip(vectors.rejected, vectors.rejected_owners, strict=True):
        if int(owner) in near and float(vector @ face) >= near[int(owner)]:
            del near[int(owner)]
    ranked = sorted(near.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < threshold or (len(ranked) > 1 and ranked[0][1] - ranked[1][1] < margin):
        return "unknown"
    return snapshot.identities[ranked[0][0]].name


@given(seed=st.integers(0, 10_000), people=st.integers(1, 6), photos=st.integers(1, 4), rejections=st.integers(0, 4))
def test_the_decision_is_the_one_of_the_plain_rule(seed: int, people: int, photos: int, rejections: int) -> None:
    """It is computed on whole matrices, in one product; that must not change anybody's name."""
    random = np.random.default_rng(seed)

    def some(count: int) -> Embeddings:
        rows = random.normal(size=(count, 4))  # few dimensions: everybody resembles somebody
        return np.stack([unit(row) for row in rows]) if count else np.zeros((0, 4), np.float32)

    rejected = [(f"p{random.integers(people)}", one) for one in some(rejections)]
    snapshot = snapshot_of({f"p{number}": some(photos) for number in range(people)}, rejected)
    faces = some(8)

    found = matcher(snapshot, threshold=0.3, margin=0.02).match_all(faces)

    assert [one.name for one in found] == [plainly(snapshot, face, 0.3, 0.02) for face in faces]
    assert [replace(one, similarity=0.0) for one in found] == [
        replace(matcher(snapshot, threshold=0.3, margin=0.02).match(face), similarity=0.0) for face in faces
    ]
