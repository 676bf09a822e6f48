"""What other processes cost, as Linux tells it."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a process and everything it has started and that still runs."""

    cpu_seconds: float  # of all threads, in user and in kernel mode
    resident_bytes: int
    threads: int


def usage(pid: int) -> Usage:
    """Raises ProcessLookupError if the process does not run."""
    fields = _stat(pid)
    if fields is None:
        raise ProcessLookupError(f"process {pid} does not run")
    own = Usage(
        cpu_seconds=(int(fields[11]) + int(fields[12])) * _TICK_SECONDS,
        resident_bytes=int(fields[21]) * _PAGE_BYTES,
        threads=int(fields[17]),
    )
    children = [_usage_if_alive(child) for child in _children(pid)]
    return Usage(
        own.cpu_seconds + sum(child.cpu_seconds for child in children),
        own.resident_bytes + sum(child.resident_bytes for child in children),
        own.threads + sum(child.threads for child in children),
    )


def cpu_seconds(pid: int) -> float:
    """CPU seconds so far."""
    return usage(pid).cpu_seconds


def _usage_if_alive(pid: int) -> Usage:
    try:
        return usage(pid)
    except ProcessLookupError:
        return Usage(0.0, 0, 0)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on: the second, the name, may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in listed.read_text().split()]
        except OSError:  # that thread has just ended
            continue
    return found
