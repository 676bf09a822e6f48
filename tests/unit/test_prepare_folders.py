"""Mounted folders are made usable for services without rights, and nobody else's folder is taken over."""

import os
from pathlib import Path

import pytest

from shared_utils.prepare_folders import main, prepare, prepare_models

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another user")


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "video"

    problem = prepare(folder, os.getuid(), os.getgid())

    assert problem is None
    assert folder.is_dir()


@as_root
def test_a_folder_of_root_is_given_to_the_services(tmp_path: Path) -> None:
    """Docker makes a missing bind mount as root; the services could not write to it."""
    folder, inside = tmp_path / "video", tmp_path / "video" / "mine.txt"
    folder.mkdir()
    inside.touch()

    problem = prepare(folder, 1000, 1000)

    assert problem is None
    assert (folder.stat().st_uid, folder.stat().st_gid) == (1000, 1000)
    assert inside.stat().st_uid == 0


@as_root
def test_a_folder_of_somebody_else_is_left_alone_and_the_message_says_what_to_set(tmp_path: Path) -> None:
    folder = tmp_path / "video"
    folder.mkdir(mode=0o755)
    os.chown(folder, 1234, 1235)

    problem = prepare(folder, 1000, 1000)

    assert problem is not None
    assert "PUID=1234" in problem
    assert folder.stat().st_uid == 1234


@as_root
def test_a_folder_of_somebody_else_that_everybody_may_write_to_is_fine(tmp_path: Path) -> None:
    folder = tmp_path / "video"
    folder.mkdir()
    folder.chmod(0o777)
    os.chown(folder, 1234, 1235)

    assert prepare(folder, 1000, 1000) is None


@as_root
def test_a_folder_with_weights_stays_its_owners(tmp_path: Path) -> None:
    """It may be a folder that several programs share; the workers only read it."""
    pack = tmp_path / "insightface" / "models" / "buffalo_s"
    pack.mkdir(parents=True)
    (pack / "det_500m.onnx").write_bytes(b"weights")
    before = tmp_path.stat()

    problem = prepare_models(tmp_path, 1000, 1000)

    assert problem is None
    assert (tmp_path.stat().st_uid, tmp_path.stat().st_gid) == (before.st_uid, before.st_gid)


@as_root
def test_an_empty_folder_for_weights_is_given_to_the_services(tmp_path: Path) -> None:
    """They are brought by a container that runs as the same user."""
    video, models = tmp_path / "video", tmp_path / "models"
    models.mkdir()

    code = main([str(video), "--models", str(models)])

    assert code == 0
    assert video.is_dir()
    assert models.stat().st_uid == int(os.environ.get("PUID", "1000"))


@as_root
@pytest.mark.parametrize(("inside", "given"), [([], True), (["ann.jpg"], False)])
def test_an_empty_folder_for_photos_is_made_usable_and_a_filled_one_left_alone(
    tmp_path: Path, inside: list[str], given: bool
) -> None:
    """Docker makes it as root, and nobody could put a photo into it. Photos that are there belong to somebody."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in inside:
        (photos / name).touch()

    code = main([str(tmp_path / "video"), "--photos", str(photos)])

    assert code == 0
    assert (photos.stat().st_uid != 0) == given


@as_root
def test_a_folder_for_photos_of_somebody_else_is_no_reason_not_to_start(tmp_path: Path) -> None:
    """Recording must not wait for a folder that is for photos alone."""
    photos = tmp_path / "photos"
    photos.mkdir(mode=0o755)
    os.chown(photos, 1234, 1235)

    assert main([str(tmp_path / "video"), "--photos", str(photos)]) == 0
    assert photos.stat().st_uid == 1234
