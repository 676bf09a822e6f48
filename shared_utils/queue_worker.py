"""The working end of a queue: take, lease, run, settle; reap what dead workers left behind."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from shared_utils.queue import TaskQueue
from shared_utils.tasks import Task

Handler = Callable[[Task], None]
GiveUp = Callable[[Task, str], None]  # task and the last error


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Measured values; see docs/design/queue.md before changing one."""

    lease_seconds: float = 30.0
    beat_seconds: float = 5.0
    poll_seconds: float = 5.0  # must stay below the lease
    attempts: int = 3
    max_runtime_seconds: float = 900.0  # beyond it the process ends itself with 75, which counts as an attempt


class QueueWorker:
    """Takes tasks one by one and hands them to `handler`.

    A handler that returns has its result on disk: the task is settled. A handler that raises TemporaryError gets the
    same task again after a pause, without an attempt being counted: the world is at fault, not the task. Any other
    exception costs an attempt; out of attempts, `give_up` is called (it writes the `"ok": false` line) and the task
    becomes a dead letter. A task that killed its worker too often goes the same way.
    """

    def __init__(
        self, queue: TaskQueue, handler: Handler, give_up: GiveUp, settings: WorkerSettings = WorkerSettings()
    ) -> None:
        self._queue, self._handler, self._give_up, self._settings = queue, handler, give_up, settings

    def run(self, stop: Event) -> None:
        """Work until `stop` is set; the task in hand is finished first. Survives Redis being away."""
        raise NotImplementedError
