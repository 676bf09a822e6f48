"""How a worker treats the tasks of its queue."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from prometheus_client import REGISTRY

from shared_utils.errors import StorageError
from shared_utils.queue import QueueDepth, TaskQueue
from shared_utils.queue_worker import QueueWorker, WorkerSettings
from shared_utils.tasks import Task
from tests.support.queue_parts import EMPTY, QUICK, a_task, a_worker, leftovers, nothing_to_write, working
from tests.support.waiting import wait_until


def test_tasks_are_done_in_turn_and_leave_nothing_behind(queue: TaskQueue) -> None:
    """A queue that has been emptied is an empty Redis: no lists of work, no leases, no attempts."""
    done: list[str] = []
    for number in range(5):
        queue.push(a_task(number))

    with working(a_worker(queue, lambda task: done.append(task.id))):
        wait_until("all is done", lambda: queue.depth() == EMPTY)

    assert done == [a_task(number).id for number in range(5)]
    assert leftovers(queue) == set()


def test_the_task_in_hand_is_seen_in_work(queue: TaskQueue) -> None:
    """The scaling rule counts it: a busy worker must not be scaled away."""
    begun, go_on = Event(), Event()
    queue.push(a_task(1))
    queue.push(a_task(2))

    def wait(task: Task) -> None:
        begun.set()
        go_on.wait(30)

    worker = a_worker(queue, wait)
    with working(worker) as stop:
        assert begun.wait(30)
        depth, in_work = queue.depth(), queue.in_work()
        stop.set()
        go_on.set()

    assert depth == QueueDepth(waiting=1, in_work=1, dead=0)
    assert [Task.model_validate_json(payload).id for payload in in_work[worker.worker_id]] == [a_task(1).id]


def test_stopping_finishes_the_task_in_hand_and_starts_no_other(queue: TaskQueue) -> None:
    """A deploy must cost no work."""
    begun, go_on = Event(), Event()
    done: list[str] = []
    queue.push(a_task(1))
    queue.push(a_task(2))

    def work(task: Task) -> None:
        begun.set()
        go_on.wait(30)
        done.append(task.id)

    with working(a_worker(queue, work)) as stop:
        assert begun.wait(30)
        stop.set()
        go_on.set()

    assert done == [a_task(1).id]
    assert queue.depth() == QueueDepth(waiting=1, in_work=0, dead=0)
    assert leftovers(queue) == {"video_queue"}


def test_a_failing_task_goes_to_the_tail_and_dies_after_its_attempts(queue: TaskQueue) -> None:
    """One bad segment must neither block the good ones nor run for ever."""
    tried: list[str] = []
    given_up: list[tuple[str, str, int]] = []
    for number in range(3):
        queue.push(a_task(number))

    def work(task: Task) -> None:
        tried.append(task.id)
        if task.id == a_task(0).id:
            raise ValueError("broken")

    def give_up(task: Task, error: str) -> None:
        given_up.append((task.id, error, queue.depth().dead))

    with working(a_worker(queue, work, give_up)):
        wait_until("the bad one is dead", lambda: queue.depth().dead == 1)

    assert tried[:3] == [a_task(0).id, a_task(1).id, a_task(2).id]
    assert tried.count(a_task(0).id) == 3
    assert given_up == [(a_task(0).id, "ValueError: broken", 0)], "the line is written before the dead letter"


def test_trouble_of_the_world_costs_no_attempt(queue: TaskQueue) -> None:
    """A full disk for an hour must not turn every task into a dead letter."""
    tries = 0

    def disk_full_for_a_while(task: Task) -> None:
        nonlocal tries
        tries += 1
        if tries <= 8:
            raise StorageError("the disk is full")

    queue.push(a_task())
    with working(a_worker(queue, disk_full_for_a_while)):
        wait_until("it is done in the end", lambda: queue.depth() == EMPTY)

    assert tries == 9
    assert leftovers(queue) == set()


def test_a_task_with_its_own_trouble_holds_up_no_other(queue: TaskQueue) -> None:
    """Its file may lie on a server that is away, while the others can go on."""
    done: list[str] = []
    queue.push(a_task(0))
    queue.push(a_task(1))

    def work(task: Task) -> None:
        if task.id == a_task(0).id:
            raise StorageError("stale file handle")
        done.append(task.id)

    with working(a_worker(queue, work)):
        wait_until("the other one is done", lambda: done == [a_task(1).id])

    assert queue.depth() == QueueDepth(waiting=1, in_work=0, dead=0)


def test_the_pause_while_the_world_is_at_fault_ends_at_a_stop(queue: TaskQueue) -> None:
    """A worker that pauses for half a minute must still stop within its grace period."""
    failed = Event()

    def fail(task: Task) -> None:
        failed.set()
        raise StorageError("the disk is full")

    queue.push(a_task())
    patient = replace(QUICK, retry_pause_seconds=600.0, longest_pause_seconds=600.0)
    with working(a_worker(queue, fail, settings=patient)):
        assert failed.wait(30)

    assert queue.depth() == QueueDepth(waiting=1, in_work=0, dead=0)


def test_giving_up_that_fails_for_now_is_tried_again(queue: TaskQueue) -> None:
    """Without its line in the log a task must not become a dead letter: invariant 4."""
    tries = 0

    def fail(task: Task) -> None:
        raise ValueError("broken")

    def disk_full_for_a_while(task: Task, error: str) -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise StorageError("the disk is full")

    queue.push(a_task())
    with working(a_worker(queue, fail, disk_full_for_a_while)):
        wait_until("it is given up in the end", lambda: queue.depth().dead == 1)

    assert tries == 4
    assert queue.depth() == QueueDepth(waiting=0, in_work=0, dead=1)


def test_giving_up_that_cannot_work_still_ends_in_a_dead_letter(queue: TaskQueue) -> None:
    """A bug there must neither lose the task nor run it for ever; the letter tells both errors."""

    def fail(task: Task) -> None:
        raise ValueError("broken")

    def fail_too(task: Task, error: str) -> None:
        raise KeyError("also broken")

    queue.push(a_task())
    with working(a_worker(queue, fail, fail_too)):
        wait_until("it is dead", lambda: queue.depth().dead == 1)

    assert "ValueError: broken; and giving up failed: KeyError" in queue.dead()[0].error


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "no json",
        "[]",
        "null",
        "{}",
        '{"id": 5}',
        '{"id": "\\ud800"}',
        "\udcff\udcfe",
        "x" * 5000,
        '{"id":"a","schema":2}',
    ],
)
def test_a_malformed_payload_goes_to_the_dead_letters_as_it_is(queue: TaskQueue, payload: str) -> None:
    """Anything can be pushed with redis-cli; the worker and the tasks behind it must not suffer."""
    done: list[str] = []
    queue.redis.lpush("video_queue", payload)
    queue.push(a_task())

    with working(a_worker(queue, lambda task: done.append(task.id))):
        wait_until("the good one is done", lambda: bool(done) and queue.depth().waiting == 0)

    [letter] = queue.dead()
    assert done == [a_task().id]
    assert json.loads(letter.raw)["task"] == payload
    assert letter.error.startswith("malformed payload")
    assert "\n" not in letter.error
    assert len(letter.error) <= 500
    assert leftovers(queue) == {"video_queue:dead"}


def test_secrets_do_not_reach_the_dead_letter(queue: TaskQueue) -> None:
    """Dead letters are shown in the terminal, on the page and in bug reports; they are also kept short."""
    queue.redis.get_connection_kwargs()["password"] = "redis-pass"

    def fail(task: Task) -> None:
        raise ValueError("rtsp://admin:cam-pass@10.0.0.5/1 and redis-pass " + "x" * 2000)

    errors: list[str] = []
    queue.push(a_task())
    with working(a_worker(queue, fail, lambda _task, error: errors.append(error))):
        wait_until("it is dead", lambda: queue.depth().dead == 1)

    [letter] = queue.dead()
    assert "rtsp://admin:***@10.0.0.5/1 and ***" in letter.error
    assert "pass" not in letter.raw + errors[0]
    assert len(letter.error) == 500


def test_two_workers_share_the_work(queue: TaskQueue) -> None:
    """Scaling is nothing but starting more of them."""
    tasks, done = 40, [list[str](), list[str]()]
    for number in range(tasks):
        queue.push(a_task(number))

    def worker(into: list[str]) -> QueueWorker:
        def work(task: Task) -> None:
            into.append(task.id)
            Event().wait(0.01)

        return a_worker(queue, work)

    with working(worker(done[0]), worker(done[1])):
        wait_until("all is done", lambda: queue.depth() == EMPTY)

    assert sorted(done[0] + done[1]) == sorted(a_task(number).id for number in range(tasks))
    assert all(done)


def metric(name: str, **labels: str) -> float:
    """The value of a metric of the queue now; 0 if it was never touched."""
    return REGISTRY.get_sample_value(name, {"queue": "video_queue", **labels}) or 0.0


def test_prometheus_is_told_what_happens(queue: TaskQueue) -> None:
    """Alerts, graphs and the scaling rule live on these numbers."""
    results = ("done", "retried", "dead", "malformed", "postponed")
    before = {result: metric("vedette_tasks_total", result=result) for result in results}
    attempts, waits = metric("vedette_task_attempts_total"), metric("vedette_task_wait_seconds_count")
    runs, waited = metric("vedette_task_run_seconds_count"), metric("vedette_task_wait_seconds_sum")
    postponed = Event()

    def work(task: Task) -> None:
        if task.id == a_task(1).id:
            raise ValueError("broken")
        if task.id == a_task(2).id and not postponed.is_set():
            postponed.set()
            raise StorageError("the disk is full")

    queue.redis.lpush("video_queue", "no task")
    for number in range(3):
        queue.push(a_task(number, queued_at=datetime.now(UTC) - timedelta(seconds=100)))
    with working(a_worker(queue, work, nothing_to_write)):
        wait_until("all is done", lambda: queue.depth() == QueueDepth(waiting=0, in_work=0, dead=2))
        wait_until("a beat told the depth", lambda: metric("vedette_queue_dead") == 2)

    after = {result: metric("vedette_tasks_total", result=result) - before[result] for result in results}
    assert after == {"done": 2, "retried": 2, "dead": 1, "malformed": 1, "postponed": 1}
    assert metric("vedette_task_attempts_total") - attempts == 6
    assert metric("vedette_task_run_seconds_count") - runs == 6
    assert metric("vedette_task_wait_seconds_count") - waits == 4, "the postponed one has its first attempt twice"
    assert metric("vedette_task_wait_seconds_sum") - waited >= 400
    assert (metric("vedette_queue_waiting"), metric("vedette_queue_in_work")) == (0, 0)


@pytest.mark.parametrize(("poll_seconds", "beat_seconds"), [(30.0, 5.0), (15.0, 5.0), (5.0, 15.0)])
def test_settings_that_would_lose_leases_are_refused(poll_seconds: float, beat_seconds: float) -> None:
    """Each of them lets a living worker look dead, or a task arrive at a dead one."""
    with pytest.raises(ValueError, match="must"):
        WorkerSettings(poll_seconds=poll_seconds, beat_seconds=beat_seconds)
