"""One worker's place at a queue: its lease, its list of work, and what it may do with a task in hand."""

from collections.abc import Iterable, Mapping
from typing import cast

from shared_utils import queue_scripts
from shared_utils.queue import TaskQueue

NO_LEASE = -2  # what Redis answers for the time left of a key that is not there
ENDLESS = 10  # times our own lease: no worker asks for that


class Seat:
    """The Redis side of a worker. Every method may raise QueueUnavailableError.

    The methods that end a task return False if it is no longer ours: the lease ran out and another worker has it.
    """

    def __init__(self, queue: TaskQueue, worker: str, lease_seconds: float) -> None:
        self.queue, self.worker, self._lease_ms = queue, worker, int(lease_seconds * 1000)
        self._work = queue.key("processing", worker)
        self._attempts = queue.key("attempts")

    def renew(self) -> None:
        """Say that we live. The set of workers is written anew too: we may have been reaped, or Redis emptied."""
        with self.queue.redis_errors(), self.queue.redis.pipeline() as pipeline:
            pipeline.sadd(self.queue.key("workers"), self.worker)
            pipeline.set(self.queue.key("alive", self.worker), "1", px=self._lease_ms)
            pipeline.execute()

    def take(self, wait_seconds: float) -> str | None:
        """The next payload, now on our list of work; None if none comes in time.

        A payload whose arrival got lost with a connection is found on our list first. The lease stands before a
        task can arrive, so that whatever lies on our list is reaped should we die.
        """
        self.renew()
        with self.queue.redis_errors():
            payload = self.queue.redis.lindex(self._work, 0)
            if payload is None:
                # redis-py declares whole seconds; the server takes fractions
                wait = cast(int, wait_seconds)
                payload = self.queue.redis.blmove(self.queue.name, self._work, wait, "RIGHT", "LEFT")
        return None if payload is None else str(payload)

    def count_attempt(self, payload: str, task_id: str) -> int:
        """Raise and return the number of attempts. Done before the work, so that a kill counts as well.

        0: the task is no longer ours, because we slept through our lease; nothing was counted.
        """
        return int(self.queue.run_script(queue_scripts.COUNT, [self._work, self._attempts], [payload, task_id]))

    def settle(self, payload: str, task_id: str) -> bool:
        """The work is done and its result on disk."""
        return bool(self.queue.run_script(queue_scripts.SETTLE, [self._work, self._attempts], [payload, task_id]))

    def retry(self, payload: str) -> bool:
        """The attempt failed: back to the tail of the queue."""
        return bool(self.queue.run_script(queue_scripts.RETRY, [self._work, self.queue.name], [payload]))

    def postpone(self, payload: str, task_id: str) -> bool:
        """The attempt does not count: back to the tail of the queue."""
        keys = [self._work, self.queue.name, self._attempts]
        return bool(self.queue.run_script(queue_scripts.POSTPONE, keys, [payload, task_id]))

    def bury(self, payload: str, letter: str, task_id: str = "") -> bool:
        """Out of attempts, or no task at all: to the dead letters."""
        keys = [self._work, self.queue.key("dead"), self._attempts]
        return bool(self.queue.run_script(queue_scripts.BURY, keys, [payload, letter, task_id]))

    def workers_without_lease(self) -> set[str]:
        """Workers that said they live once, and no longer do."""
        with self.queue.redis_errors():
            others = [str(worker) for worker in self.queue.redis.smembers(self.queue.key("workers"))]
            if not others:
                return set()
            leases = {self.queue.key("alive", worker): worker for worker in others}
            left_ms = self._time_left(leases)
            self._shorten_endless(left_ms)
        return {leases[lease] for lease, left in left_ms.items() if left == NO_LEASE} - {self.worker}

    def _time_left(self, leases: Iterable[str]) -> dict[str, int]:
        with self.queue.redis.pipeline() as pipeline:
            for lease in leases:
                pipeline.pttl(lease)
            return dict(zip(leases, pipeline.execute(), strict=True))

    def _shorten_endless(self, left_ms: Mapping[str, int]) -> None:
        """Redis ends leases by its wall clock. Once that was set back by an hour, they last an hour longer, and the
        tasks of a worker that is dead would wait for so long. One that lives renews its lease at its next beat.
        """
        for lease, left in left_ms.items():
            if left > ENDLESS * self._lease_ms:
                self.queue.redis.pexpire(lease, self._lease_ms)

    def reap(self, worker: str) -> int:
        """Put back what a dead worker had in work; how many tasks. -1 if it lives after all."""
        return int(self.queue.run_script(queue_scripts.REAP, self._keys_of(worker), [worker]))

    def leave(self) -> int:
        """Give up the lease at a clean end, and whatever still lies on our list; how many tasks."""
        return int(self.queue.run_script(queue_scripts.LEAVE, self._keys_of(self.worker), [self.worker]))

    def _keys_of(self, worker: str) -> list[str]:
        queue = self.queue
        return [queue.key("alive", worker), queue.key("processing", worker), queue.name, queue.key("workers")]
