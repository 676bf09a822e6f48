"""Redis goes away and comes back; nothing is lost, nothing waits for ever, no password is told."""

import math
import socket
import time
from pathlib import Path
from threading import Event

import pytest
from prometheus_client import REGISTRY

from shared_utils.clock import SystemClock
from shared_utils.errors import ConfigError
from shared_utils.queue import QueueDepth, QueueUnavailableError, TaskQueue, connect
from shared_utils.tasks import Task
from shared_utils.telemetry import HEALTH
from tests.support.queue_parts import EMPTY, a_task, a_worker, real_queue, working
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until


def is_done(queue: TaskQueue) -> bool:
    """Whether the queue is empty, asked while the server may be away."""
    try:
        return queue.depth() == EMPTY
    except QueueUnavailableError:
        return False


def test_tasks_outlive_a_killed_redis_and_run_once(own_redis: RedisServer) -> None:
    """In hand or waiting: two workers must neither lose a task nor take each other's after the outage."""
    queue, begun, go_on = real_queue(own_redis.url), list[str](), Event()
    for number in range(10):
        queue.push(a_task(number))

    def work(task: Task) -> None:
        begun.append(task.id)
        go_on.wait(60)

    with working(a_worker(real_queue(own_redis.url), work), a_worker(real_queue(own_redis.url), work)):
        wait_until("two tasks are in hand", lambda: len(begun) == 2)
        with own_redis.killed():
            time.sleep(1.5)  # longer than the leases: at its return Redis knows no living worker
        wait_until("both workers are back", lambda: len(queue.redis.keys("video_queue:alive:*")) == 2)
        go_on.set()
        wait_until("all is done", lambda: is_done(queue))

    assert sorted(begun) == [a_task(number).id for number in range(10)]


def test_a_task_that_fails_while_redis_is_away_is_kept(own_redis: RedisServer) -> None:
    """Well-known libraries acknowledge the task here after they failed to queue its retry."""
    queue, tries = real_queue(own_redis.url), 0
    queue.push(a_task())

    def fail_in_the_outage(task: Task) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            own_redis.kill()
            raise ValueError("broken by the outage")

    with working(a_worker(queue, fail_in_the_outage)):
        wait_until("the task failed", lambda: tries == 1)
        time.sleep(0.5)  # the worker now wants to put the task back, and cannot
        own_redis.start()
        wait_until("it is done", lambda: is_done(queue))

    assert tries == 2


def test_a_worker_that_is_stopped_in_an_outage_leaves_its_task_to_the_next(own_redis: RedisServer) -> None:
    """It must not wait for Redis beyond its grace period; the next worker finds the task by its lease."""
    queue, begun = real_queue(own_redis.url), list[str]()
    queue.push(a_task())

    def lose_redis(task: Task) -> None:
        begun.append(task.id)
        own_redis.kill()

    with working(a_worker(queue, lose_redis)):
        wait_until("the task is in hand", lambda: begun != [])
    own_redis.start()
    with working(a_worker(queue, lambda task: begun.append(task.id))):
        wait_until("it is done", lambda: is_done(queue))

    assert begun == [a_task().id] * 2


def test_a_worker_may_be_started_before_redis(own_redis: RedisServer) -> None:
    """After a power cut everything starts at once, in any order."""
    queue, done = real_queue(own_redis.url), Event()
    queue.push(a_task())
    own_redis.stop()

    with working(a_worker(queue, lambda _task: done.set())):
        wait_until("the worker says that it is not well", lambda: "redis" in HEALTH.reasons())
        waiting = REGISTRY.get_sample_value("vedette_queue_waiting", {"queue": "video_queue"})
        own_redis.start()
        assert done.wait(30)
        wait_until("the worker says that it is well", lambda: "redis" not in HEALTH.reasons())

    assert waiting is not None
    assert math.isnan(waiting), "an old number would look like a queue that stands still"


def test_a_redis_on_a_socket_file_is_understood(tmp_path: Path) -> None:
    """The fastest way on one machine; its connections take other settings than those over the network."""
    queue = real_queue(f"unix://{tmp_path}/redis.sock")

    with pytest.raises(QueueUnavailableError, match=r"Redis at /.*/redis\.sock does not answer"):
        queue.depth()


def test_a_redis_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    """The message names the address, which helps, and not the password, which would reach the logs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = taken.getsockname()[1]
        queue = TaskQueue(connect(f"redis://:s3cret-pass@127.0.0.1:{port}/0"), "video_queue", SystemClock())

        with pytest.raises(QueueUnavailableError, match=f"127.0.0.1:{port} does not answer.*video_queue") as caught:
            queue.push(a_task())

    assert "s3cret" not in str(caught.value)


def test_a_wrong_password_is_told_as_such(tmp_path: Path) -> None:
    """It is the most common mistake in .env."""
    server = RedisServer(tmp_path, password="the-right-one")
    server.start()
    try:
        queue = real_queue(server.url.replace("the-right-one", "the-wrong-one"))

        with pytest.raises(QueueUnavailableError, match=r"refuses us.*password pair.*password in REDIS_URL") as caught:
            queue.depth()
    finally:
        server.stop()

    assert "the-wrong-one" not in str(caught.value)


def test_a_redis_that_is_full_refuses_and_forgets_nothing(own_redis: RedisServer) -> None:
    """With any other eviction policy it would silently drop tasks to make room for new ones."""
    queue = real_queue(own_redis.url)
    queue.push(a_task(1))
    refused = pytest.raises(QueueUnavailableError, match=r"refuses .*'maxmemory'\. Look at its memory")
    with own_redis.full(), refused:
        queue.push(a_task(2))

    pushed = queue.push(a_task(2))

    assert pushed, "the refused push left no guard behind"
    assert queue.depth() == QueueDepth(waiting=2, in_work=0, dead=0)


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://127.0.0.1/", "redis://127.0.0.1:port/0", ""])
def test_an_address_that_is_none_is_the_callers_mistake(url: str) -> None:
    """Trying again would not help, so it ends the service at once instead of filling its log."""
    with pytest.raises(ConfigError, match="redis_url is no address"):
        connect(url)
