"""The file of the gallery: where it may lie, how its tables change, and what is said of one that is damaged."""

import sqlite3
from pathlib import Path

import pytest

from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.errors import GalleryDamagedError, NetworkFilesystemError, NewerGalleryError
from shared_utils.gallery.migrations import MIGRATIONS, Migration, migrate
from shared_utils.gallery.store import Gallery
from tests.support.fixed_clock import FixedClock
from tests.support.galleries import gallery_in, open_gallery_in, photo
from tests.support.gallery_parts import MORNING

ANN = 1
MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:40 / {point} rw shared:2 - {kind} server:/export rw
"""


def test_others_of_this_machine_do_not_read_the_gallery(tmp_path: Path) -> None:
    """It holds faces, names and who agreed to what; not in its write-ahead log either."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN)])
        modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "state").glob("gallery.db*")}

    assert {name: modes[name] for name in ("gallery.db", "gallery.db-wal")} == {"gallery.db": 0, "gallery.db-wal": 0}


@pytest.mark.parametrize("kind", ["nfs4", "nfs", "cifs", "smb3", "fuse.sshfs", "9p", "ceph"])
def test_a_network_filesystem_is_refused(tmp_path: Path, kind: str) -> None:
    """SQLite's locks and shared memory fail there silently; the gallery would be damaged one day."""
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.format(point=tmp_path / "net", kind=kind))

    with pytest.raises(NetworkFilesystemError, match="STATE_DIR"):
        GalleryDatabase(tmp_path / "net" / "state", FixedClock(MORNING), mounts).__enter__()

    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize(
    ("kind", "point"), [("ext4", "net"), ("nfs4", "ne"), ("fuse.mergerfs", "net"), ("tmpfs", "net")]
)
def test_a_local_filesystem_is_taken(tmp_path: Path, kind: str, point: str) -> None:
    """Also one whose name begins like that of a network mount beside it."""
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.format(point=tmp_path / point, kind=kind))

    with GalleryDatabase(tmp_path / "net" / "state", FixedClock(MORNING), mounts) as database:
        assert database.path.exists()


def test_a_mount_point_with_a_space_is_understood(tmp_path: Path) -> None:
    """The system writes it as an octal number."""
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.format(point=str(tmp_path / "my net").replace(" ", "\\040"), kind="nfs4"))

    with pytest.raises(NetworkFilesystemError):
        GalleryDatabase(tmp_path / "my net", FixedClock(MORNING), mounts).__enter__()


def test_a_gallery_of_a_newer_vedette_is_refused_unchanged(tmp_path: Path) -> None:
    """After a step back to an older version: what it does not understand it must not write to."""
    hats = Migration("hats", ("create table hats (id integer primary key) strict",))
    with gallery_in(tmp_path).database as database:
        migrate(database._open_connection, database.path, MORNING, (*MIGRATIONS, hats))
    before = (tmp_path / "state" / "gallery.db").read_bytes()

    with pytest.raises(NewerGalleryError, match="hats"):
        gallery_in(tmp_path).__enter__()

    assert (tmp_path / "state" / "gallery.db").read_bytes() == before


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Tables that are half made would fail for ever, at the next start and after every update."""
    bad = Migration("bad", ("create table half (id integer primary key) strict", "create table half (id int)"))
    with gallery_in(tmp_path).database as database:
        connection = database._open_connection
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, database.path, MORNING, (*MIGRATIONS, bad))

        tables = [row[0] for row in connection.execute("select name from sqlite_master where name = 'half'")]
        names = [row[0] for row in connection.execute("select name from migrations")]

    assert tables == []
    assert names == [one.name for one in MIGRATIONS]


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to look at" * 40, b"SQLite format 3\0" + b"\1" * 4000]
)
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state" / "gallery.db"
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(GalleryDamagedError, match="damaged"):
        gallery_in(tmp_path).__enter__()

    assert path.read_bytes() == content


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "gallery.db"
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("create table pictures (id integer)")

    with pytest.raises(GalleryDamagedError, match="another program"):
        gallery_in(tmp_path).__enter__()


def test_damage_is_found_after_an_unclean_end(tmp_path: Path) -> None:
    """Then, and only then, the whole file is looked at: it is cheap, and a crash is when disks lie."""
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Ann", [photo(ANN, look) for look in range(40)])
    path = tmp_path / "state" / "gallery.db"
    data = bytearray(path.read_bytes())
    data[8192:9000] = bytes(808)
    path.write_bytes(bytes(data))
    path.with_name("gallery.db-wal").write_bytes(b"left by a process that was killed")

    with pytest.raises(GalleryDamagedError):
        gallery_in(tmp_path).__enter__()


def test_a_gallery_that_is_not_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not open"):
        Gallery(GalleryDatabase(tmp_path, FixedClock(MORNING)), gallery_in(tmp_path).video).identities()
