"""`vedette faces …` as people type it, with painted faces instead of weights."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner, Result

from shared_utils.gallery.database import GalleryDatabase
from tests.support.own_folder import work_in
from tests.support.painted_faces import Painted, PaintedEngine, photo
from vedette.cli import app

ANNA, BEN = Painted(20), Painted(150)


@dataclass
class Bench:
    """A folder with photos and a configuration; the model can be changed."""

    folder: Path
    model: str = "painted"

    def __call__(self, *arguments: str | Path, answer: str | None = None) -> Result:
        config = self.folder / "vedette.yml"
        config.write_text(f"faces: {{model: {self.model}}}\nvideo_dir: {self.folder / 'video'}\n")
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, ["faces", *words, "--config", str(config)], input=answer)

    def json(self, *arguments: str | Path) -> object:
        return json.loads(self(*arguments, "--json").stdout)

    def photo(self, name: str, *faces: Painted, seed: int = 0) -> Path:
        return photo(self.folder, name, *faces, seed=seed)

    def names(self) -> list[str]:
        people = self.json("list")
        assert isinstance(people, list)
        return [person["name"] for person in people]


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    work_in(tmp_path, monkeypatch)
    bench = Bench(tmp_path)
    monkeypatch.setattr("vedette.commands.faces.loaded_engine", lambda _: PaintedEngine(bench.model))
    return bench


def plain(result: Result) -> str:
    """Without the line breaks and borders of tables."""
    return " ".join(result.output.replace("│", " ").split())


def test_a_person_is_enrolled_from_photos_and_a_folder(faces: Bench) -> None:
    """The first thing that anybody does."""
    (faces.folder / "anna").mkdir()
    photo(faces.folder / "anna", "one.png", ANNA)
    result = faces("add", "Anna", faces.folder / "anna", faces.photo("two.png", ANNA, seed=1), "--consent", "said yes")

    assert result.exit_code == 0
    assert "Anna is new in the gallery: 2 photos added, 0 refused." in plain(result)
    assert faces.names() == ["Anna"]


def test_refused_photos_have_a_reason_and_a_picture(faces: Bench) -> None:
    """'No face' is believed once one sees what was looked at."""
    result = faces("add", "Anna", faces.photo("good.png", ANNA), faces.photo("two people.png", ANNA, BEN))

    pictures = list((faces.folder / "video" / "state" / "refused-photos").rglob("*.jpg"))
    assert result.exit_code == 1
    assert "2 faces were found in it: cut out the one of the person" in plain(result)
    assert "What is wrong with the refused photos is drawn in" in plain(result)
    assert [path.name for path in pictures] == ["two_people-several-faces.jpg"]
    with Pillow.open(pictures[0]) as picture:
        assert picture.width == 640
    assert faces.names() == ["Anna"]


def test_pictures_of_an_earlier_try_are_gone(faces: Bench) -> None:
    """They show faces of people who were never enrolled."""
    faces("add", "Anna", faces.photo("none.png"))
    faces("add", "Anna", faces.photo("good.png", ANNA))

    assert list((faces.folder / "video" / "state" / "refused-photos").rglob("*.jpg")) == []


@pytest.mark.parametrize("command", [("rename", "Anna", "Ann"), ("merge", "Anna", "Ben", "--yes")])
def test_pictures_under_a_name_that_is_no_more_go(faces: Bench, command: Sequence[str]) -> None:
    """Purging the person later looks under the new name: these faces would stay for ever."""
    faces("add", "Anna", faces.photo("good.png", ANNA), faces.photo("none.png"))
    faces("add", "Ben", faces.photo("ben.png", BEN))
    folder = faces.folder / "video" / "state" / "refused-photos"
    before = list(folder.rglob("*.jpg"))
    result = faces(*command)

    assert result.exit_code == 0, result.output
    assert len(before) == 1
    assert list(folder.rglob("*.jpg")) == []


def test_others_of_this_machine_do_not_see_the_pictures(faces: Bench) -> None:
    """They show faces of people who were, perhaps, never asked."""
    faces("add", "Anna", faces.photo("none.png"))

    (folder,) = (faces.folder / "video" / "state" / "refused-photos").iterdir()
    assert folder.stat().st_mode & 0o077 == 0


def test_pictures_go_where_they_are_wanted(faces: Bench) -> None:
    """And what else lies there stays."""
    (faces.folder / "marked").mkdir()
    (faces.folder / "marked" / "mine.txt").touch()
    faces("add", "Anna", faces.photo("none.png"), "--marked", faces.folder / "marked")

    assert sorted(path.name for path in (faces.folder / "marked").iterdir()) == ["mine.txt", "none-no-face.jpg"]


def test_programs_get_reasons_they_can_tell_apart(faces: Bench) -> None:
    """A script that enrols a staff list must know what to do with each."""
    broken = faces.folder / "broken.jpg"
    broken.write_text("no picture")
    done = faces.json(
        "add", "Anna", faces.photo("good.png", ANNA), broken, faces.photo("blurred.png", Painted(20, blurred=True))
    )

    assert isinstance(done, dict)
    assert [one["photo"] for one in done["added"]] == [str(faces.folder / "good.png")]
    assert [(one["reason"], one["picture"] is None) for one in done["refused"]] == [
        ("unreadable", True),
        ("blurred", False),
    ]
    assert len(done["identity_id"]) == 12


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["add", "Anna", "absent.jpg"], 1, "does not exist"),
        (["add", "Anna", "empty"], 2, "has no photos in it"),
        (["add", "unknown", "a.jpg"], 2, "cannot be a name"),
        (["add", "", "a.jpg"], 2, "cannot be a name"),
        (["add", "x" * 101, "a.jpg"], 2, "cannot be a name"),
        (["add", "An\x1bna", "a.jpg"], 2, "cannot be a name"),
        (["add", "Anna"], 2, "Missing argument"),
        (["show", "Nobody"], 2, "Nobody in the gallery is called 'Nobody'"),
        (["rename", "Nobody", "Anna"], 2, "Nobody in the gallery is called"),
        (["remove", "Nobody", "--yes"], 2, "Nobody in the gallery is called"),
        (["merge", "Nobody", "Anna", "--yes"], 2, "Nobody in the gallery is called"),
        (["name", "7", "Anna"], 2, "No cluster of strangers has the number 7"),
        (["reject", "no-segment", "1"], 1, "is not a segment id"),
        (["reject", "front-20261120T101500123Z", "1"], 2, "The faces log has no track 1 in segment"),
    ],
)
def test_wrong_use_is_answered_in_a_sentence(faces: Bench, arguments: Sequence[str], code: int, words: str) -> None:
    """And changes nothing."""
    (faces.folder / "empty").mkdir()
    result = faces(*arguments)

    assert result.exit_code == code, result.output
    assert words in plain(result)
    assert "Traceback" not in result.output
    assert faces.names() == []


def test_who_has_no_face_by_the_model_in_use_is_told(faces: Bench) -> None:
    """After a change of weights nobody is recognised any more, and nothing else would say so."""
    faces("add", "Anna", faces.photo("a.png", ANNA))
    faces.model = "other"

    assert "none by other" in plain(faces("list"))
    assert "'vedette faces reembed'" in plain(faces("list"))
    assert "1 faces of 1 people are known by other:01234567 now" in plain(faces("reembed"))
    assert "none by other" not in plain(faces("list"))


def test_a_person_is_shown_with_a_contact_sheet(faces: Bench) -> None:
    """People who ask what is kept of them have a right to see it."""
    faces("add", "Zoë", faces.photo("a.png", ANNA), "--consent", "[signed] 2026-11-20")
    result = faces("show", "zoë", "--out", faces.folder / "zoe.png")

    assert result.exit_code == 0
    assert "Consent: [signed] 2026-11-20" in result.output
    assert "a.png" in result.output
    with Pillow.open(faces.folder / "zoe.png") as sheet:
        assert sheet.width == 1400


def test_an_entry_is_renamed_merged_and_noted(faces: Bench) -> None:
    """What was typed wrongly is put right without the photos."""
    faces("add", "Ana", faces.photo("a.png", ANNA))
    faces("add", "Anna 2", faces.photo("b.png", Painted(30)), "--yes")

    assert "Ana is called Anna now." in plain(faces("rename", "Ana", "Anna"))
    assert faces("merge", "Anna 2", "Anna", answer="n\n").exit_code == 1
    assert faces.names() == ["Anna", "Anna 2"]
    assert "Anna 2 is Anna now, with 2 faces." in plain(faces("merge", "Anna 2", "Anna", "--yes"))
    assert "Anna: form signed" in plain(faces("consent", "Anna", "form signed"))
    assert faces.names() == ["Anna"]


def test_a_person_is_forgotten_only_after_a_yes(faces: Bench) -> None:
    """It cannot be undone."""
    faces("add", "Anna", faces.photo("a.png", ANNA), faces.photo("none.png"))

    assert faces("remove", "Anna", answer="n\n").exit_code == 1
    assert faces.names() == ["Anna"]
    assert "Anna is forgotten." in plain(faces("remove", "Anna", answer="y\n"))
    assert faces.names() == []
    assert list((faces.folder / "video" / "state" / "refused-photos").rglob("*.jpg")) == []


def test_one_face_of_a_person_is_taken_away(faces: Bench) -> None:
    """One bad photo must not cost the others."""
    faces("add", "Anna", faces.photo("a.png", ANNA), faces.photo("b.png", ANNA, seed=1))
    about = faces.json("show", "Anna")
    assert isinstance(about, dict)
    number = about["embeddings"][0]["id"]

    assert faces("remove", "Anna", "--face", str(number), "--purge").exit_code == 2
    assert "Anna has 1 faces left." in plain(faces("remove", "Anna", "--face", str(number)))
    assert "is the only face of 'Anna'" in plain(faces("remove", "Anna", "--face", str(number + 1)))


def test_a_network_filesystem_is_refused_before_photos_are_looked_at(
    faces: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On it SQLite loses data some day; the video folder may lie there, the gallery may not."""
    mounts = faces.folder / "mountinfo"
    mounts.write_text(f"36 35 98:0 / {faces.folder} rw,noatime master:1 - nfs4 server:/export rw\n")
    monkeypatch.setattr(GalleryDatabase.__init__, "__defaults__", (mounts,))

    result = faces("add", "Anna", faces.photo("a.png", ANNA))

    assert result.exit_code == 2
    assert "is a network filesystem (nfs4)" in plain(result)
    assert not (faces.folder / "video" / "state").exists()


def test_an_empty_gallery_says_how_to_begin(faces: Bench) -> None:
    """An empty table helps nobody."""
    assert "Nobody is in the gallery. Enrol somebody with: vedette faces add NAME PHOTO" in plain(faces("list"))
    assert "No stranger was seen by painted." in plain(faces("unknown"))
    assert not (faces.folder / "unknown.png").exists()


def test_names_of_files_are_no_markup(faces: Bench) -> None:
    """Brackets in a name would colour the table or end the command."""
    result = faces("add", "[red]Anna[/red]", faces.photo("[bold]a[nothing].png", ANNA))

    assert result.exit_code == 0
    assert "[red]Anna[/red] is new" in plain(result)
    assert "[bold]a[nothing].png" in plain(result)
