"""Weights are found by name, know their labels, and are looked into before they are trusted."""

import os
import zipfile
from pathlib import Path

import pytest

from shared_utils.errors import ModelError
from shared_utils.model_check import check_weights, known_picture
from shared_utils.models import (
    COCO_LABELS,
    ModelMissingError,
    UnusableModelError,
    find_model,
    load_sources,
    model_labels,
)
from tests.support.tiny_onnx import tiny_detector

REAL_MODEL = Path(os.environ.get("MODELS_DIR") or "models") / "yolov8n.onnx"


def test_a_model_is_found_by_its_name_in_the_folder_or_by_a_full_path(tmp_path: Path) -> None:
    """Configuration names a file; commands may name one anywhere."""
    weights = tiny_detector(tmp_path / "ours.onnx")

    assert find_model("ours.onnx", tmp_path) == weights
    assert find_model("ours", tmp_path) == weights
    assert find_model(str(weights), tmp_path / "elsewhere") == weights


def test_an_insightface_pack_is_found_by_its_name(tmp_path: Path) -> None:
    """Whoever asks for buffalo_l need not know the folders that InsightFace wants it in."""
    pack = tmp_path / "insightface" / "models" / "buffalo_l"
    pack.mkdir(parents=True)

    assert find_model("buffalo_l", tmp_path) == pack


def test_a_pack_of_ones_own_is_found_where_insightface_keeps_its_packs(tmp_path: Path) -> None:
    """It need not be on our list to be used by its name."""
    pack = tmp_path / "insightface" / "models" / "ours"
    pack.mkdir(parents=True)

    assert find_model("ours", tmp_path) == pack


def test_a_missing_model_says_where_it_was_looked_for_what_is_there_and_what_brings_it(tmp_path: Path) -> None:
    """Otherwise the first error that most people meet leads nowhere."""
    tiny_detector(tmp_path / "ours.onnx")

    with pytest.raises(ModelMissingError) as missing:
        find_model("yolov8n.onnx", tmp_path)

    for part in (str(tmp_path), "ours.onnx", "vedette models fetch yolov8n.onnx", "docker compose run --rm models"):
        assert part in str(missing.value)


@pytest.mark.parametrize("folder", ["empty", "not there"])
def test_a_missing_model_is_told_from_a_missing_folder(tmp_path: Path, folder: str) -> None:
    """A volume that was not mounted looks like missing weights."""
    models_dir = tmp_path / folder
    if folder == "empty":
        models_dir.mkdir()

    with pytest.raises(ModelMissingError, match="no weights are yet" if folder == "empty" else "does not exist"):
        find_model("yolov8n.onnx", models_dir)


def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    """Names of models come in tasks, which others may have written."""
    models_dir = tmp_path / "models"
    models_dir.mkdir()
    tiny_detector(tmp_path / "outside.onnx")

    with pytest.raises(ModelError, match="leads out of"):
        find_model("../outside.onnx", models_dir)


def test_labels_come_from_the_file_in_their_order() -> None:
    """Models trained on other things than COCO name them there."""
    assert model_labels({"names": "{1: 'fox', 0: 'hen'}"}) == {0: "hen", 1: "fox"}
    assert model_labels({"names": "['hen', 'fox']"}) == {0: "hen", 1: "fox"}


def test_a_file_without_labels_has_those_of_coco() -> None:
    """Detectors exported by other tools carry no names."""
    labels = model_labels({})

    assert len(labels) == len(set(COCO_LABELS)) == 80
    assert (labels[0], labels[5], labels[79]) == ("person", "bus", "toothbrush")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').getcwd()",
        "{0: 'hen'",
        "{'hen': 0}",
        "{0: 1}",
        "{}",
        "7",
        "(" * 500,
        "{-1: 'hen'}",
        "{0: 'a', 2: 'b'}",
    ],
)
def test_labels_that_are_no_numbered_words_are_refused_and_never_run(text: str) -> None:
    """The text comes from a file that anybody may have made."""
    with pytest.raises(ModelError, match="labels in the model"):
        model_labels({"names": text})


def test_every_listed_source_states_its_licence_and_the_default_one_is_the_default_model() -> None:
    """`vedette models fetch` without a name must bring what the object worker looks for."""
    from shared_utils.config import ObjectsConfig

    sources = load_sources()

    assert [source.name for source in sources.values() if source.default] == [ObjectsConfig().model]
    assert all(source.licence and source.terms for source in sources.values())
    assert all((source.address or "https://").startswith("https://") for source in sources.values())


