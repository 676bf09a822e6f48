"""One run of the services of this machine: start, watch, and stop so that what was recorded is also analysed."""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from types import TracebackType
from typing import Literal, Self

from shared_utils.queue import QueueUnavailableError, TaskQueue
from vedette.run_services import CAPTURE
from vedette.supervisor import Supervisor
from vedette.supervisor_signals import StopSignals

log = logging.getLogger(__name__)

DRAIN_SECONDS = 60.0
DRAIN_LOOK_SECONDS = 0.5
REDIS_AWAY_SECONDS = 10.0  # enough to be started again; one that hangs longer is not waited for

Phase = Literal["starting", "running", "closing segments", "analysing what is queued", "stopping", "ended"]


class MachineRun:
    """Runs a supervisor until a time limit, a signal or a service that refuses to run.

    The order of stopping: capture first, which closes its segments and queues them; then the queues are given a minute
    to drain; then everything else, the last started first. A second signal skips the waiting.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        queues: Sequence[TaskQueue],
        wake: Event,
        drain_seconds: float = DRAIN_SECONDS,
        is_worked_on: Callable[[str], bool] = lambda _queue: True,
    ) -> None:
        """Queues that are not worked on (their worker waits for its weights) are not waited for."""
        self._supervisor, self._queues, self._drain_seconds = supervisor, queues, drain_seconds
        self._is_worked_on = is_worked_on
        self._wake, self._hurry = wake, Event()
        self.phase: Phase = "starting"

    def run(self, duration_seconds: float | None = None) -> None:
        """Returns when everything has ended. Raises what Supervisor.start raises, and ServiceRefusedError."""
        with StopSignals(self._ask_to_stop, self._hurry_up):
            try:
                self._supervisor.start(self._wake.is_set)
                self.phase = "running"
                self._wake.wait(duration_seconds)
            finally:
                self._stop()
        if self._supervisor.refusal is not None:
            raise self._supervisor.refusal

    def _ask_to_stop(self) -> None:
        log.info("stopping: open segments are closed and what is queued is analysed; once more to stop at once")
        self._wake.set()

    def _hurry_up(self) -> None:
        log.warning("stopping at once: tasks that are left stay queued for the next start")
        self._hurry.set()
        self._supervisor.hurry()

    def _stop(self) -> None:
        if self.phase == "running":
            self.phase = "closing segments"
            self._supervisor.stop(CAPTURE)
            if self._supervisor.refusal is None:
                self.phase = "analysing what is queued"
                self._drain()
        self.phase = "stopping"
        self._supervisor.stop()
        self.phase = "ended"

    def _drain(self) -> None:
        """Wait until the queues that are worked on are empty, the time is up, or somebody is in a hurry."""
        answered = time.monotonic()
        deadline, told = answered + self._drain_seconds, False
        while True:
            left, now = self._tasks_left(), time.monotonic()
            if left == 0:
                return
            if left is not None:
                answered = now
            elif now - answered >= REDIS_AWAY_SECONDS:
                log.warning("Redis does not answer: what is queued is analysed after the next start")
                return
            if left and not told:
                told = True
                log.info("waiting up to %.0f s for the analysis of what is queued: %d", self._drain_seconds, left)
            if now >= deadline or self._hurry.wait(DRAIN_LOOK_SECONDS):
                break
        if left:
            log.warning("%d tasks are left in the queue; the next start goes on with them", left)

    def _tasks_left(self) -> int | None:
        """None while Redis does not answer: it may be on its way back."""
        try:
            depths = [queue.depth() for queue in self._queues if self._is_worked_on(queue.name)]
        except QueueUnavailableError as error:
            log.debug("the queues cannot be seen: %s", error)
            return None
        return sum(depth.waiting + depth.in_work for depth in depths)


class Ticker:
    """Does something in a thread: at once, again and again while entered, and once more at the end."""

    def __init__(self, every_seconds: float, act: Callable[[], None]) -> None:
        self._every_seconds, self._act, self._stop = every_seconds, act, Event()
        self._thread = Thread(target=self._run, name="ticker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        over = False
        while True:
            try:
                self._act()
            except Exception:
                log.exception("what is done every %.1f s failed", self._every_seconds)
            if over:
                return
            over = self._stop.wait(self._every_seconds)
