"""Worker processes are killed and stopped; the tasks are counted."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared_utils.queue import QueueDepth, TaskQueue
from tests.support.queue_parts import EMPTY, a_task, real_queue, worker_command
from tests.support.queue_worker_process import Journal
from tests.support.waiting import wait_until

StartWorker = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def queue(fresh_redis_url: str) -> TaskQueue:
    return real_queue(fresh_redis_url)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def start_worker(fresh_redis_url: str, tmp_path: Path) -> Iterator[StartWorker]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(worker_command(fresh_redis_url, str(tmp_path / "journal")))
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(20)


def let_go(tmp_path: Path) -> None:
    """Let the slow tasks end."""
    (tmp_path / "journal.go").touch()


def test_a_killed_worker_costs_time_but_no_task(
    queue: TaskQueue, journal: Journal, start_worker: StartWorker, tmp_path: Path
) -> None:
    """The task it had in hand goes to a worker that lives, and is done once."""
    queue.push(a_task(camera="slow"))
    victim = start_worker()
    wait_until("the task is begun", lambda: len(journal.entries("begin")) == 1)
    start_worker()
    wait_until("both workers are there", lambda: len(queue.redis.smembers("video_queue:workers")) == 2)

    victim.kill()
    wait_until("the other worker has it", lambda: len(journal.entries("begin")) == 2)
    let_go(tmp_path)
    wait_until("it is done", lambda: queue.depth() == EMPTY)

    assert journal.entries("end") == [a_task().id]
    assert journal.entries("gave-up") == []


def test_sigterm_finishes_the_task_in_hand(
    queue: TaskQueue, journal: Journal, start_worker: StartWorker, tmp_path: Path
) -> None:
    """A deploy stops workers all the time; it must not cost half a minute of work each time."""
    queue.push(a_task(1, camera="slow"))
    queue.push(a_task(2, camera="slow"))
    worker = start_worker()
    wait_until("the task is begun", lambda: len(journal.entries("begin")) == 1)

    worker.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.5)
    let_go(tmp_path)

    assert worker.wait(30) == 0
    assert journal.entries("end") == [a_task(1).id]
    assert queue.depth() == QueueDepth(waiting=1, in_work=0, dead=0)
    assert queue.redis.smembers("video_queue:workers") == set()


def test_a_task_that_kills_its_process_dies_after_three(
    queue: TaskQueue, journal: Journal, start_worker: StartWorker
) -> None:
    """Without a limit it would kill every worker for ever; the good task behind it must come to its turn."""
    queue.push(a_task(1, camera="fatal"))
    queue.push(a_task(2, camera="quick"))
    restarts = 0

    while queue.depth() != QueueDepth(waiting=0, in_work=0, dead=1):
        worker = start_worker()
        restarts += 1
        assert restarts <= 5, "the task is not given up"
        wait_until(
            "the worker is killed or gives the task up",
            lambda worker=worker: worker.poll() is not None or queue.depth().dead == 1,  # type: ignore[misc]
        )
        if worker.poll() is None:
            wait_until("the queue is empty", lambda: queue.depth().waiting + queue.depth().in_work == 0)

    assert journal.entries("begin").count(a_task(1).id) == 3
    assert journal.entries("gave-up") == [a_task(1).id]
    assert journal.entries("end") == [a_task(2).id]
    assert queue.dead()[0].error == "the worker died 3 times while working on it"


def test_two_workers_share_the_work(queue: TaskQueue, journal: Journal, start_worker: StartWorker) -> None:
    """Each task is done once, and neither worker sits idle."""
    tasks = [a_task(number, camera="quick") for number in range(200)]
    workers = [start_worker(), start_worker()]
    wait_until("both workers are there", lambda: len(queue.redis.smembers("video_queue:workers")) == 2)

    for task in tasks:
        queue.push(task)
    wait_until("all is done", lambda: queue.depth() == EMPTY)

    assert sorted(journal.entries("end")) == [task.id for task in tasks]
    assert journal.pids() == {worker.pid for worker in workers}