@pytest.mark.parametrize(
    "change",
    [
        ('made_from = "yolov8n.pt"', 'made_from = "gone.pt"'),
        ('name = "buffalo_l"', 'name = "../buffalo_l"'),
        ('folder = "insightface/models/buffalo_l"', 'folder = "../../etc"'),
        ('folder = "insightface/models/buffalo_l"', 'folder = "/etc"'),
        ('address = "https://github.com/ultra', 'address = "file:///etc/'),
        ("default = true", "defalut = true"),
        ("default = true", 'address = "https://127.0.0.1/both"'),
        ('name = "buffalo_s"', 'name = "buffalo_l"'),
        ("[[model]]", "[[model"),
    ],
    ids=lambda change: change[1],
)
def test_a_list_of_models_that_cannot_be_right_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    """An address or a folder from a spoilt list must not decide what is written where."""
    from shared_utils.models import SOURCES_FILE

    file = tmp_path / "models.toml"
    good = SOURCES_FILE.read_text(encoding="utf-8")
    assert change[0] in good
    file.write_text(good.replace(*change), encoding="utf-8")

    with pytest.raises(ModelError, match="list of models"):
        load_sources(file)


def test_a_detector_of_the_right_shape_is_usable(tmp_path: Path) -> None:
    """The tests below bend one thing of this one."""
    check_weights(tiny_detector(tmp_path / "good.onnx", labels={0: "person", 1: "bus"}), known_picture())


def test_a_detector_that_misses_what_the_known_picture_shows_is_refused(tmp_path: Path) -> None:
    """Weights that load and find nothing would look like a quiet street for ever."""
    picture = known_picture()
    if picture is None:
        pytest.skip("pip install --no-deps -r requirements/pictures.txt")
    blind = tiny_detector(tmp_path / "blind.onnx", labels={0: "person", 1: "bus"}, scores=(0.9, 0.01))

    with pytest.raises(UnusableModelError, match=r"does not find the bus in bus\.jpg"):
        check_weights(blind, picture)


def test_a_detector_of_other_things_is_not_asked_for_people(tmp_path: Path) -> None:
    """Own weights are for own things."""
    check_weights(tiny_detector(tmp_path / "hens.onnx", labels={0: "hen"}, scores=(0.0,)), known_picture())


@pytest.mark.parametrize("labels", [{0: "person"}, {0: "person", 1: "bus", 2: "car"}, None])
def test_an_output_that_does_not_fit_the_labels_is_refused(tmp_path: Path, labels: dict[int, str] | None) -> None:
    """Or every label would be the wrong one."""
    weights = tiny_detector(tmp_path / "odd.onnx", labels=labels)

    with pytest.raises(UnusableModelError, match="its output is 1x6x21"):
        check_weights(weights)


def test_an_input_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    """A network for sound is an .onnx file too."""
    weights = tiny_detector(tmp_path / "sound.onnx", labels={0: "a", 1: "b"}, takes=(1, 16000))

    with pytest.raises(UnusableModelError, match="its input is 1x16000, expected 1x3xHxW"):
        check_weights(weights)


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>", None], ids=["empty", "a web page", "cut short"])
@pytest.mark.parametrize("suffix", [".onnx", ".pt"])
def test_a_file_that_is_no_weights_is_refused(tmp_path: Path, suffix: str, content: bytes | None) -> None:
    """Proxies answer with web pages, downloads end early."""
    path = tmp_path / f"weights{suffix}"
    if content is None:
        content = tiny_detector(path).read_bytes()[:200] if suffix == ".onnx" else _checkpoint(path)[:100]
    path.write_bytes(content)

    with pytest.raises(UnusableModelError, match="is not usable"):
        check_weights(path)


def test_a_checkpoint_is_recognised_without_running_what_is_in_it(tmp_path: Path) -> None:
    """Loading a checkpoint runs its pickle, so a look at the archive has to do."""
    path = tmp_path / "best.pt"
    _checkpoint(path)

    check_weights(path)


@pytest.mark.skipif(not REAL_MODEL.is_file(), reason=f"needs {REAL_MODEL.name} in MODELS_DIR (vedette models fetch)")
def test_the_real_yolov8n_passes_and_finds_the_bus() -> None:
    """The check must accept what it is there to bring."""
    check_weights(REAL_MODEL, known_picture())


def _checkpoint(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("best/data.pkl", b"\x80\x02}.")
    return path.read_bytes()
