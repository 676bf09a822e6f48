"""A worker in a process of its own, to be killed: `python -m tests.support.queue_worker_process URL JOURNAL`.

What a task does is the name of its camera: `quick`, `slow` (until the file `JOURNAL.go` exists), `fatal`.
Beginnings and ends are appended to the journal, from which tests count what was lost and what ran twice.
"""

import os
import signal
import sys
from pathlib import Path
from threading import Event

from shared_utils.process import set_up_logging, stop_on_signals
from shared_utils.queue_worker import QueueWorker
from shared_utils.tasks import Task
from tests.support.queue_parts import QUICK, real_queue


class Journal:
    """What happened, in one line each; whole lines even when several processes write."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, what: str, task: Task) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{what} {task.id} {os.getpid()}\n".encode())
        os.close(handle)

    def entries(self, what: str) -> list[str]:
        """The ids of the tasks to which this happened."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == what]

    def pids(self) -> set[int]:
        return {int(line.split()[2]) for line in self._path.read_text().splitlines()}


def main(url: str, journal_path: str) -> None:
    set_up_logging("info")
    stop = stop_on_signals()
    journal = Journal(Path(journal_path))

    def work(task: Task) -> None:
        journal.write("begin", task)
        if task.camera == "fatal":
            os.kill(os.getpid(), signal.SIGKILL)
        while task.camera == "slow" and not Path(journal_path + ".go").exists():
            Event().wait(0.05)
        Event().wait(0.01)
        journal.write("end", task)

    def give_up(task: Task, error: str) -> None:
        journal.write("gave-up", task)

    QueueWorker(real_queue(url), work, give_up, QUICK).run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
