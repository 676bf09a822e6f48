"""Kills an enrolment at each of its steps in turn: `python -m tests.support.kill_enrolment HOW FOLDER`.

HOW is `steps`: before every SQL statement, and at every step of a file that Python takes (see `kill_at`); or `times`:
at moments spread over its run, for what happens inside SQLite. Each line that is printed is one kill: what stood in the
snapshot and in the gallery after it, and after the enrolment was done again.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared_utils.gallery.records import NewEmbedding
from shared_utils.gallery.snapshot import read_snapshot, snapshot_path
from shared_utils.segments import VideoDir
from tests.support.galleries import faces_by_name, gallery_in, photo
from tests.support.kill_at import Steps
from tests.support.kill_every import fork, status_of

ANN, BOB = 1, 2
FACES = 3
TIMES = 40
PAUSE_SECONDS = 0.0005  # between one kill's moment and the next one's


def faces_of(person: int) -> list[NewEmbedding]:
    return [photo(person, look, size=512) for look in range(FACES)]


def enrol(folder: Path, at: int | None = None) -> None:
    """Bob, beside Ann, who is there. `at`: the step at which this process is killed."""
    with gallery_in(folder) as gallery:
        if at is not None:
            steps = Steps(folder, folder.with_suffix(".journal"), at=at, every_thread=True)
            steps.watch()
            gallery.database._open_connection.set_trace_callback(lambda statement: steps._reach(statement[:60]))
        gallery.add("Bob", faces_of(BOB), consent="asked")


def outcome(folder: Path, where: str) -> dict[str, Any]:
    """What a kill has left, seen by a worker, by the next command, and after enrolling again."""
    path = snapshot_path(VideoDir(folder / "video"))
    by_worker = [one.name for one in read_snapshot(path).identities]
    with gallery_in(folder) as gallery:
        by_command = dict(faces_by_name(gallery))
        snapshot = [one.name for one in read_snapshot(path).identities]
    enrol(folder)
    with gallery_in(folder) as gallery:
        again = dict(faces_by_name(gallery))
    return {"where": where, "worker": by_worker, "command": by_command, "snapshot": snapshot, "again": again}


def killed_at_steps(base: Path) -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        folder = copy_of(base, number)
        if _status(fork(lambda folder=folder, at=number: enrol(folder, at))) == 0:  # type: ignore[misc]
            return  # it has fewer steps
        yield outcome(folder, folder.with_suffix(".journal").read_text().splitlines()[-1])
        number += 1


def killed_at_times(base: Path) -> Iterator[dict[str, Any]]:
    for number in range(TIMES):
        folder = copy_of(base, number)
        process = fork(lambda folder=folder: enrol(folder))  # type: ignore[misc]
        time.sleep(number * PAUSE_SECONDS)
        os.kill(process, signal.SIGKILL)
        _status(process)
        yield outcome(folder, f"after {number * PAUSE_SECONDS * 1000:.1f} ms")


def copy_of(base: Path, number: int) -> Path:
    folder = base / str(number)
    shutil.copytree(base / "before", folder)
    return folder


def _status(process: int) -> int:
    """0: it came to its end; a kill is -9; anything else is a failure."""
    status = status_of(process)
    assert status in {0, -signal.SIGKILL}, status
    return status


def main(how: str, base: Path) -> None:
    with gallery_in(base / "before") as gallery:
        gallery.add("Ann", faces_of(ANN))
    for one in killed_at_steps(base) if how == "steps" else killed_at_times(base):
        sys.stdout.write(json.dumps(one) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
