"""The working end of a queue: take, lease, run, settle; reap what dead workers left behind."""

import logging
import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from pydantic import ValidationError

from shared_utils.backoff import Backoff
from shared_utils.errors import TemporaryError
from shared_utils.queue import SOCKET_SECONDS, QueueUnavailableError, TaskQueue, dead_letter_json
from shared_utils.queue_beat import Beat
from shared_utils.queue_metrics import ATTEMPTS, RESULTS, RUN_SECONDS, WAIT_SECONDS
from shared_utils.queue_seat import Seat
from shared_utils.tasks import Task

log = logging.getLogger(__name__)

Handler = Callable[[Task], None]
GiveUp = Callable[[Task, str], None]  # task and the last error


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Measured values; see docs/design/queue.md before changing one."""

    lease_seconds: float = 30.0
    beat_seconds: float = 5.0
    poll_seconds: float = 2.0  # must stay below the lease; an idle worker stops within it
    attempts: int = 3
    max_runtime_seconds: float = 900.0  # beyond it the process ends itself with 75, which counts as an attempt
    retry_pause_seconds: float = 1.0  # before a failed task goes back; twice that from the second attempt on
    longest_pause_seconds: float = 30.0  # between tries while the world is at fault
    settle_after_stop_seconds: float = 10.0  # how long a finished task waits for Redis once we are to stop

    def __post_init__(self) -> None:
        """A task could arrive for a worker that was reaped already if it waited longer than its lease lasts."""
        if not 2 * self.beat_seconds < self.lease_seconds:
            raise ValueError(f"lease_seconds {self.lease_seconds} must exceed two beats of {self.beat_seconds}")
        if not self.poll_seconds < min(self.lease_seconds, SOCKET_SECONDS):
            raise ValueError(f"poll_seconds {self.poll_seconds} must stay below the lease and below {SOCKET_SECONDS}")


@dataclass(frozen=True, slots=True)
class _InHand:
    """A task on our list of work."""

    payload: str  # as it stands on the list: what Redis looks for when it is settled
    task: Task
    attempt: int


class QueueWorker:
    """Takes tasks one by one and hands them to `handler`.

    A handler that returns has its result on disk: the task is settled. A handler that raises TemporaryError gets the
    same task again after a pause, without an attempt being counted: the world is at fault, not the task. Any other
    exception costs an attempt; out of attempts, `give_up` is called (it writes the `"ok": false` line) and the task
    becomes a dead letter. A task that killed its worker too often goes the same way.
    """

    def __init__(
        self,
        queue: TaskQueue,
        handler: Handler,
        give_up: GiveUp,
        settings: WorkerSettings = WorkerSettings(),
        end_process: Callable[[int], None] = os._exit,
    ) -> None:
        self._queue, self._handler, self._give_up, self._settings = queue, handler, give_up, settings
        self._seat = Seat(queue, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}", settings.lease_seconds)
        self._beat = Beat(
            self._seat,
            beat_seconds=settings.beat_seconds,
            max_runtime_seconds=settings.max_runtime_seconds,
            clock=queue.clock,
            end_process=end_process,
        )
        self._redis_away = Backoff(longest_seconds=settings.beat_seconds)
        self._world_at_fault = Backoff(settings.retry_pause_seconds, settings.longest_pause_seconds)
        self._never = Event()  # for waits that a stop must not cut short
        self._away = False  # whether Redis failed us last

    @property
    def worker_id(self) -> str:
        """`host:pid:random`, as it stands in the names of its keys."""
        return self._seat.worker

    def run(self, stop: Event) -> None:
        """Work until `stop` is set; the task in hand is finished first. Survives Redis being away. Call it once."""
        log.info("worker %s waits for tasks of queue %s", self.worker_id, self._queue.name)
        self._beat.start()
        try:
            while not stop.is_set():
                self._work_unless_away(stop)
        finally:
            self._beat.stop()
            self._leave()

    def _work_unless_away(self, stop: Event) -> None:
        try:
            payload = self._seat.take(self._settings.poll_seconds)
            if payload is not None and not stop.is_set():  # else it is given back when we leave
                self._work_on(payload, stop)
            self._redis_away.reset()
            self._away = False
        except QueueUnavailableError as error:
            self._away = True
            log.debug("%s", error)  # the beat tells it once per outage
            stop.wait(self._redis_away.next_pause())

    def _work_on(self, payload: str, stop: Event) -> None:
        try:
            task = Task.model_validate_json(payload)
        except ValueError as error:
            self._bury_malformed(payload, error, stop)
            return
        in_hand = _InHand(payload, task, self._seat.count_attempt(payload, task.id))
        if not in_hand.attempt:
            log.warning("task %s of queue %s was taken over before we began it", task.id, self._queue.name)
            return
        if in_hand.attempt > self._settings.attempts:
            died = f"the worker died {in_hand.attempt - 1} times while working on it"
            with self._beat.watching(task.id):
                self._give_up_on(in_hand, died, stop)
            return
        self._attempt(in_hand, stop)

    def _attempt(self, in_hand: _InHand, stop: Event) -> None:
        queue, task = self._queue, in_hand.task
        ATTEMPTS.labels(queue.name).inc()
        if in_hand.attempt == 1:
            WAIT_SECONDS.labels(queue.name).observe(max(0.0, (queue.clock.now() - task.queued_at).total_seconds()))
        try:
            with self._beat.watching(task.id), RUN_SECONDS.labels(queue.name).time():
                self._handler(task)
        except TemporaryError as error:
            self._postpone(in_hand, error, stop)
        except Exception as error:
            log.exception("attempt %d of task %s of queue %s failed", in_hand.attempt, task.id, queue.name)
            self._fail(in_hand, error, stop)
        else:
            self._world_at_fault.reset()
            self._settle("done", lambda: self._seat.settle(in_hand.payload, task.id), task.id, stop)

    def _fail(self, in_hand: _InHand, error: Exception, stop: Event) -> None:
        if in_hand.attempt < self._settings.attempts:
            stop.wait(self._settings.retry_pause_seconds * min(in_hand.attempt, 2))
            self._settle("retried", lambda: self._seat.retry(in_hand.payload), in_hand.task.id, stop)
            return
        with self._beat.watching(in_hand.task.id):
            self._give_up_on(in_hand, f"{type(error).__name__}: {error}", stop)

    def _give_up_on(self, in_hand: _InHand, error: str, stop: Event) -> None:
        """First the line in the log, then the dead letter: killed in between, we do both again."""
        error = self._queue.without_secrets(error)
        try:
            self._give_up(in_hand.task, error)
        except TemporaryError as reason:
            self._postpone(in_hand, reason, stop)
            return
        except Exception as reason:
            log.exception("task %s of queue %s could not even be given up", in_hand.task.id, self._queue.name)
            error = self._queue.without_secrets(f"{error}; and giving up failed: {type(reason).__name__}: {reason}")
        log.error("task %s of queue %s is out of attempts: %s", in_hand.task.id, self._queue.name, error)
        self._bury(in_hand.payload, in_hand.task, error, in_hand.attempt, stop)

    def _postpone(self, in_hand: _InHand, error: Exception, stop: Event) -> None:
        """Back to the tail at once, so that a single task with its own trouble holds up no other; then we pause."""
        pause_seconds = self._world_at_fault.next_pause()
        task_id = in_hand.task.id
        log.warning("task %s of queue %s is postponed: %s", task_id, self._queue.name, error)
        self._settle("postponed", lambda: self._seat.postpone(in_hand.payload, task_id), task_id, stop)
        stop.wait(pause_seconds)

    def _bury_malformed(self, payload: str, error: ValueError, stop: Event) -> None:
        text = self._queue.without_secrets(f"malformed payload: {_in_one_line(error)}")
        log.error("an entry of queue %s is no task and goes to its dead letters: %s", self._queue.name, text)
        self._bury(payload, None, text, 0, stop)

    def _bury(self, payload: str, task: Task | None, error: str, attempts: int, stop: Event) -> None:
        letter = dead_letter_json(
            task, payload, error=error, attempts=attempts, worker=self.worker_id, failed_at=self._queue.clock.now()
        )
        task_id = "" if task is None else task.id
        result = "malformed" if task is None else "dead"
        self._settle(result, lambda: self._seat.bury(payload, letter, task_id), task_id, stop)

    def _settle(self, result: str, settle: Callable[[], bool], task_id: str, stop: Event) -> None:
        """Tell Redis how the attempt ended, waiting for it if it is away.

        Once we are to stop, the patience ends: the task is then found on our list and run again by another worker.
        """
        backoff = Backoff(0.1, 1.0)
        stopping_since: float | None = None
        while True:
            try:
                ours = settle()
                break
            except QueueUnavailableError as error:
                now = self._queue.clock.monotonic()
                if stop.is_set() and stopping_since is None:
                    stopping_since = now
                if stopping_since is not None and now - stopping_since >= self._settings.settle_after_stop_seconds:
                    log.warning("task %s ended as %s, but the queue could not be told: %s", task_id, result, error)
                    return
                self._never.wait(backoff.next_pause())
        if ours:
            RESULTS.labels(self._queue.name, result).inc()
        else:
            log.warning("task %s of queue %s was taken over while we had it", task_id, self._queue.name)

    def _leave(self) -> None:
        if self._away:  # one that hangs would be waited for as long again
            log.warning("the lease of %s runs out by itself: Redis is away", self.worker_id)
            return
        try:
            given_back = self._seat.leave()
        except QueueUnavailableError as error:
            log.warning("the lease of %s runs out by itself: %s", self.worker_id, error)
            return
        if given_back:
            log.info("worker %s gave back %d tasks", self.worker_id, given_back)


def _in_one_line(error: ValueError) -> str:
    """What is wrong with a payload, for a table and a log that have one line for it."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(": ".join([*map(str, problem["loc"]), problem["msg"]]) for problem in problems)
