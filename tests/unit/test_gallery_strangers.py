"""Strangers: a returning one is one cluster with one number, which gets a name later, and with it its past."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared_utils.errors import StorageError
from shared_utils.folder_mark import mark_folder
from shared_utils.gallery.appearances import Appearance, appearances_path, read_appearances, write_appearances
from shared_utils.gallery.clusters import cluster_strangers, linked, members, unknown_clusters
from shared_utils.gallery.errors import GalleryUseError
from shared_utils.gallery.index import appearances_in, refresh
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.naming import name_cluster, reject_cluster, reject_track
from shared_utils.gallery.records import TrackKey
from shared_utils.gallery.snapshot import read_snapshot, snapshot_path
from shared_utils.gallery.store import Gallery
from shared_utils.segments import VideoDir
from tests.support.fixed_clock import FixedClock
from tests.support.galleries import faces_by_name, gallery_in, open_gallery_in, photo
from tests.support.gallery_parts import MODEL, MORNING, appearance, face_of, unit

ANN, POSTMAN, CAT_SITTER = 1, 2, 3
THRESHOLD = 0.5


def seen(video: VideoDir, *appearances: Appearance) -> None:
    """What workers leave: a sidecar for each segment."""
    for segment in {one.segment_id for one in appearances}:
        write_appearances(video, segment, MODEL, [one for one in appearances if one.segment_id == segment])


def clusters_in(gallery: Gallery) -> dict[int, int]:
    """How many appearances each nameless cluster has."""
    refresh(gallery.database, gallery.video)
    cluster_strangers(gallery.database, MODEL, THRESHOLD)
    return {one.number: one.appearances for one in unknown_clusters(gallery.database, MODEL)}


def with_face(one: Appearance, face: NDArray[np.float32]) -> Appearance:
    return replace(one, embedding=face)


def tracks_in(gallery: Gallery) -> list[TrackKey]:
    with gallery.database.reading() as connection:
        return [one.track for one in appearances_in(connection, "true", [])[0]]


def test_a_stranger_who_returns_is_one_cluster(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, *(appearance(POSTMAN, look=day, minutes=day * 1440) for day in range(4)))
        seen(gallery.video, appearance(CAT_SITTER, minutes=7))

        assert sorted(clusters_in(gallery).values()) == [1, 4]


def test_a_cluster_keeps_its_number_and_its_members_whoever_comes_later(tmp_path: Path) -> None:
    """People note numbers and name them tomorrow."""
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, appearance(POSTMAN), appearance(CAT_SITTER, minutes=5))
        before = clusters_in(gallery)
        postman = members(gallery.database, 1)

        seen(
            gallery.video, appearance(POSTMAN, look=1, minutes=10), appearance(9, minutes=15), appearance(8, minutes=20)
        )
        after = clusters_in(gallery)

        assert before == {1: 1, 2: 1}
        assert after == {1: 2, 2: 1, 3: 1, 4: 1}
        assert set(postman) < set(members(gallery.database, 1))


def test_the_number_of_a_cluster_that_is_gone_is_not_given_again(tmp_path: Path) -> None:
    """'Name cluster 1 after the postman', noted last week, must not name the burglar."""
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, appearance(POSTMAN))
        assert clusters_in(gallery) == {1: 1}
        appearances_path(gallery.video, appearance(POSTMAN).segment_id, MODEL).unlink()

        assert clusters_in(gallery) == {}
        seen(gallery.video, appearance(CAT_SITTER, minutes=5))

        assert clusters_in(gallery) == {2: 1}


def test_people_who_have_a_name_are_no_strangers(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, appearance(ANN, name="Ann"), appearance(POSTMAN, 2))

        assert list(clusters_in(gallery).values()) == [1]


def test_a_segment_that_is_analysed_again_changes_nothing(tmp_path: Path) -> None:
    """A worker was killed between its sidecar and its line: the task comes back, and finds the same faces."""
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, appearance(POSTMAN), appearance(CAT_SITTER, 2))
        before = clusters_in(gallery)

        seen(gallery.video, appearance(POSTMAN, quality=0.7), appearance(CAT_SITTER, 2))
        again = refresh(gallery.database, gallery.video)

        assert (again.read, clusters_in(gallery)) == (1, before)
        assert {one.quality for number in before for one in members(gallery.database, number)} == {0.7, 0.8}


def test_a_track_that_another_analysis_does_not_find_again_is_forgotten(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, appearance(POSTMAN), appearance(CAT_SITTER, 2))
        assert sum(clusters_in(gallery).values()) == 2

        seen(gallery.video, appearance(POSTMAN))

        assert sum(clusters_in(gallery).values()) == 1


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    """Months of footage leave tens of thousands of these files."""
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, appearance(POSTMAN), appearance(POSTMAN, minutes=3))

        counts = [refresh(gallery.database, gallery.video).read for _ in range(2)]

    assert counts == [2, 0]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"what is this"])
def test_a_file_that_is_none_of_ours_is_told_once_and_left_alone(tmp_path: Path, content: bytes) -> None:
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, appearance(POSTMAN))
        foreign = gallery.video.root / "faces" / "hall" / "2026-11-20" / "holiday.npz"
        foreign.write_bytes(content)

        found = [refresh(gallery.database, gallery.video) for _ in range(2)]

        assert [one.unreadable for one in found] == [("hall/2026-11-20/holiday.npz",), ()]
        assert clusters_in(gallery) == {1: 1}
        assert foreign.read_bytes() == content


def test_a_sidecar_under_a_wrong_name_is_not_believed(tmp_path: Path) -> None:
    """A copy beside it would otherwise move the appearance to a file that retention does not know."""
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, appearance(POSTMAN))
        path = appearances_path(gallery.video, appearance(POSTMAN).segment_id, MODEL)
        path.with_name(f"copy-of-{path.name}").write_bytes(path.read_bytes())

        assert len(refresh(gallery.database, gallery.video).unreadable) == 1
        assert clusters_in(gallery) == {1: 1}


def test_faces_of_other_weights_under_the_same_name_are_told(tmp_path: Path) -> None:
    """They cannot be compared with those before, and must not end the command."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN, size=64)])
        seen(gallery.video, appearance(POSTMAN))

        assert len(refresh(gallery.database, gallery.video).unreadable) == 1


