"""The snapshot: one file by which workers on any host know the gallery, without a database."""

import logging
from pathlib import Path

import numpy as np
import pytest

from shared_utils.gallery.arrays import write_arrays
from shared_utils.gallery.errors import SnapshotUnusableError, UnreadableArraysError
from shared_utils.gallery.snapshot import (
    GallerySnapshot,
    WatchedSnapshot,
    read_snapshot,
    snapshot_path,
    write_snapshot,
)
from shared_utils.segments import VideoDir
from tests.support.gallery_parts import MODEL, face_of, faces_of, snapshot_of


@pytest.fixture
def video(tmp_path: Path) -> VideoDir:
    return VideoDir(tmp_path / "video")


def test_what_was_written_is_read(video: VideoDir) -> None:
    snapshot = snapshot_of({"Ann": faces_of(1, [0, 1]), "Zoë": faces_of(2, [0])}, [("Zoë", face_of(3))], version=7)

    write_snapshot(snapshot_path(video), snapshot)
    found = read_snapshot(snapshot_path(video))

    assert (found.version, found.gallery_id, found.identities) == (7, "a-gallery", snapshot.identities)
    for name in ("embeddings", "owners", "rejected", "rejected_owners"):
        assert np.array_equal(getattr(found.models[MODEL], name), getattr(snapshot.models[MODEL], name))


def test_no_file_is_the_empty_gallery(video: VideoDir) -> None:
    """Most systems begin so, and their workers start before anybody is enrolled."""
    assert WatchedSnapshot(video).current() == GallerySnapshot()


def test_a_worker_sees_a_new_version_and_reads_an_old_one_once(video: VideoDir) -> None:
    """Somebody who is enrolled now is to be named in the next segment, without a restart."""
    watched = WatchedSnapshot(video)
    write_snapshot(snapshot_path(video), snapshot_of({"Ann": faces_of(1, [0])}, version=1))
    first = watched.current()

    again = watched.current()
    write_snapshot(snapshot_path(video), snapshot_of({"Ann": faces_of(1, [0])}, version=2))

    assert first.version == 1
    assert again is first
    assert watched.current().version == 2


def test_a_removed_file_is_the_empty_gallery_in_a_running_worker_too(video: VideoDir) -> None:
    """Whoever deletes the gallery wants the people in it forgotten."""
    watched = WatchedSnapshot(video)
    write_snapshot(snapshot_path(video), snapshot_of({"Ann": faces_of(1, [0])}))
    assert watched.current().identities

    snapshot_path(video).unlink()

    assert watched.current().identities == ()


def test_a_damaged_file_leaves_a_running_worker_its_last_gallery(
    video: VideoDir, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise a disk error would turn everybody into a stranger. It is told once, not with every segment."""
    watched = WatchedSnapshot(video)
    write_snapshot(snapshot_path(video), snapshot_of({"Ann": faces_of(1, [0])}, version=3))
    watched.current()

    snapshot_path(video).write_bytes(b"PK\x03\x04 torn")
    with caplog.at_level(logging.WARNING):
        found = [watched.current().version, watched.current().version]

    assert found == [3, 3]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_worker_that_finds_a_damaged_file_at_its_start_waits(video: VideoDir) -> None:
    """Without names every line would say unknown, for ever: better late than that."""
    write_snapshot(snapshot_path(video), snapshot_of({"Ann": faces_of(1, [0])}))
    snapshot_path(video).write_bytes(snapshot_path(video).read_bytes()[:-40])

    with pytest.raises(SnapshotUnusableError, match="vedette faces list"):
        WatchedSnapshot(video).current()


def test_a_snapshot_of_a_newer_version_is_refused(video: VideoDir) -> None:
    """Guessing at a layout that nobody here knows could give a face the wrong name."""
    write_arrays(snapshot_path(video), {"schema": 2, "version": 1}, {})

    with pytest.raises(UnreadableArraysError, match="schema 2"):
        read_snapshot(snapshot_path(video))


@pytest.mark.parametrize("owners", [[0, 5], [1, 0], [-1, 0], [0]])
def test_embeddings_that_belong_to_nobody_are_refused(video: VideoDir, owners: list[int]) -> None:
    """They would name a face after somebody else, or end the worker with an index error."""
    vectors = faces_of(1, [0, 1])
    header = {
        "schema": 1,
        "version": 1,
        "gallery_id": "x",
        "models": [MODEL],
        "identities": [{"id": "a", "name": "Ann"}],
    }
    none = np.zeros(0, np.int32)
    arrays = {"embeddings_0": vectors, "owners_0": np.array(owners, np.int32), "rejected_0": vectors[:0]}
    write_arrays(snapshot_path(video), header, {**arrays, "rejected_owners_0": none})

    with pytest.raises(UnreadableArraysError):
        read_snapshot(snapshot_path(video))


def test_a_vector_that_has_not_the_length_1_is_refused(video: VideoDir) -> None:
    """Its similarities would be anything: longer vectors win every comparison."""
    write_snapshot(snapshot_path(video), snapshot_of({"Ann": faces_of(1, [0]) * np.float32(3.0)}))

    with pytest.raises(UnreadableArraysError, match="length 1"):
        read_snapshot(snapshot_path(video))


def test_a_file_with_a_pickle_is_refused_unopened(video: VideoDir) -> None:
    """Loading a pickle runs whatever is in it; the video folder may be a share that others write to."""
    snapshot_path(video).parent.mkdir(parents=True)
    np.savez(snapshot_path(video), header=np.array([{"schema": 1}], dtype=object))

    with pytest.raises(UnreadableArraysError, match="damaged"):
        read_snapshot(snapshot_path(video))


def test_a_compressed_file_is_refused(video: VideoDir) -> None:
    """A few kilobytes of it could unpack to more than the memory of the machine."""
    snapshot_path(video).parent.mkdir(parents=True)
    np.savez_compressed(snapshot_path(video), header=np.zeros(10_000_000, np.uint8))

    with pytest.raises(UnreadableArraysError, match="compressed"):
        read_snapshot(snapshot_path(video))
