"""The gallery: the one database that is a truth of its own. What was enrolled stays, and nothing is half done."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared_utils.gallery.crops import crops_of, kept_faces
from shared_utils.gallery.errors import (
    GalleryUseError,
    SnapshotNotWrittenError,
)
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.records import TrackKey
from shared_utils.gallery.snapshot import read_snapshot, snapshot_path
from tests.support.fixed_clock import FixedClock
from tests.support.galleries import faces_by_name, gallery_in, open_gallery_in, photo
from tests.support.gallery_parts import MODEL, MORNING, face_in, face_of

ANN, BOB = 1, 2
TRACK = TrackKey("hall-20261120T080000000Z", MODEL, 4)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MORNING)


def test_who_was_enrolled_is_there_after_a_restart(tmp_path: Path, clock: FixedClock) -> None:
    with gallery_in(tmp_path, clock) as gallery:
        done = gallery.add("Ann", [photo(ANN, 0), photo(ANN, 1)], consent="asked on the phone")

    with open_gallery_in(tmp_path) as again:
        ann = again.identity("ann")
        faces = again.embeddings("Ann")

    assert (done.is_new, done.added, done.there_before) == (True, 2, 0)
    assert ann == done.identity
    assert (ann.name, ann.consent, ann.created_at, dict(ann.embeddings)) == (
        "Ann",
        "asked on the phone",
        MORNING,
        {MODEL: 2},
    )
    assert [one.source for one in faces] == ["photo-1-0.jpg", "photo-1-1.jpg"]
    assert np.array_equal(faces[1].vector, photo(ANN, 1).vector)


def test_workers_see_who_was_enrolled(tmp_path: Path) -> None:
    """The snapshot is all that they know; it must be there when the command ends."""
    with open_gallery_in(tmp_path) as gallery:
        ann = gallery.add("Ann", [photo(ANN)]).identity
        snapshot = read_snapshot(snapshot_path(gallery.video))

    found = Matcher(snapshot, MODEL, 0.4, 0.05).match(face_of(ANN, 3))
    assert (found.name, found.identity_id) == ("Ann", ann.id)


def test_nothing_is_added_if_one_face_cannot_be(tmp_path: Path) -> None:
    """Half a folder of photos would leave a person whom nobody can tell from one that is complete."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Bob", [photo(BOB)])
        version = gallery.version
        stolen = replace(photo(ANN, 1), source_sha256=photo(BOB).source_sha256)

        with pytest.raises(GalleryUseError, match="enrolled as 'Bob'"):
            gallery.add("Ann", [photo(ANN, 0), stolen])

        assert faces_by_name(gallery) == {"Bob": 1}
        assert gallery.version == version


def test_the_same_photo_is_added_once(tmp_path: Path) -> None:
    """People point at the same folder again after putting one more photo into it."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN, 0)])

        again = gallery.add("ANN", [photo(ANN, 0), photo(ANN, 1)])

        assert (again.is_new, again.added, again.there_before) == (False, 1, 1)
        assert faces_by_name(gallery) == {"Ann": 2}


def test_a_photo_can_be_enrolled_by_each_model(tmp_path: Path) -> None:
    """After a change of weights everybody is enrolled again, from the same photos."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])

        done = gallery.add(gallery.identity("Ann").id, [photo(ANN, model="newer", size=64)])

        assert dict(done.identity.embeddings) == {MODEL: 1, "newer": 1}


