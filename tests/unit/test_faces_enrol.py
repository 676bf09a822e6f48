"""Enrolment: what is added, what is refused and why, and that it is all or nothing where it must be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.errors import GalleryUseError
from shared_utils.gallery.store import Gallery
from shared_utils.segments import VideoDir
from tests.support.fixed_clock import FixedClock
from tests.support.painted_faces import Painted, PaintedEngine, photo
from vedette.faces.enrol import Enrolment, EnrolOptions, enrol
from vedette.faces.portraits import Reason

MODEL = PaintedEngine().embedding_model
ANNA, BEN = Painted(20), Painted(150)
OPTIONS = EnrolOptions(threshold=0.4)


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    with Gallery(GalleryDatabase(tmp_path / "state", FixedClock()), VideoDir(tmp_path / "video")) as opened:
        yield opened


def added(
    gallery: Gallery, name: str, *paths: Path, options: EnrolOptions = OPTIONS, engine: PaintedEngine | None = None
) -> Enrolment:
    return enrol(gallery, engine or PaintedEngine(), name, paths, options)


def reasons(done: Enrolment) -> list[Reason]:
    return [refusal.reason for refusal in done.refused]


def test_good_photos_make_a_person(gallery: Gallery, tmp_path: Path) -> None:
    """What was noted of the consent stands beside the faces."""
    done = added(
        gallery,
        "Anna",
        photo(tmp_path, "a.png", ANNA),
        photo(tmp_path, "b.png", ANNA, seed=1),
        options=EnrolOptions(0.4, consent="said yes"),
    )

    assert done.complete
    assert done.is_new
    person = gallery.identity("anna")
    assert (person.name, person.consent, person.embeddings) == ("Anna", "said yes", {MODEL: 2})


def test_photos_that_were_looked_at_are_not_kept_in_memory(gallery: Gallery, tmp_path: Path) -> None:
    """Each takes up to 20 MB: a folder with the pictures of a year ended the process."""
    done = added(gallery, "Anna", photo(tmp_path, "a.png", ANNA), photo(tmp_path, "none.png"))

    photos = [*(one.photo for one in done.added), *(one.photo for one in done.refused)]
    assert [one is not None and one.image.size for one in photos] == [0, 0]


@pytest.mark.parametrize(
    ("faces", "reason", "words"),
    [
        ((), Reason.NO_FACE, "no face was found in it (640x480 pixels)"),
        ((ANNA, BEN), Reason.SEVERAL_FACES, "2 faces were found in it: cut out the one of the person"),
        ((Painted(20, side_px=40),), Reason.TINY, "its face is 40 px large, at least 48 px are needed"),
        ((Painted(20, blurred=True),), Reason.BLURRED, "its face is blurred"),
        ((Painted(20, turned=True),), Reason.TURNED, "its face is turned too far"),
    ],
)
def test_a_photo_that_cannot_be_used_says_why(
    gallery: Gallery, tmp_path: Path, faces: tuple[Painted, ...], reason: Reason, words: str
) -> None:
    """A bad face in the gallery names strangers for months; a refusal without a reason is tried again and again."""
    done = added(gallery, "Anna", photo(tmp_path, "a.png", *faces))

    assert reasons(done) == [reason]
    assert words in done.refused[0].text
    assert len(done.refused[0].faces) == len(faces)
    assert gallery.identities() == []


@pytest.mark.parametrize(
    ("score", "pale", "reason"),
    [(0.64, False, Reason.UNSURE), (0.66, True, Reason.POOR), (0.66, False, None), (0.9, True, None)],
)
def test_one_weakness_is_forgiven_and_several_are_not(
    gallery: Gallery, tmp_path: Path, *, score: float, pale: bool, reason: Reason | None
) -> None:
    """A dog is a face to a detector at 0.64; a face in poor light that may be hidden is like many."""
    path = photo(tmp_path, "a.png", Painted(20, pale=pale))

    done = added(gallery, "Anna", path, engine=PaintedEngine(score=score))

    assert reasons(done) == ([] if reason is None else [reason])


def test_the_good_ones_of_a_folder_are_added_and_the_bad_ones_told(gallery: Gallery, tmp_path: Path) -> None:
    """Thirty photos must not be lost for two that are blurred."""
    good = [photo(tmp_path, f"{number}.png", ANNA, seed=number) for number in range(3)]
    bad = photo(tmp_path, "bad.png", Painted(20, blurred=True))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff")

    done = added(gallery, "Anna", broken, good[0], bad, *good[1:])

    assert reasons(done) == [Reason.UNREADABLE, Reason.BLURRED]
    assert not done.complete
    assert gallery.identity("Anna").embeddings == {MODEL: 3}


def test_all_or_nothing_adds_nothing_if_one_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    """For programs that know no half."""
    paths = photo(tmp_path, "a.png", ANNA), photo(tmp_path, "b.png")

    done = added(gallery, "Anna", *paths, options=EnrolOptions(0.4, all_or_nothing=True))

    assert (done.added, done.identity, done.complete) == ((), None, False)
    assert gallery.identities() == []


def test_the_same_photo_is_not_added_twice(gallery: Gallery, tmp_path: Path) -> None:
    """Running a command again after a power cut must do no harm; a copy is the same photo."""
    first = photo(tmp_path, "a.png", ANNA)
    copy = tmp_path / "copy.png"
    copy.write_bytes(first.read_bytes())

    once, twice = added(gallery, "Anna", first, copy), added(gallery, "Anna", first)

    assert reasons(once) == reasons(twice) == [Reason.ALREADY_ADDED]
    assert "it is the same photo as" in once.refused[0].text
    assert "it was added to Anna already, on 2026-11-20" in twice.refused[0].text
    assert (once.complete, twice.complete) == (True, False)
    assert gallery.identity("Anna").embeddings == {MODEL: 1}


def test_a_photo_of_somebody_else_is_refused_whatever_is_insisted_on(gallery: Gallery, tmp_path: Path) -> None:
    """One photo cannot be two people."""
    path = photo(tmp_path, "a.png", ANNA)
    added(gallery, "Anna", path)

    done = added(gallery, "Ben", path, options=EnrolOptions(0.4, insist=True))

    assert reasons(done) == [Reason.ALREADY_ADDED]
    assert "as a photo of Anna" in done.refused[0].text
    assert not gallery.has("Ben")


def test_who_looks_like_somebody_else_is_added_only_if_insisted_on(gallery: Gallery, tmp_path: Path) -> None:
    """A slip in the name would make two people one for every camera; twins need both names."""
    added(gallery, "Anna", photo(tmp_path, "a.png", ANNA))
    twin = photo(tmp_path, "b.png", Painted(30), seed=1)

    refused = added(gallery, "Berta", twin)
    insisted = added(gallery, "Berta", twin, options=EnrolOptions(0.4, insist=True))

    assert reasons(refused) == [Reason.SOMEBODY_ELSE]
    assert "it looks like Anna, who is in the gallery (similarity 0.98); if it is Berta" in refused.refused[0].text
    assert insisted.complete


def test_who_is_nearer_to_their_own_photos_is_no_stranger(gallery: Gallery, tmp_path: Path) -> None:
    """Sisters resemble each other, and each of them herself more."""
    added(gallery, "Anna", photo(tmp_path, "a.png", Painted(20)))
    added(gallery, "Berta", photo(tmp_path, "b.png", Painted(60)), options=EnrolOptions(0.4, insist=True))

    assert added(gallery, "Berta", photo(tmp_path, "c.png", Painted(56), seed=1)).complete


def test_photos_of_one_name_must_show_one_person(gallery: Gallery, tmp_path: Path) -> None:
    """The odd one out of a folder is a neighbour; what it does not resemble is said."""
    anna = [photo(tmp_path, f"{number}.png", Painted(20 + number), seed=number) for number in range(3)]
    ben = photo(tmp_path, "ben.png", BEN)

    done = added(gallery, "Anna", *anna, ben)

    assert [(one.path, one.reason) for one in done.refused] == [(ben, Reason.DIFFERENT_PERSON)]
    assert "it does not resemble the other photos of Anna" in done.refused[0].text
    assert len(done.added) == 3


def test_two_photos_of_two_people_are_both_refused(gallery: Gallery, tmp_path: Path) -> None:
    """Nobody can say which of them is meant."""
    done = added(gallery, "Anna", photo(tmp_path, "a.png", ANNA), photo(tmp_path, "b.png", BEN))

    assert reasons(done) == [Reason.DIFFERENT_PERSON] * 2
    assert gallery.identities() == []


def test_a_photo_must_resemble_those_in_the_gallery(gallery: Gallery, tmp_path: Path) -> None:
    """A single new photo has no others to be compared with."""
    added(gallery, "Anna", photo(tmp_path, "a.png", ANNA))

    done = added(gallery, "Anna", photo(tmp_path, "b.png", BEN))

    assert reasons(done) == [Reason.DIFFERENT_PERSON]
    assert "the photos of Anna in the gallery" in done.refused[0].text


def test_faces_of_another_model_are_not_compared(gallery: Gallery, tmp_path: Path) -> None:
    """Their numbers mean something else: after a change of weights everybody would look like somebody."""
    path = photo(tmp_path, "a.png", ANNA)
    added(gallery, "Anna", path)

    done = added(gallery, "Anna", path, engine=PaintedEngine("other"))

    assert done.complete
    assert gallery.identity("Anna").embeddings == {"other:01234567": 1, MODEL: 1}


def test_what_cannot_be_a_name_is_found_before_photos_are_looked_at(gallery: Gallery, tmp_path: Path) -> None:
    """'unknown' is what the log calls strangers."""
    with pytest.raises(GalleryUseError, match="cannot be a name"):
        added(gallery, "Unknown", tmp_path / "absent.png")


@pytest.mark.parametrize("keep", [True, False])
def test_the_aligned_face_is_kept_only_if_wished(gallery: Gallery, tmp_path: Path, *, keep: bool) -> None:
    """With it a person is known to other weights; without it the gallery holds numbers alone."""
    from shared_utils.gallery.crops import crops_of

    added(gallery, "Anna", photo(tmp_path, "a.png", ANNA), options=EnrolOptions(0.4, keep_crops=keep))

    crops = crops_of(gallery.database, gallery.identity("Anna").id)
    assert [crop[:4] for crop in crops.values()] == ([b"\x89PNG"] if keep else [])
