"""Queues, tasks and workers for tests: the real classes with short times."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import fakeredis
from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.queue import QueueDepth, TaskQueue
from shared_utils.queue_worker import GiveUp, Handler, QueueWorker, WorkerSettings
from shared_utils.segments import segment_id
from shared_utils.tasks import Task

QUICK = WorkerSettings(
    lease_seconds=1.0,
    beat_seconds=0.2,
    poll_seconds=0.05,
    retry_pause_seconds=0.02,
    longest_pause_seconds=0.05,
    settle_after_stop_seconds=0.5,
)
EMPTY = QueueDepth(waiting=0, in_work=0, dead=0)
STARTED = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


class InMemoryRedis(fakeredis.FakeRedis):
    """fakeredis with a BLMOVE that waits: version 2.40 moves a nothing out of an empty list."""

    def blmove(self, first_list: str, second_list: str, timeout: int, src: str = "LEFT", dest: str = "RIGHT") -> Any:
        assert (src, dest) == ("RIGHT", "LEFT"), "BRPOPLPUSH, which is right in fakeredis, moves this way only"
        return self.brpoplpush(first_list, second_list, timeout)


def in_memory_redis() -> Redis:
    """An empty in-memory Redis, set up as `connect` sets up a real one."""
    return InMemoryRedis(server=fakeredis.FakeServer(), decode_responses=True, encoding_errors="surrogateescape")


def a_task(number: int = 0, **changes: Any) -> Task:
    """A task of a camera's Nth segment."""
    started_at = STARTED + timedelta(seconds=30 * number)
    segment = segment_id("front", started_at)
    task = Task(
        id=segment,
        filename=f"segments/front/2026-11-20/{segment}.mp4",
        camera="front",
        started_at=started_at,
        queued_at=datetime.now(UTC),
    )
    return task.model_copy(update=changes)


def leftovers(queue: TaskQueue) -> set[str]:
    """The keys that remain, but for the push guards, which live for days."""
    return {str(key) for key in queue.redis.keys("*") if ":seen:" not in str(key)}


def no_giving_up(task: Task, error: str) -> None:
    raise AssertionError(f"{task.id} was given up: {error}")


def nothing_to_write(task: Task, error: str) -> None:
    """Gives up without a line in any log."""


def a_worker(
    queue: TaskQueue, handler: Handler, give_up: GiveUp = no_giving_up, settings: WorkerSettings = QUICK
) -> QueueWorker:
    def must_not_end(code: int) -> None:
        raise AssertionError(f"the process would have ended with {code}")

    return QueueWorker(queue, handler, give_up, settings, end_process=must_not_end)


@contextmanager
def working(*workers: QueueWorker) -> Iterator[Event]:
    """The workers run in threads while the block does; afterwards they have ended cleanly."""
    stop = Event()
    threads = [Thread(target=worker.run, args=(stop,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not any(thread.is_alive() for thread in threads), "a worker did not stop"


def real_queue(url: str, name: str = "video_queue") -> TaskQueue:
    from shared_utils.queue import connect

    return TaskQueue(connect(url), name, SystemClock())


def worker_command(url: str, journal: str, *options: str) -> Sequence[str]:
    """The command line of a worker process, see `queue_worker_process`."""
    return [sys.executable, "-m", "tests.support.queue_worker_process", url, journal, *options]
