"""Files that are either whole or absent after a power cut: write aside, fsync, rename, fsync the folder."""

import os
from collections.abc import Iterable
from pathlib import Path

PART_SUFFIX = ".part"  # a file that is still being written; readers leave it alone


def sync_file(path: Path) -> None:
    """Put the contents of a file on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk: a rename is durable only after this."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; their names are on disk, so that what is put into them cannot vanish."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def rename_durably(source: Path, target: Path) -> None:
    """Rename within one filesystem and put the new name on disk. The target is replaced."""
    source.replace(target)
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)


def write_durably(path: Path, data: bytes) -> None:
    """Write a whole file: on return it is on disk; if interrupted, `path` is as it was before."""
    write_parts_durably(path, [data])


def write_parts_durably(path: Path, parts: Iterable[bytes]) -> None:
    """`write_durably` for what need not be in memory as a whole. The parts may come from the old file."""
    make_folder(path.parent)
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        with part.open("wb") as handle:
            handle.writelines(parts)
            handle.flush()
            os.fsync(handle.fileno())
        rename_durably(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def replace_quickly(path: Path, data: bytes) -> None:
    """Write a whole file that may be lost in a power cut but is never seen half-written (status files)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}{PART_SUFFIX}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
