"""Processes that use one gallery at once: nobody is told that the database is locked, and nobody is lost."""

import subprocess
import sys
from pathlib import Path

from tests.support.galleries import faces_by_name, open_gallery_in
from tests.support.gallery_process import FACES
from tests.support.services import REPOSITORY

PEOPLE = 20  # whom each process enrols


def started(role: str, folder: Path, name: str = "-", count: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.gallery_process", role, str(folder), name, str(count)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(*processes: subprocess.Popen[str]) -> list[str]:
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(outputs)
    return outputs


def test_workers_match_while_two_others_enrol(tmp_path: Path) -> None:
    """A family enrols its photos while the cameras run, and somebody looks at the list."""
    readers = [started("match", tmp_path), started("match", tmp_path), started("list", tmp_path)]

    finished(*(started("enrol", tmp_path, name, PEOPLE) for name in ("first", "second")))
    (tmp_path / "done").touch()
    outputs = finished(*readers)

    with open_gallery_in(tmp_path) as gallery:
        assert faces_by_name(gallery) == {
            f"{name} {number}": FACES for name in ("first", "second") for number in range(PEOPLE)
        }
    assert not any("locked" in output for output in outputs)
    assert all(int(output) > 3 for output in outputs[:2]), "the workers saw it grow"
