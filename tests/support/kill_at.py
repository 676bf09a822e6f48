"""Kills this process at a chosen step, so that a test can kill it at each of them in turn.

A step is what outlives a process: a file below the watched folder that is opened for writing, written, renamed,
removed, truncated, locked or put on disk, and whatever is sent over a socket. Nothing of ours is patched: Python's own
audit events tell of the files, and the functions of the standard library that have no event are wrapped. What C
libraries write by themselves is not seen; our segments are written through `PartFile`, and so through `os.write`.

A step is stopped before it is done, which is the same as after the one before. Where that is not the whole truth there
are steps of their own: half of a write, and what was sent while its answer was not read.

`python -m tests.support.kill_at FOLDER STEP MODULE [ARGUMENT …]` runs a service that dies where it first comes to the
step of that name.
"""

import os
import re
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Data = bytes | bytearray | memoryview

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SEGMENT = re.compile(r"-\d{8}T\d{9}Z")
_COMMAND = re.compile(rb"\*\d+\r\n\$\d+\r\n(\w+)\r\n")


class Steps:
    """Counts the steps of a process, or of one thread where others go their own ways. Watch once in a process."""

    def __init__(
        self,
        folder: Path,
        journal: Path,
        *,
        at: int | str | None,
        send: signal.Signals = signal.SIGKILL,
        every_thread: bool,
    ) -> None:
        """At step `at` (its number or its name; None: never) `send` goes to this process. The journal names all.

        `every_thread` is for threads that work in turn; otherwise the thread that calls `watch` is counted.
        """
        self._folder = str(folder.resolve())
        self._at, self._send = at, send
        self._every_thread, self._thread = every_thread, 0
        self._reached = 0
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._write = os.write

    def watch(self) -> None:
        """From now on."""
        self._thread = threading.get_ident()
        self._wrap(os, "fsync", "put on disk")
        self._wrap(os, "fdatasync", "put on disk")
        self._wrap_write()
        self._wrap_send()
        events: dict[str, Callable[..., None]] = {
            "open": self._open,
            "os.rename": lambda source, target, *_: self._reach_file("rename", source, target),
            "os.remove": lambda path, *_: self._reach_file("remove", path),
            "os.mkdir": lambda path, *_: self._reach_file("make folder", path),
            "os.rmdir": lambda path, *_: self._reach_file("remove folder", path),
            "os.truncate": lambda file, *_: self._reach_file("truncate", file),
            "fcntl.flock": lambda file, *_: self._reach_file("lock or unlock", file),
        }

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event in events and self._is_ours():
                events[event](*arguments)

        sys.addaudithook(hook)

    def _open(self, path: object, _mode: object, flags: int) -> None:
        if flags & _WRITING:
            self._reach_file("open", path)

    def _wrap(self, module: Any, function: str, what: str) -> None:
        real = getattr(module, function)

        def wrapped(file: int) -> Any:
            if self._is_ours():
                self._reach_file(what, file)
            return real(file)

        setattr(module, function, wrapped)

    def _wrap_write(self) -> None:
        real = os.write

        def write(file: int, data: Any) -> int:
            name = self._name(file) if self._is_ours() else None
            if name is not None:
                self._reach(f"write {name}")
                whole = memoryview(data).cast("B")
                self._tear(f"half of a write of {name}", file, whole[: len(whole) // 2])
                if name.endswith(".jsonl"):
                    self._tear(f"all but the last byte of a write of {name}", file, whole[:-1])
            return real(file, data)

        os.write = write

    def _tear(self, what: str, file: int, part: memoryview) -> None:
        # Whoever is frozen here goes on later and writes the whole.
        if self._at in {self._reached, what} and self._send == signal.SIGKILL:
            self._write(file, part)
        self._reach(what)

    def _wrap_send(self) -> None:
        real = socket.socket.sendall
        steps = self

        def sendall(self: socket.socket, data: Data, flags: int = 0) -> None:
            if not steps._is_ours():
                return real(self, data, flags)
            found = _COMMAND.match(bytes(data))
            command = found[1].decode() if found else "data"
            steps._reach(f"send {command}")
            real(self, data, flags)
            steps._reach(f"sent {command}, the answer not read")
            return None

        socket.socket.sendall = sendall  # type: ignore[assignment,method-assign]

    def _is_ours(self) -> bool:
        return self._every_thread or threading.get_ident() == self._thread

    def _reach_file(self, what: str, *files: object) -> None:
        names = [name for name in map(self._name, files) if name is not None]
        if names:
            self._reach(f"{what} {' to '.join(names)}")

    def _name(self, file: object) -> str | None:
        """Where it lies below the folder, without what differs from run to run; None for anything else."""
        path = os.readlink(f"/proc/self/fd/{file}") if isinstance(file, int) else os.path.abspath(os.fsdecode(file))  # type: ignore[arg-type]  # noqa: PTH100, PTH115
        if not path.startswith(self._folder):
            return None
        return _SEGMENT.sub("", Path(path).name)

    def _reach(self, name: str) -> None:
        self._write(self._journal, f"{name}\n".encode())
        number, self._reached = self._reached, self._reached + 1
        if self._at in {number, name}:
            os.kill(os.getpid(), self._send)


def main(folder: str, step: str, module: str, *arguments: str) -> None:
    Steps(Path(folder), Path(os.devnull), at=step, every_thread=True).watch()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
