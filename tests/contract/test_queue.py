"""The queue as the rest of Vedette, and a person with redis-cli, sees it."""

import json
from datetime import UTC, datetime
from functools import partial

from shared_utils.queue import QueueDepth, TaskQueue
from shared_utils.tasks import Task
from tests.support.queue_parts import a_task, a_worker, nothing_to_write, working
from tests.support.waiting import wait_until


def bury(queue: TaskQueue, *tasks: Task, error: str = "broken") -> None:
    """Let a worker fail at these tasks until they are dead letters."""

    def fail(task: Task) -> None:
        raise ValueError(error)

    for task in tasks:
        count = queue.depth().dead + 1
        queue.push(task)
        with working(a_worker(queue, fail, give_up=nothing_to_write)):
            wait_until("the task is dead", partial(lambda wanted: queue.depth().dead == wanted, count))


def test_a_task_waits_as_readable_json(queue: TaskQueue) -> None:
    """People look into the queue with redis-cli; so do tools that we never heard of."""
    task = a_task(camera="front")

    pushed = queue.push(task)

    [payload] = queue.redis.lrange("video_queue", 0, -1)
    assert pushed
    assert list(json.loads(payload)) == ["id", "schema", "filename", "camera", "started_at", "queued_at"]
    assert Task.model_validate_json(payload).id == task.id
    assert queue.depth() == QueueDepth(waiting=1, in_work=0, dead=0)


def test_the_same_task_is_queued_once(queue: TaskQueue) -> None:
    """The outbox sends again whenever it is not sure."""
    queue.push(a_task(1))

    again = queue.push(a_task(1))
    other = queue.push(a_task(2))

    assert (again, other) == (False, True)
    assert queue.depth().waiting == 2


def test_waiting_tasks_are_told_in_the_order_of_their_turn(queue: TaskQueue) -> None:
    """The first one pushed is the first one worked on."""
    for number in range(5):
        queue.push(a_task(number))

    shown = [Task.model_validate_json(payload).id for payload in queue.waiting(limit=3)]

    assert shown == [a_task(number).id for number in range(3)]
    assert queue.waiting(limit=0) == []


def test_queues_do_not_mix(queue: TaskQueue) -> None:
    """A segment has the same id in each of its queues."""
    faces = TaskQueue(queue.redis, "face_queue", queue.clock)
    queue.push(a_task())

    pushed = faces.push(a_task())

    assert pushed
    assert (queue.depth().waiting, faces.depth().waiting) == (1, 1)


def test_a_dead_letter_tells_what_happened(queue: TaskQueue) -> None:
    """Somebody has to decide between replaying and dropping it."""
    before = datetime.now(UTC).replace(microsecond=0)

    bury(queue, a_task(), error="the model would not")

    [letter] = queue.dead()
    assert (letter.task_id, letter.error, letter.attempts) == (a_task().id, "ValueError: the model would not", 3)
    assert letter.failed_at is not None
    assert letter.failed_at >= before
    entry = json.loads(letter.raw)
    assert list(entry) == ["task", "error", "attempts", "worker", "failed_at"]
    assert entry["task"]["id"] == a_task().id
    assert entry["worker"] == letter.worker
    assert queue.redis.hgetall("video_queue:attempts") == {}


def test_a_replayed_task_has_all_its_attempts_again(queue: TaskQueue) -> None:
    """A person replays what was mended since; one leftover attempt would waste that."""
    bury(queue, a_task(1), a_task(2))
    seen: list[str] = []

    def fail_twice(task: Task) -> None:
        seen.append(task.id)
        if seen.count(task.id) < 3:
            raise ValueError("not yet")

    replayed = queue.replay()
    with working(a_worker(queue, fail_twice)):
        wait_until("both are done", lambda: queue.depth() == QueueDepth(0, 0, 0))

    assert replayed == 2
    assert seen.count(a_task(1).id) == seen.count(a_task(2).id) == 3
    assert seen[0] == a_task(1).id, "the one that died first runs first"


def test_a_replayed_task_counts_as_queued_now(queue: TaskQueue) -> None:
    """Else the time that it lay dead would look like a slow queue."""
    bury(queue, a_task(queued_at=datetime(2020, 1, 1, tzinfo=UTC), model="yolov8s.onnx"))
    before = datetime.now(UTC).replace(microsecond=0)

    queue.replay()

    task = Task.model_validate_json(queue.waiting()[0])
    assert task.queued_at >= before
    assert (task.id, task.model) == (a_task().id, "yolov8s.onnx")


def test_single_letters_are_replayed_and_dropped(queue: TaskQueue) -> None:
    """One of a hundred may be worth another try."""
    bury(queue, a_task(1), a_task(2), a_task(3))

    replayed = queue.replay([a_task(2).id, "front-20200101T000000000Z"])
    dropped = queue.drop({a_task(1).id})

    assert (replayed, dropped) == (1, 1)
    assert [letter.task_id for letter in queue.dead()] == [a_task(3).id]
    assert queue.depth() == QueueDepth(waiting=1, in_work=0, dead=1)


def test_malformed_entries_are_dropped_but_not_replayed(queue: TaskQueue) -> None:
    """They would only come back; and dead lists get edited by hand."""
    good, entries = a_task(), ["no json", "[]", '{"task": "text"}', '{"task": {"id": ""}}', "\udcff"]
    bury(queue, good)
    for entry in entries:
        queue.redis.rpush("video_queue:dead", entry)

    letters = queue.dead()
    replayed = queue.replay()
    dropped = queue.drop()

    assert [letter.task_id for letter in letters] == [good.id, *[None] * len(entries)]
    assert (replayed, dropped) == (1, len(entries))
    assert queue.depth() == QueueDepth(waiting=1, in_work=0, dead=0)


def test_the_id_of_a_dropped_task_may_be_pushed_again(queue: TaskQueue) -> None:
    """After a drop nothing is left of the task, so the guard against pushing twice must be gone too."""
    bury(queue, a_task())

    queue.drop()

    assert queue.push(a_task())


def test_the_newest_dead_letters_come_first(queue: TaskQueue) -> None:
    """With thousands of them, the last thing that broke is what one looks for."""
    bury(queue, a_task(1), a_task(2))

    assert [letter.task_id for letter in queue.dead(limit=1)] == [a_task(2).id]
    assert queue.dead(limit=0) == []
