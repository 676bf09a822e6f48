"""A pack is found by its name alone, holds exactly what is used, and nothing is downloaded to make it so."""

import socket
from pathlib import Path

import pytest

from shared_utils.errors import ModelError
from shared_utils.faces.pack import find_pack
from shared_utils.models import PACKS_FOLDER, ModelMissingError, UnusableModelError
from tests.support.tiny_pack import tiny_pack, write_detector, write_other_model, write_recogniser


@pytest.mark.parametrize("name", ["mine", "insightface/models/mine"])
def test_a_pack_is_found_by_its_name_and_by_its_path(tmp_path: Path, name: str) -> None:
    """The README of the models and the configuration name it either way."""
    folder = tiny_pack(tmp_path / PACKS_FOLDER / "mine")

    pack = find_pack(name, tmp_path)

    assert (pack.name, pack.detector.parent, pack.recogniser.name) == ("mine", folder, "tiny_w16.onnx")


def test_a_listed_pack_is_read_from_the_files_that_the_list_names(tmp_path: Path) -> None:
    """buffalo_l has five models of 326 MB; three of them are not even opened."""
    folder = tmp_path / PACKS_FOLDER / "buffalo_s"
    folder.mkdir(parents=True)
    write_detector(folder / "det_500m.onnx")
    write_recogniser(folder / "w600k_mbf.onnx")
    (folder / "1k3d68.onnx").write_bytes(b"never opened")

    pack = find_pack("buffalo_s", tmp_path)

    assert (pack.detector.name, pack.recogniser.name) == ("det_500m.onnx", "w600k_mbf.onnx")


def test_other_models_of_a_pack_are_left_alone(tmp_path: Path) -> None:
    """Packs bring landmarks in 3D and age; neither is a recogniser, though both take a square picture."""
    folder = tiny_pack(tmp_path / PACKS_FOLDER / "mine")
    write_other_model(folder / "2d106det.onnx")

    assert find_pack("mine", tmp_path).recogniser.name == "tiny_w16.onnx"


def test_a_missing_pack_is_an_error_and_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """InsightFace would fetch any name it does not find, from the network, onto a non-commercial licence."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("something asked for the network"))

    with pytest.raises(ModelMissingError, match="vedette models fetch buffalo_l"):
        find_pack("buffalo_l", tmp_path)


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="leads out of"):
        find_pack("../other", tmp_path)


@pytest.mark.parametrize("name", ["my faces", "größe", ".hidden"])
def test_a_folder_whose_name_no_file_should_bear_is_refused(tmp_path: Path, name: str) -> None:
    """The name of the pack stands in the names of files beside the segments, and in tasks."""
    tiny_pack(tmp_path / PACKS_FOLDER / name)

    with pytest.raises(UnusableModelError, match="Give it a name such as buffalo_l"):
        find_pack(name, tmp_path)


def test_two_recognisers_are_one_too_many(tmp_path: Path) -> None:
    """Whichever were taken, embeddings of the other would lie in the gallery under the same name."""
    folder = tiny_pack(tmp_path / PACKS_FOLDER / "mine")
    write_recogniser(folder / "second.onnx", seed=1)

    with pytest.raises(UnusableModelError, match=r"one recogniser, but there are 2 \(second.onnx, tiny_w16.onnx\)"):
        find_pack("mine", tmp_path)


def test_a_folder_with_other_models_only_is_no_pack(tmp_path: Path) -> None:
    folder = tmp_path / PACKS_FOLDER / "mine"
    folder.mkdir(parents=True)
    write_other_model(folder / "2d106det.onnx")

    with pytest.raises(UnusableModelError, match=r"one detector, but there are 0 \(none\)"):
        find_pack("mine", tmp_path)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x00" * 100])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes) -> None:
    """A download that ended early or brought an error page is the usual reason."""
    folder = tiny_pack(tmp_path / PACKS_FOLDER / "mine")
    (folder / "tiny_w16.onnx").write_bytes(content)

    with pytest.raises(UnusableModelError, match=r"tiny_w16\.onnx|one recogniser, but there are 0"):
        find_pack("mine", tmp_path)


def test_a_listed_pack_of_which_a_part_is_still_to_come_is_missing(tmp_path: Path) -> None:
    """The worker waits for what is missing, and ends over what is broken."""
    folder = tmp_path / PACKS_FOLDER / "buffalo_s"
    folder.mkdir(parents=True)
    write_detector(folder / "det_500m.onnx")

    with pytest.raises(ModelMissingError):
        find_pack("buffalo_s", tmp_path)


def test_an_empty_folder_is_no_pack(tmp_path: Path) -> None:
    (tmp_path / PACKS_FOLDER / "mine").mkdir(parents=True)

    with pytest.raises(UnusableModelError, match=r"one detector, but there are 0 \(none\)"):
        find_pack("mine", tmp_path)


def test_a_pack_of_the_newer_kind_is_refused(tmp_path: Path) -> None:
    """Its recogniser prepares the picture in a way of its own: embeddings would be wrong without any error."""
    folder = tiny_pack(tmp_path / PACKS_FOLDER / "mine")
    (folder / "manifest.json").write_text('{"manifest_version": 2}', encoding="utf-8")

    with pytest.raises(UnusableModelError, match=r"manifest\.json"):
        find_pack("mine", tmp_path)


def test_other_weights_under_the_same_name_have_another_id(tmp_path: Path) -> None:
    """Otherwise nobody could tell that a gallery was made by weights that have been replaced since."""
    one = find_pack(str(tiny_pack(tmp_path / "a" / "mine", seed=0)), tmp_path)
    other = find_pack(str(tiny_pack(tmp_path / "b" / "mine", seed=1)), tmp_path)

    assert one.name == other.name
    assert one.recogniser_id() != other.recogniser_id()
    assert len(one.recogniser_id()) == 16
