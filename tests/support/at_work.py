"""Which worker has which task in work, and workers that are started again when they die, as a supervisor does."""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.queue import TaskQueue, connect
from shared_utils.tasks import VIDEO_QUEUE
from tests.support.rig import Rig
from tests.support.waiting import wait_until

LOOK_SECONDS = 0.1


def seeded() -> random.Random:
    """Chance from FAULT_SEED, else from the system; the seed is printed, and pytest shows it when a test fails."""
    seed = int(os.environ.get("FAULT_SEED") or random.randrange(1_000_000))
    print(f"FAULT_SEED={seed}")  # noqa: T201
    return random.Random(seed)


def video_queue(rig: Rig) -> TaskQueue:
    return TaskQueue(connect(rig.redis.url), VIDEO_QUEUE, SystemClock())


def segments_in_work(rig: Rig) -> dict[int, str]:
    """Process id → segment, of the workers that have one."""
    in_work = video_queue(rig).in_work()
    return {
        int(worker.split(":")[1]): json.loads(payloads[0])["id"] for worker, payloads in in_work.items() if payloads
    }


def a_worker_at_work(rig: Rig) -> tuple["subprocess.Popen[bytes]", str]:
    """Wait until one of the workers has a task; it, and the segment."""
    found: list[tuple[subprocess.Popen[bytes], str]] = []

    def one_works() -> bool:
        at_work = segments_in_work(rig)
        found[:] = [(process, at_work[process.pid]) for process in rig.workers if process.pid in at_work]
        return bool(found)

    wait_until("a worker has a task in work", one_works)
    return found[0]


@contextmanager
def kept_alive(rig: Rig) -> Iterator[list[int]]:
    """Workers that end are started again while the block runs; the exit codes of those that did."""
    stop, codes = Event(), list[int]()

    def keep() -> None:
        while not stop.wait(LOOK_SECONDS):
            for worker in [worker for worker in rig.workers if worker.poll() is not None]:
                rig.workers.remove(worker)
                codes.append(worker.returncode)
                rig.start_worker()

    thread = Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield codes
    finally:
        stop.set()
        thread.join(10)


def leave_in_work(rig: Rig, worker: str, *payloads: str) -> None:
    """As if a worker had died with these in work."""
    with Redis.from_url(rig.redis.url) as redis:
        redis.sadd(f"{VIDEO_QUEUE}:workers", worker)
        redis.lpush(f"{VIDEO_QUEUE}:processing:{worker}", *payloads)
