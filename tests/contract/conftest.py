"""The queue contract holds for the in-memory Redis and for a real one alike."""

from collections.abc import Callable

import pytest
from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.queue import TaskQueue, connect
from tests.support.queue_parts import in_memory_redis

_IMPLEMENTATIONS: dict[str, Callable[[pytest.FixtureRequest], Redis]] = {
    "in-memory": lambda _request: in_memory_redis(),
    "real": lambda request: connect(request.getfixturevalue("fresh_redis_url")),
}


@pytest.fixture(params=list(_IMPLEMENTATIONS))
def queue(request: pytest.FixtureRequest) -> TaskQueue:
    """An empty queue."""
    return TaskQueue(_IMPLEMENTATIONS[request.param](request), "video_queue", SystemClock())
