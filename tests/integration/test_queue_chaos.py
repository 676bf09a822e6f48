"""Everything is killed, again and again, at random; then the tasks are counted."""

import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from shared_utils.queue import QueueUnavailableError, TaskQueue
from shared_utils.tasks import Task
from tests.support.queue_parts import a_task, real_queue, worker_command
from tests.support.queue_worker_process import Journal
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

TASKS = 80
FATAL_EVERY = 30  # these kill the process that works on them
BLOWS = 8


class Crew:
    """Worker processes that are started again whenever they end, as `restart: always` does."""

    def __init__(self, url: str, journal: Path, count: int) -> None:
        self._command, self._count = worker_command(url, str(journal)), count
        self._workers: list[subprocess.Popen[bytes]] = []

    def revive(self) -> None:
        self._workers = [worker for worker in self._workers if worker.poll() is None]
        while len(self._workers) < self._count:
            self._workers.append(subprocess.Popen(self._command, stderr=subprocess.DEVNULL))

    def one(self, chance: random.Random) -> "subprocess.Popen[bytes]":
        return chance.choice(self._workers)

    def end(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait(20)


@contextmanager
def pushing(queue: TaskQueue, tasks: list[Task]) -> Iterator[None]:
    """Push the tasks while the block runs and until all are pushed, trying again as the outbox does."""

    def push_all() -> None:
        for task in tasks:
            while not _pushed(queue, task):
                Event().wait(0.1)
            Event().wait(0.05)

    thread = Thread(target=push_all, daemon=True)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


def _pushed(queue: TaskQueue, task: Task) -> bool:
    try:
        queue.push(task)
    except QueueUnavailableError:
        return False
    return True


def is_drained(queue: TaskQueue, revive: Callable[[], None]) -> bool:
    revive()
    depth = queue.depth()
    return depth.waiting == depth.in_work == 0


def test_no_task_is_lost_and_no_poison_runs_for_ever(own_redis: RedisServer, tmp_path: Path) -> None:
    """In, out, lost, twice: every task that was pushed ends once, and the fatal ones end as dead letters."""
    chance, queue, journal = random.Random(20261120), real_queue(own_redis.url), Journal(tmp_path / "journal")
    tasks = [a_task(n, camera="quick" if n % FATAL_EVERY else "fatal") for n in range(TASKS)]
    fatal = {task.id for task in tasks if task.camera == "fatal"}
    crew = Crew(own_redis.url, tmp_path / "journal", count=3)

    try:
        with pushing(queue, tasks):
            for blow in range(BLOWS):
                crew.revive()
                Event().wait(chance.uniform(0.3, 0.9))
                if blow % 5 == 3:
                    own_redis.kill()
                    Event().wait(chance.uniform(0.2, 1.5))
                    own_redis.start()
                elif chance.random() < 0.5:
                    crew.one(chance).kill()
                else:
                    crew.one(chance).terminate()
        wait_until("the queue is drained", lambda: is_drained(queue, crew.revive), seconds=90)
    finally:
        crew.end()

    ended, begun = Counter(journal.entries("end")), Counter(journal.entries("begin"))
    dead = {letter.task_id for letter in queue.dead()}
    lost = {task.id for task in tasks} - set(ended) - dead
    assert lost == set()
    assert fatal <= dead
    assert all(begun[task] <= 3 for task in begun), "at most three attempts, whatever happens"
    assert queue.redis.hgetall("video_queue:attempts") == {}
