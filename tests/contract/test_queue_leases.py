"""What becomes of a task whose worker dies, freezes, hangs or leaves."""

import logging
from dataclasses import replace
from threading import Event

import pytest

from shared_utils.queue import QueueDepth, TaskQueue
from shared_utils.queue_seat import Seat
from shared_utils.queue_worker import QueueWorker
from shared_utils.tasks import Task
from tests.support.queue_parts import EMPTY, QUICK, a_task, a_worker, leftovers, no_giving_up, working
from tests.support.waiting import wait_until


def test_a_task_whose_arrival_got_lost_is_found_again(queue: TaskQueue) -> None:
    """The reply of BLMOVE may be lost with the connection; the task lies on the worker's list then."""
    done: list[str] = []
    worker = a_worker(queue, lambda task: done.append(task.id))
    queue.push(a_task())
    queue.redis.lmove("video_queue", f"video_queue:processing:{worker.worker_id}", "RIGHT", "LEFT")

    with working(worker):
        wait_until("it is done", lambda: done == [a_task().id])

    assert leftovers(queue) == set()


def test_a_worker_that_leaves_gives_back_what_it_never_noticed(queue: TaskQueue) -> None:
    """Without its lease and its name in the set, nobody would ever look at its list again."""
    worker = a_worker(queue, lambda _task: None)
    queue.push(a_task())
    queue.redis.lmove("video_queue", f"video_queue:processing:{worker.worker_id}", "RIGHT", "LEFT")
    stop = Event()
    stop.set()

    worker.run(stop)

    assert queue.depth() == QueueDepth(waiting=1, in_work=0, dead=0)
    assert leftovers(queue) == {"video_queue"}


def test_what_a_dead_worker_had_is_next_in_turn(queue: TaskQueue) -> None:
    """It has waited longest."""
    done: list[str] = []
    queue.push(a_task(0))
    dead = Seat(queue, "gone:1:abc", lease_seconds=0.1)
    dead.take(1)
    queue.push(a_task(1))
    first, hold = Event(), Event()

    def work(task: Task) -> None:
        done.append(task.id)
        if not first.is_set():
            first.set()
            hold.wait(30)

    with working(a_worker(queue, work)):
        assert first.wait(30)
        wait_until("the task is put back", lambda: queue.depth().waiting == 1)
        queue.push(a_task(2))
        hold.set()
        wait_until("all are done", lambda: len(done) == 3)

    assert done == [a_task(1).id, a_task(0).id, a_task(2).id]
    assert leftovers(queue) == set()


def test_a_living_worker_is_not_reaped(queue: TaskQueue) -> None:
    """The reaper asks once more, inside Redis, in the moment of taking."""
    alive = Seat(queue, "here:1:abc", lease_seconds=60)
    queue.push(a_task())
    alive.take(1)

    taken = Seat(queue, "reaper:1:abc", lease_seconds=60).reap("here:1:abc")

    assert taken == -1
    assert queue.depth() == QueueDepth(waiting=0, in_work=1, dead=0)


def test_the_lease_of_a_dead_worker_ends_although_the_clock_of_redis_was_set_back(queue: TaskQueue) -> None:
    """Its time to live is an hour longer then; tasks of living workers stay with them."""
    dead, alive = Seat(queue, "dead:1:abc", lease_seconds=3600), Seat(queue, "alive:1:abc", lease_seconds=0.5)
    dead.renew()
    alive.renew()

    missing = alive.workers_without_lease()

    assert missing == set()
    left_ms = queue.redis.pttl("video_queue:alive:dead:1:abc")
    assert 0 < left_ms <= 500
    wait_until("it is missing", lambda: "dead:1:abc" in alive.workers_without_lease())


def taken_over(queue: TaskQueue) -> tuple[Seat, Seat, str]:
    """A worker that was frozen beyond its lease, the one that took its task over, and the payload of that task."""
    queue.push(a_task())
    frozen, other = Seat(queue, "frozen:1:abc", lease_seconds=60), Seat(queue, "other:1:abc", lease_seconds=60)
    payload = frozen.take(1)
    assert payload is not None
    queue.redis.delete("video_queue:alive:frozen:1:abc")
    other.reap("frozen:1:abc")
    other.take(1)
    return frozen, other, payload


def test_a_task_that_was_taken_over_is_settled_by_its_new_owner_only(queue: TaskQueue) -> None:
    """A frozen worker that wakes up must not remove the task from under the one who runs it now."""
    frozen, _other, payload = taken_over(queue)

    settled = [frozen.settle(payload, a_task().id), frozen.retry(payload), frozen.postpone(payload, a_task().id)]

    assert settled == [False, False, False]
    assert not frozen.bury(payload, "letter", a_task().id)
    assert queue.depth() == QueueDepth(waiting=0, in_work=1, dead=0)


def test_a_task_that_was_taken_over_is_not_counted_any_more(queue: TaskQueue) -> None:
    """The one who settled it has deleted its count; a new one would stay, and cost a replay an attempt."""
    frozen, other, payload = taken_over(queue)

    counted = other.count_attempt(payload, a_task().id), other.settle(payload, a_task().id)

    assert counted == (1, True)
    assert frozen.count_attempt(payload, a_task().id) == 0
    assert not queue.redis.exists("video_queue:attempts")


def test_a_task_that_killed_its_workers_is_given_up_without_being_run(queue: TaskQueue) -> None:
    """Attempts are counted before the work, so that a kill counts; the fourth time it would kill again."""
    given_up: list[str] = []
    queue.push(a_task())
    queue.redis.hset("video_queue:attempts", a_task().id, "3")

    def must_not_run(task: Task) -> None:
        raise AssertionError

    with working(a_worker(queue, must_not_run, lambda _task, error: given_up.append(error))):
        wait_until("it is dead", lambda: queue.depth().dead == 1)

    assert given_up == ["the worker died 3 times while working on it"]
    assert queue.dead()[0].error == given_up[0]


def test_a_long_task_keeps_its_lease(queue: TaskQueue) -> None:
    """Another worker, with nothing to do, must not take it over."""
    begun: list[str] = []
    go_on = Event()

    def work(task: Task) -> None:
        begun.append(task.id)
        go_on.wait(30)

    queue.push(a_task())
    with working(a_worker(queue, work), a_worker(queue, work)):
        wait_until("it is begun", lambda: begun != [])
        go_on.wait(2 * QUICK.lease_seconds)
        go_on.set()
        wait_until("it is done", lambda: queue.depth() == EMPTY)

    assert begun == [a_task().id]


def test_a_task_that_hangs_ends_the_process(queue: TaskQueue, caplog: pytest.LogCaptureFixture) -> None:
    """A thread cannot be stopped from outside; only a new process gives the next task a chance."""
    ended_with: list[int] = []
    let_go = Event()

    def end_process(code: int) -> None:
        ended_with.append(code)
        let_go.set()

    def hang(task: Task) -> None:
        let_go.wait(30)

    queue.push(a_task())
    settings = replace(QUICK, max_runtime_seconds=0.3)
    worker = QueueWorker(queue, hang, no_giving_up, settings, end_process)
    with working(worker):
        wait_until("the process would end", lambda: ended_with != [])

    assert ended_with[0] == 75
    assert any(r.levelno == logging.CRITICAL and a_task().id in r.getMessage() for r in caplog.records)
