"""Broken files tried out in child processes: which of them crash, hang, fill the memory or break a promise."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import cast

from tests.fuzz.broken_file_process import Outcome
from tests.support.services import REPOSITORY

HANGS_AFTER_SECONDS = 60.0  # a file takes milliseconds; the machine may be busy
MOST_MEMORY_MB = 600.0  # of a process that has read many files; each kind of waste so far took more than 1,000


def outcomes(first: int, count: int, folder: Path) -> Iterator[Outcome]:
    """What became of the files of these seeds. A process that dies or hangs is replaced behind the file it died of."""
    seed, end = first, first + count
    while seed < end:
        for outcome in _until_it_dies(seed, end - seed, folder):
            yield outcome
            seed = outcome.seed + 1


def complaints(found: list[Outcome]) -> list[str]:
    """One line for each file that did what none may do."""
    said = [f"seed {one.seed} ({one.kind}): {one.complaint}" for one in found if one.complaint]
    greedy = [one for one in found if one.most_memory_mb > MOST_MEMORY_MB]
    return said + [f"seed {one.seed} ({one.kind}): {one.most_memory_mb:.0f} MB of memory" for one in greedy[:1]]


def _until_it_dies(first: int, count: int, folder: Path) -> Iterator[Outcome]:
    command = [sys.executable, "-m", "tests.fuzz.broken_file_process", str(folder), str(first), str(count)]
    errors = (folder.parent / f"{folder.name}.stderr").open("w+b")
    with errors, subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=errors, text=True) as child:
        seed, kind = first, "the start"
        for line in _lines(child):
            if line.startswith("{"):
                yield Outcome(**json.loads(line))
            elif line:
                _, number, kind = line.rstrip().split(" ", 2)
                seed = int(number)
            else:
                child.kill()
                yield Outcome(seed, kind, HANGS_AFTER_SECONDS, 0.0, "", "", "it hangs")
                return
        if child.wait():
            errors.seek(0)
            end = signal.Signals(-child.returncode).name if child.returncode < 0 else f"exit code {child.returncode}"
            text = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            yield Outcome(seed, kind, 0.0, 0.0, "", "", f"the process died: {end} {text}".rstrip())


def _lines(child: "subprocess.Popen[str]") -> Iterator[str]:
    """What the child says; empty once it has said nothing for too long."""
    said: Queue[str | None] = Queue()

    def read() -> None:
        for line in cast("Iterator[str]", child.stdout):
            said.put(line)
        said.put(None)

    Thread(target=read, daemon=True).start()
    while True:
        try:
            line = said.get(timeout=HANGS_AFTER_SECONDS)
        except Empty:
            yield ""
            return
        if line is None:
            return
        yield line