@pytest.mark.parametrize(
    ("first", "second"),
    [("Zoë", "ZOË"), ("Zoe\u0308", "Zoë"), ("Straße", "STRASSE"), ("Ann  Lee ", "ann lee"), ("ﬁ", "fi")],
)
def test_names_that_look_the_same_are_one_person(tmp_path: Path, first: str, second: str) -> None:
    """Otherwise the photos of one person come under two names, which then stand in each other's way."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add(first, [photo(ANN, 0)])

        assert not gallery.add(second, [photo(ANN, 1)]).is_new


@pytest.mark.parametrize("name", ["", "  ", "unknown", "UNKNOWN", "a" * 101, "a\x00b", "\ud800"])
def test_some_names_cannot_be(tmp_path: Path, name: str) -> None:
    """'unknown' is what the log calls everybody else."""
    with open_gallery_in(tmp_path) as gallery, pytest.raises(GalleryUseError, match="cannot be a name"):
        gallery.add(name, [photo(ANN)])


def test_a_person_without_a_face_cannot_be_enrolled(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery, pytest.raises(GalleryUseError, match="without a face"):
        gallery.add("Ann", [])


@pytest.mark.parametrize(
    "vector", [np.zeros(32, np.float32), np.full(32, np.nan, np.float32), np.eye(2, 32, dtype="f4")]
)
def test_a_vector_that_is_no_embedding_is_refused(tmp_path: Path, vector: "np.typing.NDArray[np.float32]") -> None:
    """A vector of no length resembles everybody equally, and one that is not a number ends every comparison."""
    with open_gallery_in(tmp_path) as gallery, pytest.raises(GalleryUseError, match="length 1"):
        gallery.add("Ann", [replace(photo(ANN), vector=vector)])


def test_other_weights_under_the_same_name_are_noticed(tmp_path: Path) -> None:
    """Vectors of 128 and of 512 numbers cannot stand in one matrix, and mean nothing to each other."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])

        with pytest.raises(GalleryUseError, match="weights were replaced"):
            gallery.add("Bob", [photo(BOB, size=64)])


def test_the_database_itself_refuses_a_vector_of_another_length(tmp_path: Path) -> None:
    """A later version, or a script, may forget to look; the tables do not."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])

        with pytest.raises(sqlite3.IntegrityError, match="not as long"), gallery.database.change() as connection:
            connection.execute(
                "insert into embeddings select 99, identity_id, model, x'00000000', quality, source_kind, source,"
                " source_sha256 || '', crop, added_at from embeddings"
            )


def test_a_person_can_be_renamed_but_not_to_a_name_that_is_taken(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        ann = gallery.add("Ann", [photo(ANN)]).identity
        gallery.add("Bob", [photo(BOB)])

        with pytest.raises(GalleryUseError, match="already"):
            gallery.rename("Ann", "BOB")
        renamed = gallery.rename("Ann", "Änn")

        assert (renamed.id, renamed.name) == (ann.id, "Änn")
        assert [one.name for one in read_snapshot(snapshot_path(gallery.video)).identities] == ["Änn", "Bob"]


def test_merging_makes_one_person_of_two(tmp_path: Path) -> None:
    """Somebody was enrolled twice, as Ann and as Anna; a photo that both have counts once."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN, 0)], consent="by phone")
        gallery.add("Anna", [photo(ANN, 1), photo(ANN, 2)], consent="on paper")
        gallery.reject("Anna", face_in(TRACK, face_of(BOB)))

        merged = gallery.merge("Ann", "Anna")

        assert (merged.name, merged.embeddings[MODEL], merged.rejections) == ("Ann", 3, 1)
        assert merged.consent == "by phone; on paper"
        assert faces_by_name(gallery) == {"Ann": 3}
        with pytest.raises(GalleryUseError, match="itself"):
            gallery.merge("Ann", "ann")


