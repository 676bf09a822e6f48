"""Queues as people read them: names checked, entries parsed, tables."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from shared_utils.clock import to_iso
from shared_utils.config import Config
from shared_utils.config.suggest import did_you_mean
from shared_utils.errors import TemporaryError, WrongUseError
from shared_utils.queue import DeadLetter, QueueDepth, QueueUnavailableError, TaskQueue
from shared_utils.tasks import QUEUES, Task
from vedette.run_redis import Endpoint, names_a_redis, state_dir
from vedette.screen_state import QueueView


class UnknownQueueError(WrongUseError):
    """There is no queue of that name."""

    def __init__(self, name: str) -> None:
        near = did_you_mean(name, QUEUES)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(QUEUES)}."
        super().__init__(f"There is no queue {name!r}: {hint}")


class RedisAwayError(TemporaryError):
    """Redis does not answer a command."""

    def __init__(self, error: Exception, config: Config) -> None:
        super().__init__(f"{error} {redis_hint(config)}".rstrip())


@dataclass(frozen=True, slots=True)
class QueueLook:
    """What one look at a queue showed."""

    name: str
    depth: QueueDepth
    in_work: Mapping[str, Sequence[str]]  # payloads by worker
    next_tasks: Sequence[str]  # payloads, the next one first

    @property
    def view(self) -> QueueView:
        return QueueView(self.name, self.depth.waiting, self.depth.in_work, self.depth.dead)

    def as_json(self) -> dict[str, Any]:
        return {
            "waiting": self.depth.waiting,
            "in_work": self.depth.in_work,
            "dead": self.depth.dead,
            "in_work_by": {worker: [_payload(raw) for raw in of] for worker, of in self.in_work.items()},
            "next": [_payload(raw) for raw in self.next_tasks],
        }


def checked_name(name: str | None) -> Sequence[str]:
    """The queues meant by an argument: that one, or all. Raises UnknownQueueError."""
    if name is None:
        return QUEUES
    if name not in QUEUES:
        raise UnknownQueueError(name)
    return (name,)


def looked_at(queue: TaskQueue, limit: int) -> QueueLook:
    """Raises QueueUnavailableError."""
    return QueueLook(queue.name, queue.depth(), queue.in_work(), queue.waiting(limit))


def redis_hint(config: Config) -> str:
    """What to do when Redis is away; it depends on whose Redis it is."""
    if names_a_redis(config):
        return ""  # the error itself says where it was looked for
    if Endpoint(state_dir(config)).read() is None:
        return (
            f"No 'vedette run' works on {config.video_dir}, whose own Redis would run with it: start it, name its "
            "folder with --video-dir, or set REDIS_URL."
        )
    return f"The 'vedette run' that works on {config.video_dir} may just be starting its Redis again, or was killed."


@contextmanager
def redis_errors_explained(config: Config) -> Iterator[None]:
    """Adds to an error of Redis what to do about it."""
    try:
        yield
    except QueueUnavailableError as error:
        raise RedisAwayError(error, config) from error


def depth_table(queues: Iterable[QueueView]) -> Table:
    table = Table("queue", title="queues", title_justify="left")
    for column in ("waiting", "in work", "dead"):
        table.add_column(column, justify="right")
    for queue in queues:
        dead = Text(str(queue.dead), "red" if queue.dead else "")
        table.add_row(queue.name, str(queue.waiting), str(queue.in_work), dead)
    return table


def tasks_table(look: QueueLook) -> Table | None:
    """What is in work and what comes next; None if that is nothing."""
    table = _table_of_ids("", "task", "camera", "recorded", "queued", title=look.name)
    for worker, payloads in look.in_work.items():
        for raw in payloads:
            table.add_row(f"in work by {worker}", *_task_columns(raw))
    for place, raw in enumerate(look.next_tasks, start=1):
        table.add_row(f"{place}", *_task_columns(raw))
    left = look.depth.waiting - len(look.next_tasks)
    if left > 0:
        table.caption = f"and {left} more"
    return table if table.row_count else None


def dead_table(name: str, letters: Sequence[DeadLetter]) -> Table:
    table = _table_of_ids("task", "attempts", "failed", "worker", "error", title=f"{name}:dead")
    for letter in letters:
        failed_at = f"{letter.failed_at:%Y-%m-%d %H:%M:%S}" if letter.failed_at else "?"
        shown = letter.task_id or f"no task: {_short(letter.raw)}"
        table.add_row(_plain(shown), str(letter.attempts), failed_at, _plain(letter.worker), _plain(letter.error))
    return table


def _table_of_ids(*columns: str, title: str) -> Table:
    """A table whose ids stay whole in a narrow terminal: people copy them into the next command."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, no_wrap=column == "task", overflow="fold")
    return table


def _plain(text: str) -> Text:
    """Text that others wrote: its brackets are no markup, and its control characters do not reach the terminal."""
    return Text("".join(character if character.isprintable() else " " for character in text))


def dead_json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.task_id,
        "error": letter.error,
        "attempts": letter.attempts,
        "worker": letter.worker,
        "failed_at": to_iso(letter.failed_at) if letter.failed_at else None,
        "raw": letter.raw,
    }


def _task_columns(raw: str) -> tuple[Text, Text, str, str]:
    try:
        task = Task.model_validate_json(raw)
    except ValidationError:
        return _plain(f"no task: {_short(raw)}"), Text(), "", ""
    recorded, queued = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (task.started_at, task.queued_at))
    return _plain(task.id), _plain(task.camera), recorded, queued


def _payload(raw: str) -> Any:
    """The payload as it stands on the list; text if it is no JSON."""
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def _short(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
