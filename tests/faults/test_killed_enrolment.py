"""SIGKILL while people are enrolled: a person is in the gallery with all photos of the command, or not at all."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.snapshot import read_snapshot, snapshot_path
from shared_utils.gallery.store import Gallery
from shared_utils.segments import VideoDir
from tests.support.fixed_clock import FixedClock
from tests.support.painted_faces import Painted, photo

ROOT = Path(__file__).resolve().parents[2]
ANNA, BEN = Painted(20), Painted(150)
PHOTOS = 3


@dataclass(frozen=True)
class Site:
    """A folder with photos; Anna is in its gallery, Ben is to be added."""

    folder: Path

    def command(self, step: int | None, *arguments: str) -> list[str]:
        chosen = "-" if step is None else str(step)
        journal = str(self.folder.parent / f"{self.folder.name}.steps")
        options = ["--config", str(self.folder / "vedette.yml"), "--video-dir", str(self.folder / "video")]
        module = [sys.executable, "-m", "tests.support.enrol_process"]
        return [*module, str(self.folder), journal, chosen, *arguments, *options]

    def run(self, step: int | None, *arguments: str) -> int:
        command = self.command(step, *arguments)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    def add(self, name: str, step: int | None = None) -> int:
        return self.run(step, "add", name, str(self.folder / name))

    @property
    def steps(self) -> list[str]:
        return (self.folder.parent / f"{self.folder.name}.steps").read_text().splitlines()

    def faces(self) -> dict[str, int]:
        """How many faces each person has; whoever opens the gallery puts the snapshot right."""
        with Gallery(GalleryDatabase(self.folder / "video" / "state", FixedClock()), self.video) as gallery:
            return {one.name: sum(one.embeddings.values()) for one in gallery.identities()}

    def known_to_workers(self) -> dict[str, int]:
        snapshot = read_snapshot(snapshot_path(self.video))
        owners = [owner for vectors in snapshot.models.values() for owner in vectors.owners.tolist()]
        return {one.name: owners.count(place) for place, one in enumerate(snapshot.identities)}

    @property
    def video(self) -> VideoDir:
        return VideoDir(self.folder / "video")


def site(folder: Path) -> Site:
    folder.mkdir()
    (folder / "vedette.yml").write_text("faces: {model: painted}\n")
    for name, face in (("Anna", ANNA), ("Ben", BEN)):
        (folder / name).mkdir()
        for seed in range(PHOTOS):
            photo(folder / name, f"{seed}.png", face, seed=seed)
    made = Site(folder)
    assert made.add("Anna") == 0
    return made


def check(killed: Site) -> None:
    """Nothing half: in the database, in the workers' file, and for whoever tries again."""
    before = killed.known_to_workers()
    faces = killed.faces()

    assert faces in ({"Anna": PHOTOS}, {"Anna": PHOTOS, "Ben": PHOTOS})
    assert before in ({"Anna": PHOTOS}, {"Anna": PHOTOS, "Ben": PHOTOS})
    assert killed.known_to_workers() == faces
    assert killed.add("Ben") == (1 if "Ben" in faces else 0)  # there is nothing left to add
    assert killed.faces() == {"Anna": PHOTOS, "Ben": PHOTOS}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site(tmp_path_factory.mktemp("made") / "site")


@pytest.fixture(scope="module")
def steps(made: Site, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What an enrolment does to the files below the folder, in order."""
    whole = copy_of(made, tmp_path_factory.mktemp("whole") / "site")
    assert whole.add("Ben") == 0
    return whole.steps


def copy_of(made: Site, folder: Path) -> Site:
    shutil.copytree(made.folder, folder)
    return Site(folder)


@pytest.mark.long
def test_killed_at_any_step_nothing_is_half_added(made: Site, steps: list[str], tmp_path: Path) -> None:
    """What a person is known by must not depend on when the power went."""
    written = [number for number, step in enumerate(steps) if "snapshot" in step]
    assert written, "the step that workers see is missing: this test would kill nothing of interest"
    around = range(written[0] - 1, min(written[-1] + 3, len(steps)))  # the transaction lies before the first of them

    for number in (0, *around):
        killed = copy_of(made, tmp_path / f"step-{number}")
        assert killed.add("Ben", number) == -signal.SIGKILL, steps[number]
        check(killed)


@pytest.mark.long
@pytest.mark.parametrize("milliseconds", [0, 1, 3, 8, 20])
def test_killed_within_the_transaction_nothing_is_half_added(
    made: Site, steps: list[str], tmp_path: Path, milliseconds: int
) -> None:
    """SQLite writes by itself: what it does between two of our steps is met by the time alone."""
    killed = copy_of(made, tmp_path / "site")
    last_before = next(number for number, step in enumerate(steps) if "snapshot" in step)
    journal = killed.folder.parent / "site.steps"
    process = subprocess.Popen(
        killed.command(None, "add", "Ben", str(killed.folder / "Ben")),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not (journal.exists() and len(killed.steps) >= last_before):
        time.sleep(0.0005)
    time.sleep(milliseconds / 1000)
    process.kill()
    process.wait()

    check(killed)