def test_a_removed_person_is_gone_from_the_database_and_from_the_snapshot(tmp_path: Path) -> None:
    """Whoever takes back their consent must not be found in either, nor in what SQLite calls free."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])
        gallery.add("Bob", [photo(BOB)])
        gallery.remove("Ann")

    vector = photo(ANN).vector.tobytes()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert photo(BOB).vector.tobytes() in everything
    assert vector not in everything
    assert b"Ann" not in everything


def test_one_face_can_be_taken_but_not_the_last(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN, 0), photo(ANN, 1)])
        first, second = gallery.embeddings("Ann")

        gallery.remove_embedding("Ann", first.id)

        assert [one.id for one in gallery.embeddings("Ann")] == [second.id]
        with pytest.raises(GalleryUseError, match="only face"):
            gallery.remove_embedding("Ann", second.id)
        gallery.add("Ann", [photo(ANN, 3)])
        with pytest.raises(GalleryUseError, match="no face with the number"):
            gallery.remove_embedding("Ann", first.id)


def test_a_rejection_reaches_the_workers(tmp_path: Path) -> None:
    neighbour = face_of(ANN, 7, unlike=0.9)
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])

        first = gallery.reject("Ann", face_in(TRACK, neighbour))
        again = gallery.reject("Ann", face_in(TRACK, neighbour))

        snapshot = read_snapshot(snapshot_path(gallery.video))
    assert (first, again) == (True, False)
    assert not Matcher(snapshot, MODEL, 0.4, 0.05).match(neighbour).known


def test_nobody_is_found_under_a_name_that_nobody_has(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery, pytest.raises(GalleryUseError, match="vedette faces list"):
        gallery.identity("Ann")


def test_faces_are_kept_for_a_later_model(tmp_path: Path) -> None:
    """Without them a change of weights would mean asking everybody for photos again."""
    with open_gallery_in(tmp_path) as gallery:
        ann = gallery.add("Ann", [replace(photo(ANN, 0), crop=b"a picture"), photo(ANN, 1)]).identity

        assert crops_of(gallery.database, ann.id) == {photo(ANN, 0).source_sha256: b"a picture"}
        assert [one.crop for one in kept_faces(gallery.database)] == [b"a picture", None]


def test_a_snapshot_that_was_not_written_is_written_by_the_next_command(tmp_path: Path) -> None:
    """A process that is killed between the two leaves workers that do not know what was enrolled."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])
        path = snapshot_path(gallery.video)
        old = path.read_bytes()
        gallery.add("Bob", [photo(BOB)])
    path.write_bytes(old)

    with open_gallery_in(tmp_path):
        pass

    assert [one.name for one in read_snapshot(path).identities] == ["Ann", "Bob"]


@pytest.mark.parametrize("damage", ["torn", "absent"])
def test_a_snapshot_that_was_damaged_is_written_by_the_next_command(tmp_path: Path, damage: str) -> None:
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])
        path = snapshot_path(gallery.video)
    whole = path.read_bytes()
    path.unlink() if damage == "absent" else path.write_bytes(whole[:-9])

    with open_gallery_in(tmp_path):
        pass

    assert [one.name for one in read_snapshot(path).identities] == ["Ann"]


def test_a_snapshot_that_cannot_be_written_leaves_the_gallery_changed_and_says_so(tmp_path: Path) -> None:
    """The person is enrolled; told the opposite, one would enrol them again under another name."""
    with open_gallery_in(tmp_path) as gallery:
        (tmp_path / "video").write_text("a file where the folder should be")

        with pytest.raises(SnapshotNotWrittenError, match="is saved"):
            gallery.add("Ann", [photo(ANN)])

        assert faces_by_name(gallery) == {"Ann": 1}


def test_an_empty_gallery_does_not_take_people_from_the_workers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The state folder was lost, or STATE_DIR is mistyped: the house must not be full of strangers for that."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])
    (tmp_path / "state").rename(tmp_path / "lost")

    with open_gallery_in(tmp_path) as other:
        assert other.identities() == []

    assert [one.name for one in read_snapshot(snapshot_path(other.video)).identities] == ["Ann"]
    assert "another one" in caplog.text


def test_a_note_that_is_too_long_is_refused_in_words(tmp_path: Path) -> None:
    """Somebody pastes a whole form; what is cut off in silence is missed when it is asked for."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])

        with pytest.raises(GalleryUseError, match="2000"):
            gallery.note_consent("Ann", "a" * 2001)
        assert gallery.note_consent("Ann", " by phone ").consent == "by phone"