def test_an_unmounted_folder_does_not_empty_the_index(tmp_path: Path) -> None:
    """Every cluster and its number would be gone, for good."""
    with gallery_in(tmp_path) as gallery:
        gallery.video.root.mkdir()
        mark_folder(gallery.video.root, FixedClock(MORNING))
        seen(gallery.video, appearance(POSTMAN))
        before = clusters_in(gallery)
        gallery.video.root.rename(tmp_path / "away")

        with pytest.raises(StorageError, match="Mount"):
            refresh(gallery.database, gallery.video)

        (tmp_path / "away").rename(gallery.video.root)
        assert clusters_in(gallery) == before


def test_a_named_cluster_is_a_person_whom_workers_know(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, *(appearance(POSTMAN, look=day, minutes=day, quality=day / 10) for day in range(8)))
        (number,) = clusters_in(gallery)

        named = name_cluster(gallery, number, "Pat", consent="asked at the door")

        assert (named.is_new, named.added, named.identity.consent) == (True, 5, "asked at the door")
        assert {round(one.quality, 1) for one in gallery.embeddings("Pat")} == {0.3, 0.4, 0.5, 0.6, 0.7}
        found = Matcher(read_snapshot(snapshot_path(gallery.video)), MODEL, 0.4, 0.05).match(face_of(POSTMAN, 20))
        assert found.name == "Pat"
        assert clusters_in(gallery) == {}


def test_a_cluster_can_be_somebody_who_is_known_already(tmp_path: Path) -> None:
    """The photo was ten years old, and the cameras took Ann for a stranger."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(77)])
        seen(gallery.video, appearance(ANN))
        (number,) = clusters_in(gallery)

        assert not name_cluster(gallery, number, "ann").is_new
        assert faces_by_name(gallery) == {"Ann": 2}


def test_a_cluster_that_got_the_wrong_name_gets_another(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Bob", [photo(77)])
        seen(gallery.video, appearance(POSTMAN))
        (number,) = clusters_in(gallery)
        name_cluster(gallery, number, "Bob")

        name_cluster(gallery, number, "Pat")

        assert faces_by_name(gallery) == {"Bob": 1, "Pat": 1}


def test_a_cluster_that_does_not_exist_cannot_be_named(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery, pytest.raises(GalleryUseError, match="vedette faces unknown"):
        name_cluster(gallery, 4, "Pat")


def test_a_cluster_that_is_not_somebody_is_not_taken_for_them_again(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])
        look_alike = unit((face_of(ANN) + 1.1 * face_of(50)).astype(np.float64))
        seen(gallery.video, with_face(appearance(ANN), look_alike))
        (number,) = clusters_in(gallery)
        before = Matcher(read_snapshot(snapshot_path(gallery.video)), MODEL, 0.4, 0.05).match(look_alike)

        rejected = reject_cluster(gallery, number, "Ann")

        after = Matcher(read_snapshot(snapshot_path(gallery.video)), MODEL, 0.4, 0.05).match(look_alike)
        assert (before.name, rejected, after.name) == ("Ann", 1, "unknown")
        assert clusters_in(gallery) == {number: 1}


def test_a_track_that_is_not_somebody_is_a_stranger(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])
        seen(gallery.video, appearance(POSTMAN, name="Ann"))
        assert clusters_in(gallery) == {}
        (track,) = tracks_in(gallery)

        assert reject_track(gallery, track, "Ann").rejections == 1
        assert list(clusters_in(gallery).values()) == [1]


def test_a_removed_persons_cluster_is_a_stranger_again(tmp_path: Path) -> None:
    """The footage still shows somebody, whom one may want to name rightly."""
    with open_gallery_in(tmp_path) as gallery:
        seen(gallery.video, appearance(POSTMAN))
        (number,) = clusters_in(gallery)
        name_cluster(gallery, number, "Pat")

        gallery.remove("Pat")

        assert clusters_in(gallery) == {number: 1}


def test_purging_a_person_deletes_what_was_learned_of_them_from_footage(tmp_path: Path) -> None:
    """Their face in numbers must not stay behind; other people's in the same file do."""
    with open_gallery_in(tmp_path) as gallery:
        ann = gallery.add("Ann", [photo(ANN)]).identity
        gallery.video.root.mkdir(exist_ok=True)
        mark_folder(gallery.video.root, FixedClock(MORNING))
        hers = appearance(ANN, 1, name="Ann")
        seen(gallery.video, replace(hers, identity_id=ann.id), appearance(POSTMAN, 2))

        gallery.remove("Ann", purge=True)

        left = read_appearances(appearances_path(gallery.video, hers.segment_id, MODEL))
        assert [one.track_id for one in left] == [2]
        assert list(clusters_in(gallery).values()) == [1]
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert hers.embedding.tobytes() not in everything


def test_groups_are_what_their_average_says() -> None:
    """Single links would chain strangers together over a blurred face in between."""
    faces = np.stack([face_of(1, 0), face_of(1, 1), face_of(2, 0), face_of(2, 1), face_of(3, 0)])

    groups = linked(faces, THRESHOLD)

    assert groups[0] == groups[1]
    assert groups[2] == groups[3]
    assert len(set(groups.tolist())) == 3
