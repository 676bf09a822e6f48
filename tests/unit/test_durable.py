"""Files are whole or absent, also after a power cut."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared_utils.durable import make_folder, rename_durably, replace_quickly, write_durably

TRACE = """
import os, sys
from pathlib import Path
from shared_utils import durable

def named(handle):
    return Path(os.readlink(f"/proc/self/fd/{handle}")).name

def tell(event, arguments):
    if event == "os.rename":
        print("rename", Path(arguments[0]).name, Path(arguments[1]).name)

real_fsync = os.fsync
def fsync(handle):
    print("sync", named(handle if isinstance(handle, int) else handle.fileno()))
    real_fsync(handle)
os.fsync = fsync
sys.addaudithook(tell)
"""


def steps(tmp_path: Path, action: str) -> list[str]:
    """What is put on disk, and renamed, in which order."""
    program = f"{TRACE}\nroot = Path({str(tmp_path)!r})\n{action}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


def test_a_file_is_on_disk_before_it_has_its_name(tmp_path: Path) -> None:
    """The other order leaves an empty file under the right name after a power cut."""
    order = steps(tmp_path, "durable.write_durably(root / 'a.json', b'{}')")

    assert order == ["sync a.json.part", "rename a.json.part a.json", f"sync {tmp_path.name}"]


def test_the_folders_of_a_new_file_are_on_disk_too(tmp_path: Path) -> None:
    """A file in a folder that a power cut forgot is lost."""
    order = steps(tmp_path, "durable.write_durably(root / 'cam' / 'day' / 'a.json', b'{}')")

    assert order == [
        f"sync {tmp_path.name}", "sync cam", "sync a.json.part", "rename a.json.part a.json", "sync day",
    ]  # fmt: skip


def test_a_rename_between_folders_is_on_disk_in_both(tmp_path: Path) -> None:
    """New name first: at worst the file has two names for a moment, never none."""
    for folder in ("outbox", "day"):
        (tmp_path / folder).mkdir()
    (tmp_path / "outbox" / "a.json").write_text("{}")

    order = steps(tmp_path, "durable.rename_durably(root / 'outbox' / 'a.json', root / 'day' / 'a.json')")

    assert order == ["rename a.json a.json", "sync day", "sync outbox"]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Readers take no lock."""
    path = tmp_path / "new" / "folder" / "a.json"
    write_durably(path, b"old and long")

    write_durably(path, b"new")

    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("write", [write_durably, replace_quickly])
def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, write: object) -> None:
    """Here the target is a folder; a full disk ends the same way."""
    target = tmp_path / "a.json"
    target.mkdir()
    assert callable(write)

    with pytest.raises(OSError, match="directory"):
        write(target, b"data")

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_renaming_replaces_the_target(tmp_path: Path) -> None:
    """Sending the outbox once more after a crash finds the manifest in both places."""
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("new")
    target.write_text("old")

    rename_durably(source, target)

    assert (target.read_text(), source.exists()) == ("new", False)


def test_a_folder_that_exists_is_kept(tmp_path: Path) -> None:
    """Two services may make the same folder at the same time."""
    (tmp_path / "day" / "kept").mkdir(parents=True)

    make_folder(tmp_path / "day")

    assert (tmp_path / "day" / "kept").is_dir()


def test_a_file_in_the_way_of_a_folder_is_told(tmp_path: Path) -> None:
    """The caller names the folder in its error; it must be an OSError like every other trouble with a disk."""
    (tmp_path / "day").write_text("a file")

    with pytest.raises(OSError, match="day"):
        make_folder(tmp_path / "day" / "below")


def test_quick_files_of_two_processes_do_not_meet(tmp_path: Path) -> None:
    """Each writes aside under a name of its own."""
    path = tmp_path / "status.json"
    other = path.with_name(f"status.json.{os.getpid() + 1}.part")
    other.write_text("of another process")

    replace_quickly(path, b"{}")

    assert (path.read_bytes(), other.read_text()) == (b"{}", "of another process")
