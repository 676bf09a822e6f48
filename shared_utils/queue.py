"""The reliable list on Redis: tasks wait, are leased, settled, reaped, and never silently lost.

Keys of a queue `Q`: `Q` LIST waiting (LPUSH in, taken from the right); `Q:processing:<worker>` LIST in work;
`Q:alive:<worker>` lease; `Q:workers` SET; `Q:attempts` HASH; `Q:seen:<id>` push guard; `Q:dead` LIST.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from shared_utils.clock import Clock
from shared_utils.errors import TemporaryError
from shared_utils.tasks import Task


class QueueUnavailableError(TemporaryError):
    """Redis does not answer, or refuses; nothing was changed as far as we know."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many tasks a queue holds."""

    waiting: int
    in_work: int
    dead: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A task out of attempts, or a payload that is no task."""

    raw: str  # the entry as it stands on the list
    task_id: str | None  # None: the payload was malformed
    error: str
    attempts: int
    worker: str
    failed_at: datetime | None


def connect(url: str) -> Redis:
    """A client with the measured time limits and no retries of its own; it connects on first use."""
    raise NotImplementedError


class TaskQueue:
    """One queue, seen from outside: pushing, looking, dead letters. Every method may raise QueueUnavailableError."""

    def __init__(self, redis: Redis, name: str, clock: Clock) -> None:
        self.redis, self.name, self.clock = redis, name, clock

    def push(self, task: Task) -> bool:
        """Queue a task. False if this id was pushed within the last 7 days: nothing is done then."""
        raise NotImplementedError

    def depth(self) -> QueueDepth:
        raise NotImplementedError

    def waiting(self, limit: int = 100) -> list[str]:
        """The payloads next in turn, the next one first."""
        raise NotImplementedError

    def in_work(self) -> dict[str, list[str]]:
        """The payloads in work, by worker."""
        raise NotImplementedError

    def dead(self, limit: int = 1000) -> list[DeadLetter]:
        """The dead letters, the newest first."""
        raise NotImplementedError

    def replay(self, task_ids: Collection[str] | None = None) -> int:
        """Put dead letters (all by default) back in the queue with fresh attempts; how many."""
        raise NotImplementedError

    def drop(self, task_ids: Collection[str] | None = None) -> int:
        """Delete dead letters (all by default); how many."""
        raise NotImplementedError
