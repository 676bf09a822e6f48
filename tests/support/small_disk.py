"""A filesystem that can be filled, and turned read-only under running services; root alone may mount one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A disk in memory at `folder` while the block runs; skips the test where none can be mounted."""
    with disk_in_memory(folder, size_bytes) as mounted:
        if not mounted:
            pytest.skip("a small disk can be mounted by root only, and not in every container")
        yield folder


@contextmanager
def disk_in_memory(folder: Path, size_bytes: int) -> Iterator[bool]:
    """Whether `folder` is a disk of its own while the block runs; where none can be mounted it is an ordinary one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def turned_read_only(folder: Path) -> Iterator[None]:
    """Whatever is opened or renamed below the folder while the block runs meets a read-only filesystem.

    It is mounted over itself: the kernel refuses to make a mount read-only in which files are open for writing. Those
    may be written on until they are closed, but no longer renamed.
    """
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all space but a little; the file that takes it."""
    ballast = disk / "ballast"
    for block_bytes in (64 * 1024, 4096):
        with ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(block_bytes))
    return ballast
