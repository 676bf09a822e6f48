"""The reliable list on Redis: tasks wait, are leased, settled, reaped, and never silently lost.

Keys of a queue `Q`: `Q` LIST waiting (LPUSH in, taken from the right); `Q:processing:<worker>` LIST in work;
`Q:alive:<worker>` lease; `Q:workers` SET; `Q:attempts` HASH; `Q:seen:<id>` push guard; `Q:dead` LIST.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, TimeoutError  # noqa: A004  redis' own
from redis.retry import Retry

from shared_utils import queue_scripts
from shared_utils.clock import Clock, from_iso, to_iso
from shared_utils.errors import ConfigError, TemporaryError
from shared_utils.secrets import MaskingFilter
from shared_utils.tasks import Task

PUSH_GUARD_SECONDS = 7 * 24 * 3600
SOCKET_SECONDS = 15.0  # longer than any wait that we ask Redis for
CONNECT_SECONDS = 3.0
MAX_ERROR_CHARACTERS = 500


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
    """A client with the measured time limits and no retries of its own; it connects on first use.

    Raises ConfigError for an address that is none.
    """
    try:
        return Redis.from_url(
            url,
            decode_responses=True,
            encoding_errors="surrogateescape",  # bytes that are no text must not stop the worker that finds them
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),  # who calls us knows better when to try again
        )
    except ValueError as error:
        raise ConfigError(
            f"redis_url is no address of a Redis: {error}. It looks like redis://:password@host:6379/0."
        ) from error


class TaskQueue:
    """One queue, seen from outside: pushing, looking, dead letters. Every method may raise QueueUnavailableError."""

    def __init__(self, redis: Redis, name: str, clock: Clock) -> None:
        self.redis, self.name, self.clock = redis, name, clock

    def push(self, task: Task) -> bool:
        """Queue a task. False if this id was pushed within the last 7 days: nothing is done then."""
        keys = [self.name, self.key("seen", task.id)]
        return bool(self.run_script(queue_scripts.PUSH, keys, [task.to_json(), PUSH_GUARD_SECONDS]))

    def depth(self) -> QueueDepth:
        """The three counts of one moment."""
        keys = [self.name, self.key("workers"), self.key("dead")]
        waiting, in_work, dead = self.run_script(queue_scripts.DEPTH, keys, [self.key("processing", "")])
        return QueueDepth(waiting=waiting, in_work=in_work, dead=dead)

    def waiting(self, limit: int = 100) -> list[str]:
        """The payloads next in turn, the next one first."""
        if limit <= 0:
            return []
        with self.redis_errors():
            return [str(payload) for payload in reversed(self.redis.lrange(self.name, -limit, -1))]

    def in_work(self) -> dict[str, list[str]]:
        """The payloads in work, by worker."""
        with self.redis_errors():
            workers = sorted(str(worker) for worker in self.redis.smembers(self.key("workers")))
            return {
                worker: [str(payload) for payload in self.redis.lrange(self.key("processing", worker), 0, -1)]
                for worker in workers
            }

    def dead(self, limit: int = 1000) -> list[DeadLetter]:
        """The dead letters, the newest first."""
        if limit <= 0:
            return []
        with self.redis_errors():
            return [_dead_letter(str(raw)) for raw in self.redis.lrange(self.key("dead"), 0, limit - 1)]

    def replay(self, task_ids: Collection[str] | None = None) -> int:
        """Put dead letters (all by default) back in the queue with fresh attempts; how many.

        They count as queued now. Malformed payloads stay: they would only come back.
        """
        return sum(self._replay_one(letter) for letter in self._chosen(task_ids))

    def drop(self, task_ids: Collection[str] | None = None) -> int:
        """Delete dead letters (all by default, malformed payloads included); how many."""
        return sum(self._drop_one(letter) for letter in self._chosen(task_ids))

    def key(self, *parts: str) -> str:
        """The name of one of the keys of this queue."""
        return ":".join((self.name, *parts))

    def run_script(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        """Run a script from `queue_scripts`; it is sent again after Redis has been restarted."""
        with self.redis_errors():
            return self.redis.register_script(script)(keys=keys, args=arguments)

    @contextmanager
    def redis_errors(self) -> Iterator[None]:
        """Report whatever Redis has against us as QueueUnavailableError, its password masked."""
        try:
            yield
        except RedisError as error:
            trouble, advice = _explained(error)
            reason = self.without_secrets(str(error)).rstrip(".")
            raise QueueUnavailableError(
                f"Redis at {self._address()} {trouble} (queue {self.name}): {reason}. {advice}"
            ) from error

    def without_secrets(self, text: str) -> str:
        """The text with URL passwords and the password of this Redis masked, cut to a bearable length."""
        password = self.redis.get_connection_kwargs().get("password")
        return MaskingFilter([str(password)] if password else []).mask(text)[:MAX_ERROR_CHARACTERS]

    def _address(self) -> str:
        details = self.redis.get_connection_kwargs()
        return str(details.get("path") or f"{details.get('host', 'localhost')}:{details.get('port', 6379)}")

    def _chosen(self, task_ids: Collection[str] | None) -> list[DeadLetter]:
        """The dead letters meant, the oldest first: that is the order in which they shall run again."""
        with self.redis_errors():
            letters = [_dead_letter(str(raw)) for raw in reversed(self.redis.lrange(self.key("dead"), 0, -1))]
        return [letter for letter in letters if task_ids is None or letter.task_id in task_ids]

    def _replay_one(self, letter: DeadLetter) -> int:
        task = _task_in(letter.raw)
        if task is None:
            return 0
        fresh = task.model_copy(update={"queued_at": self.clock.now()})
        keys = [self.key("dead"), self.name, self.key("attempts")]
        return int(self.run_script(queue_scripts.REPLAY, keys, [letter.raw, fresh.to_json(), task.id]))

    def _drop_one(self, letter: DeadLetter) -> int:
        keys = [self.key("dead"), self.key("seen", letter.task_id or "")]
        return int(self.run_script(queue_scripts.DROP, keys, [letter.raw]))


def _explained(error: RedisError) -> tuple[str, str]:
    """What Redis does, and what to do about it."""
    match error:
        case AuthenticationError():
            return "refuses us", "Check the password in REDIS_URL."
        case ConnectionError() | TimeoutError():
            return "does not answer", "Check that it runs there and that REDIS_URL is right."
        case _:
            return "refuses", "Look at its memory and its disk, with 'redis-cli info' and in its log."


def dead_letter_json(
    task: Task | None, payload: str, *, error: str, attempts: int, worker: str, failed_at: datetime
) -> str:
    """`{"task", "error", "attempts", "worker", "failed_at"}`; the task is its payload as text if it is malformed."""
    return json.dumps(
        {
            "task": payload if task is None else json.loads(payload),
            "error": error,
            "attempts": attempts,
            "worker": worker,
            "failed_at": to_iso(failed_at),
        }
    )


def _task_in(raw: str) -> Task | None:
    """The task of a dead letter; None if its payload was malformed."""
    try:
        return Task.model_validate_json(json.dumps(json.loads(raw)["task"]))
    except (ValueError, KeyError, TypeError):
        return None


def _dead_letter(raw: str) -> DeadLetter:
    """What an entry says. People edit lists by hand, so anything may stand there."""
    task = _task_in(raw)
    try:
        entry = json.loads(raw)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        entry = {}
    attempts, failed_at = entry.get("attempts"), entry.get("failed_at")
    return DeadLetter(
        raw=raw,
        task_id=None if task is None else task.id,
        error=str(entry.get("error", "this entry is no dead letter")),
        attempts=attempts if isinstance(attempts, int) else 0,
        worker=str(entry.get("worker", "")),
        failed_at=_moment(failed_at),
    )


def _moment(text: object) -> datetime | None:
    try:
        return from_iso(text) if isinstance(text, str) else None
    except ValueError:
        return None
