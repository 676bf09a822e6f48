"""Reading segments in a process of its own, which may die of what stands in them.

A leftover may hold anything, and what reads it is written in C. A file that took capture down with it would do so again
at every start, and nothing would be recorded any more. Here it takes a child, whose time and memory are limited.

The child is `python -m capture_service.mp4_process PARENT_PID ORDER PATH…`. It says `ready` and then one JSON object:
whatever ends it in between, the file is to blame.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from capture_service.mp4_file import Measured, make_whole, measure
from shared_utils.errors import SegmentError, StorageError
from shared_utils.segments import VideoInfo

MEMORY_BYTES = 2_000_000_000  # of address space; the largest camera frames need a third of it
CPU_SECONDS, CPU_BYTES_PER_SECOND = 60, 10_000_000  # measured: 900 MB a second
PATIENT_SECONDS = 900.0  # a disk may be slow; what stands still without using the CPU waits for one

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_ORDERS: dict[str, Callable[..., Measured]] = {"measure": measure, "make_whole": make_whole}
_CHILD = (sys.executable, "-m", "capture_service.mp4_process")


class Mp4Reader(Protocol):
    """Reads files in which anything may stand. Raises SegmentError for a damaged one, OSError and StorageError."""

    def measure(self, path: Path) -> Measured: ...

    def make_whole(self, source: Path, target: Path) -> Measured:
        """Copy what can be read into an ordinary MP4."""


class ReaderKilledError(StorageError):
    """Somebody ended the process that was reading: a service that stops, or a machine without memory."""


class Mp4Process:
    """Reads each file in a process of its own."""

    def __init__(self, seconds: float = PATIENT_SECONDS, command: Sequence[str] = _CHILD) -> None:
        """Longer than `seconds` is a StorageError: a file that keeps the CPU busy is stopped before that."""
        self._seconds, self._command = seconds, command

    def measure(self, path: Path) -> Measured:
        return self._ask("measure", path)

    def make_whole(self, source: Path, target: Path) -> Measured:
        return self._ask("make_whole", source, target)

    def _ask(self, order: str, *paths: Path) -> Measured:
        command = [*self._command, str(os.getpid()), order, *map(str, paths)]
        try:
            ended = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=self._seconds,
                start_new_session=True,  # Ctrl+C is for us
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise StorageError(
                f"Reading {paths[0]} takes longer than {self._seconds:.0f} s; it is tried again."
            ) from error
        ready, _, answer = ended.stdout.partition(b"\n")
        if ready != b"ready":
            raise StorageError(f"{paths[0]} cannot be read now: the process for it did not start ({_end_of(ended)}).")
        if ended.returncode:
            raise _death(paths[0], ended)
        return _measured(json.loads(answer))


def _death(path: Path, ended: "subprocess.CompletedProcess[bytes]") -> SegmentError | StorageError:
    if -ended.returncode in _FROM_OUTSIDE:
        return ReaderKilledError(f"Reading {path} was stopped from outside ({_end_of(ended)}); it is tried again.")
    return SegmentError(f"{path} cannot be read: it breaks what reads it ({_end_of(ended)}).")


def _end_of(ended: "subprocess.CompletedProcess[bytes]") -> str:
    if ended.returncode < 0:
        return signal.Signals(-ended.returncode).name
    last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"exit code {ended.returncode}: {last[:200]}"


def _measured(answer: dict[str, Any]) -> Measured:
    """What the child said, raised if it is an error."""
    if "damaged" in answer:
        raise SegmentError(answer["damaged"])
    if "disk" in answer:
        raise OSError(*answer["disk"])
    return Measured(**(answer | {"video": VideoInfo.model_validate(answer["video"])}))


def main(parent: str, order: str, *paths: str) -> None:
    _limit_ourselves(int(parent), Path(paths[0]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    answer: dict[str, Any]
    try:
        found = _ORDERS[order](*map(Path, paths))
        answer = asdict(found) | {"video": found.video.model_dump()}
    except SegmentError as error:
        answer = {"damaged": str(error)}
    except OSError as error:
        answer = {"disk": [error.errno, error.strerror or str(error)]}
    sys.stdout.write(json.dumps(answer))


def _limit_ourselves(parent: int, path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent decides; it would take our end for the file's fault
    if sys.platform == "linux":
        # Two processes must not salvage one segment: when capture is killed, its successor begins anew.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")  # if memory runs out, this process goes first
    if os.getppid() != parent:
        sys.exit("the parent ended before its child could start")
    os.nice(5)
    size = path.stat().st_size if path.exists() else 0
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    _limit(resource.RLIMIT_CPU, CPU_SECONDS + size // CPU_BYTES_PER_SECOND)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main(*sys.argv[1:])
