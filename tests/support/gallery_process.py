"""Processes that share a gallery: `python -m tests.support.gallery_process ROLE FOLDER NAME COUNT`.

`enrol` adds COUNT people, opening the gallery anew for each, as the command does. `list` reads the gallery until the
file `FOLDER/done` is there, and `match` names a face by the snapshot until then. Any error ends a process with 1.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.snapshot import WatchedSnapshot
from shared_utils.segments import VideoDir
from tests.support.galleries import gallery_in, photo
from tests.support.gallery_parts import MODEL, face_of

FACES = 3  # of each person
SIZE = 512


def enrol(folder: Path, name: str, count: int) -> None:
    first = 1000 * sum(map(ord, name))
    for number in range(count):
        faces = [photo(first + number, look, size=SIZE) for look in range(FACES)]
        with gallery_in(folder) as gallery:
            added = gallery.add(f"{name} {number}", faces)
            assert (added.is_new, added.added) == (True, FACES), added


def read(folder: Path, _name: str, _count: int) -> None:
    before = 0
    while not (folder / "done").exists():
        with gallery_in(folder) as gallery:
            people = gallery.identities()
        assert len(people) >= before
        assert all(one.embeddings == {MODEL: FACES} for one in people), people
        before = len(people)


def match(folder: Path, _name: str, _count: int) -> None:
    watched, versions = WatchedSnapshot(VideoDir(folder / "video")), [0]
    while not (folder / "done").exists():
        snapshot = watched.current()
        assert snapshot.version >= versions[-1], "the gallery went back"
        assert len(snapshot.identities) == snapshot.version, "each change adds one person, whole"
        found = Matcher(snapshot, MODEL, 0.4, 0.05).match(face_of(1000 * sum(map(ord, "first")), 9, size=SIZE))
        assert found.name in {"first 0", "unknown"}
        versions.append(snapshot.version)
    sys.stdout.write(f"{len(set(versions))}\n")


ROLES: dict[str, Callable[[Path, str, int], None]] = {"enrol": enrol, "list": read, "match": match}

if __name__ == "__main__":
    role, folder, name, count = sys.argv[1:]
    ROLES[role](Path(folder), name, int(count))
