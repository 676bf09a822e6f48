"""Enrolment with real weights and photographs: real faces are found, judged and told apart."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from shared_utils.config.schema import FacesConfig
from shared_utils.faces.engine import FaceEngine, load_engine
from tests.support.as_segment import existing
from vedette.cli import app
from vedette.faces.photos import read_photo
from vedette.faces.portraits import Portrait, Reason, Refusal, examine

PACK = "local_mbf"


@pytest.fixture(scope="module")
def engine(models_dir: Path) -> FaceEngine:
    existing(models_dir / "insightface" / "models" / PACK)
    return load_engine(FacesConfig(model=PACK, threads=1), models_dir)


@pytest.fixture(scope="module")
def people(media_dir: Path) -> Path:
    return existing(media_dir / "faces")


def accepted(path: Path, engine: FaceEngine) -> Portrait:
    found = examine(path, engine)
    assert isinstance(found, Portrait), f"{path.name}: {found.text}"
    return found


def refusal(path: Path, engine: FaceEngine) -> Refusal:
    found = examine(path, engine)
    assert isinstance(found, Refusal)
    return found


def test_every_portrait_is_good_enough(engine: FaceEngine, people: Path) -> None:
    """Tight portraits and chips of 150 px are what people have at hand."""
    photos = sorted(path for folder in ("named", "chips", "strangers") for path in (people / folder).glob("*/*"))

    refused = {path.name: found.text for path in photos if isinstance(found := examine(path, engine), Refusal)}

    assert len(photos) > 50
    assert refused == {}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("identification1.jpg", Reason.SEVERAL_FACES),
        ("obama_and_biden.jpg", Reason.SEVERAL_FACES),
        ("2009_004587.jpg", Reason.SEVERAL_FACES),
        ("dogs.jpg", Reason.UNSURE),
    ],
)
def test_what_is_no_portrait_is_refused(engine: FaceEngine, people: Path, name: str, reason: Reason) -> None:
    """The wrong face of a group would be recognised from then on, under the right name."""
    assert refusal(existing(people / "group" / name), engine).reason == reason


def test_one_photo_in_every_dress_is_the_same_face(engine: FaceEngine, people: Path, tmp_path: Path) -> None:
    """Turned by its metadata, in print colours, grey, transparent, of 20 megapixels: it is the same person."""
    photo = existing(people / "named" / "obama" / "obama.jpg")
    original = accepted(photo, engine).embedding
    with Pillow.open(photo) as opened:
        image = opened.convert("RGB")
    turned = Pillow.Exif()
    turned[0x0112] = 6
    dresses: dict[str, tuple[Pillow.Image, dict[str, Any]]] = {
        "turned.jpg": (image.transpose(Pillow.Transpose.ROTATE_90), {"exif": turned}),
        "print.jpg": (image.convert("CMYK"), {"quality": 95}),
        "grey.png": (image.convert("L"), {}),
        "palette.png": (image.quantize(256), {}),
        "transparent.png": (image.convert("RGBA"), {}),
        "large.jpg": (image.resize((4000, 5000)), {"quality": 90}),
        "scan.webp": (image, {"quality": 80}),
    }
    for name, (dressed, options) in dresses.items():
        dressed.save(tmp_path / name, **options)

    alike = {name: float(accepted(tmp_path / name, engine).embedding @ original) for name in dresses}

    assert {name: round(similarity, 2) for name, similarity in alike.items() if similarity < 0.85} == {}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda image: image.resize((image.width // 8, image.height // 8)), Reason.TINY),
        (lambda image: image.resize((40, 50)).resize(image.size), Reason.BLURRED),
        (lambda image: Pillow.new("RGB", image.size, (90, 120, 90)), Reason.NO_FACE),
        (lambda image: image.resize((1, 1)), Reason.NO_FACE),
    ],
)
def test_a_spoiled_photo_says_what_is_wrong(
    engine: FaceEngine, people: Path, tmp_path: Path, spoil: object, reason: Reason
) -> None:
    """Each of these would be a face that looks like many."""
    assert callable(spoil)
    with Pillow.open(existing(people / "named" / "obama" / "obama.jpg")) as image:
        spoil(image.convert("RGB")).save(tmp_path / "spoiled.png")

    assert refusal(tmp_path / "spoiled.png", engine).reason == reason


def test_people_are_kept_apart(
    engine: FaceEngine, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole command, with a photo of somebody else slipped into a folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(existing(people / "chips" / "John_Savage"), tmp_path / "savage")
    shutil.copy(existing(people / "named" / "biden" / "biden.jpg"), tmp_path / "savage" / "other.jpg")
    settings = {"faces": {"model": PACK, "threads": 1}, "video_dir": "video"}
    (tmp_path / "vedette.yml").write_text(json.dumps(settings))
    monkeypatch.setattr("vedette.commands.faces.loaded_engine", lambda _: engine)

    first = CliRunner().invoke(app, ["faces", "add", "Savage", "savage", "--json"])
    second = CliRunner().invoke(app, ["faces", "add", "Somebody", "savage/000264_01099001.jpg", "--json"])

    done, again = json.loads(first.stdout), json.loads(second.stdout)
    assert (first.exit_code, second.exit_code) == (1, 1)
    assert len(done["added"]) == 11
    assert [(Path(one["photo"]).name, one["reason"]) for one in done["refused"]] == [("other.jpg", "different-person")]
    assert [one["reason"] for one in again["refused"]] == ["already-added"]


def test_reading_makes_no_face_smaller_than_it_must(people: Path) -> None:
    """A face of a group photo of 12 megapixels is still larger than what the recogniser takes."""
    image = read_photo(existing(people / "group" / "obama_and_biden.jpg")).image

    assert image.shape[:2] == (1428, 2000)
    assert image.dtype == np.uint8
