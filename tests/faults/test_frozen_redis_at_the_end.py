"""Ending a run whose Redis hangs: it must not take longer than whoever asked for it is going to wait."""

import socket
import time
from threading import Event

import pytest

from shared_utils.clock import SystemClock
from shared_utils.queue import TaskQueue, connect
from shared_utils.tasks import VIDEO_QUEUE
from vedette.run_machine import MachineRun
from vedette.supervisor import Supervisor


@pytest.mark.timeout(120)
def test_a_redis_that_hangs_is_not_waited_for_until_the_queue_is_empty() -> None:
    """Nobody can say what is left in it; the next start goes on with that."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        redis = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        queue = TaskQueue(redis, VIDEO_QUEUE, SystemClock())
        supervisor = Supervisor([], lambda _name, line: line, SystemClock())
        run = MachineRun(supervisor, [queue], Event(), drain_seconds=600)
        began = time.monotonic()

        run.run(duration_seconds=0.1)

        took = time.monotonic() - began
    assert run.phase == "ended"
    assert took < 60
