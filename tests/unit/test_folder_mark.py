"""The mark of a video folder: one for each folder, and whoever remembers it notices another folder in its place."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared_utils.errors import StorageError
from shared_utils.folder_mark import LOCK_NAME, MARK_NAME, FolderAwayError, FolderGuard, mark_folder, read_mark
from shared_utils.status import StatusFile
from tests.support.fixed_clock import FixedClock

CLOCK = FixedClock()


def test_a_folder_is_marked_once(tmp_path: Path) -> None:
    """Two services that start at once must agree, or each would take the folder for another one."""
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: mark_folder(tmp_path, CLOCK), range(8)))

    assert ids == {read_mark(tmp_path)}
    assert json.loads((tmp_path / MARK_NAME).read_text())["created_at"] == "2026-11-20T10:15:00.000Z"


def test_a_folder_of_an_older_version_is_adopted_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "segments").mkdir()

    mark_folder(tmp_path, CLOCK)

    assert read_mark(tmp_path) is not None
    assert (tmp_path / "segments").is_dir()


@pytest.mark.parametrize("torn", [b"", b'{"schema": 1, "i', b"[]", b'{"id": 5}', b"\xff\xfe"])
def test_a_mark_that_cannot_be_read_is_none_and_is_written_anew(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / MARK_NAME).write_bytes(torn)
    before = read_mark(tmp_path)

    written = mark_folder(tmp_path, CLOCK)

    assert before is None
    assert read_mark(tmp_path) == written


def test_a_folder_that_is_not_there_cannot_be_marked(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be marked"):
        mark_folder(tmp_path / "missing", CLOCK)


def test_a_folder_in_the_place_of_the_marked_one_is_refused_until_that_is_back(tmp_path: Path) -> None:
    """Unmounted, replaced by another disk, and mounted again."""
    video = tmp_path / "video"
    video.mkdir()
    guard = FolderGuard(video)
    guard.begin(CLOCK)
    disk = video.rename(tmp_path / "disk")

    with pytest.raises(FolderAwayError, match="is not there"):
        guard.require()
    video.mkdir()
    with pytest.raises(FolderAwayError, match="is not there"):
        guard.require()
    mark_folder(video, CLOCK)
    with pytest.raises(FolderAwayError, match="that of another folder"):
        guard.require()
    video.rename(tmp_path / "other")
    disk.rename(video)
    guard.require()

    assert guard.knows


def test_a_mark_that_somebody_deleted_is_written_again_and_stops_nothing(tmp_path: Path) -> None:
    """The folder is there all the time: recording would stop for ever, with a message that it was unmounted."""
    guard, worker = FolderGuard(tmp_path), FolderGuard(tmp_path)
    guard.begin(CLOCK)
    worker.require()
    before = read_mark(tmp_path)
    (tmp_path / MARK_NAME).unlink()

    worker.require()
    by_a_worker = read_mark(tmp_path)
    guard.require()

    assert by_a_worker is None
    assert read_mark(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {MARK_NAME, LOCK_NAME}


def test_a_folder_that_was_marked_anew_is_the_same_for_those_who_work_in_it(tmp_path: Path) -> None:
    """Its mark was deleted while capture was down, which makes another at its start: workers would wait for ever."""
    FolderGuard(tmp_path).begin(CLOCK)
    worker = FolderGuard(tmp_path)
    worker.require()
    (tmp_path / MARK_NAME).unlink()
    FolderGuard(tmp_path).begin(CLOCK)

    worker.require()
    away = tmp_path.rename(tmp_path.with_name("away"))
    tmp_path.mkdir()

    with pytest.raises(FolderAwayError):
        worker.require()
    away.joinpath(MARK_NAME).rename(tmp_path / MARK_NAME)
    worker.require()  # by the newer mark


def test_a_folder_without_a_mark_is_accepted_until_it_has_one(tmp_path: Path) -> None:
    """A worker of this version may meet a folder that no capture service of this version has marked yet."""
    guard = FolderGuard(tmp_path)
    guard.require()
    unknown = guard.knows
    mark_folder(tmp_path, CLOCK)

    guard.require()

    assert (unknown, guard.knows) == (False, True)


def test_no_status_is_written_below_a_disk_that_was_unmounted(tmp_path: Path) -> None:
    video = tmp_path / "video"
    video.mkdir()
    mark_folder(video, CLOCK)
    status = StatusFile(video / "status", "worker", CLOCK)
    status.write({})
    video.rename(tmp_path / "disk")
    video.mkdir()

    status.write({})

    assert list(video.iterdir()) == []
    assert len(list((tmp_path / "disk" / "status").iterdir())) == 1
