"""The heartbeat of a worker: renews its lease, reaps dead workers, and ends the process when a task hangs."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from shared_utils.clock import Clock
from shared_utils.queue import QueueUnavailableError
from shared_utils.queue_metrics import tell_depth
from shared_utils.queue_seat import Seat
from shared_utils.telemetry import HEALTH, Health

log = logging.getLogger(__name__)

EXIT_HUNG = 75  # EX_TEMPFAIL: start me again
BEATS_UNTIL_DEAD = 2
_JOIN_SECONDS = 20.0  # longer than the socket time limit


class Beat:
    """Beats in a thread of its own, so that a long task keeps its lease.

    That thread also notices a task that never ends. It cannot be stopped from outside, so the process is ended: its
    lease runs out, the attempt counts, and whoever supervises us starts a new one.
    """

    def __init__(
        self,
        seat: Seat,
        *,
        beat_seconds: float,
        max_runtime_seconds: float,
        clock: Clock,
        end_process: Callable[[int], None],
        health: Health = HEALTH,
    ) -> None:
        self._seat, self._beat_seconds, self._max_runtime_seconds = seat, beat_seconds, max_runtime_seconds
        self._clock, self._end_process, self._health = clock, end_process, health
        self._done = Event()
        self._thread: Thread | None = None
        self._missing_since: dict[str, float] = {}
        self._in_hand: tuple[str, float] | None = None  # task id and when it was begun
        self._away = False

    def start(self) -> None:
        self._thread = Thread(target=self._run, name=f"beat of {self._seat.queue.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    @contextmanager
    def watching(self, task_id: str) -> Iterator[None]:
        """The task runs while the block does; if that takes too long, the process ends."""
        self._in_hand = (task_id, self._clock.monotonic())
        try:
            yield
        finally:
            self._in_hand = None

    def _run(self) -> None:
        while not self._done.is_set():
            try:
                self._beat_once()
            except Exception:
                log.exception("the beat of queue %s failed; the next one may not", self._seat.queue.name)
            self._end_if_hung()
            self._done.wait(self._beat_seconds)

    def _beat_once(self) -> None:
        try:
            self._seat.renew()
            self._reap_the_dead()
            tell_depth(self._seat.queue.name, self._seat.queue.depth())
        except QueueUnavailableError as error:
            # While Redis is away nobody can renew a lease: all would look dead at its return. Count anew then.
            self._missing_since.clear()
            tell_depth(self._seat.queue.name, None)
            self._tell_away(error)
        else:
            self._tell_back()

    def _reap_the_dead(self) -> None:
        """A worker is dead when its lease was seen missing over two beats; the script looks once more."""
        now = self._clock.monotonic()
        missing = self._seat.workers_without_lease()
        self._missing_since = {worker: self._missing_since.get(worker, now) for worker in missing}
        for worker, since in list(self._missing_since.items()):
            if now - since < BEATS_UNTIL_DEAD * self._beat_seconds:
                continue
            count = self._seat.reap(worker)
            del self._missing_since[worker]
            if count >= 0:
                log.warning("worker %s of queue %s is dead: %d tasks put back", worker, self._seat.queue.name, count)

    def _end_if_hung(self) -> None:
        in_hand = self._in_hand  # read once: the other thread may end its task now
        if in_hand is None:
            return
        task_id, since = in_hand
        if self._clock.monotonic() - since > self._max_runtime_seconds:
            log.critical(
                "task %s of queue %s ran longer than %.0f s: ending this process with %d, which counts as an attempt",
                task_id,
                self._seat.queue.name,
                self._max_runtime_seconds,
                EXIT_HUNG,
            )
            self._end_process(EXIT_HUNG)

    def _tell_away(self, error: QueueUnavailableError) -> None:
        self._health.report("redis", ok=False, detail=str(error))
        if not self._away:
            log.warning("%s Trying again every %.0f s.", error, self._beat_seconds)
        self._away = True

    def _tell_back(self) -> None:
        self._health.report("redis", ok=True)
        if self._away:
            log.info("queue %s is back", self._seat.queue.name)
        self._away = False
