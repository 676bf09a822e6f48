"""The line of a result log: what all of them say in the same keys and order, round what each log says of its own.

Other people's programs read these lines, and `known_results` takes their key without parsing them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Protocol

from shared_utils.clock import to_iso
from shared_utils.tasks import Task

SCHEMA = 1


class Found(Protocol):
    """What an analysis found in one segment."""

    @property
    def frames_analysed(self) -> int:
        """How many frames were looked at."""

    @property
    def detected(self) -> Sequence[str]:
        """The labels or names of the entries."""

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        """What the line lists, in its fixed form."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a line is about."""

    task: Task
    model: str
    event_id: str | None  # None: there was no manifest to tell it


def ok_line(
    subject: Subject, detected: Iterable[str], *, count: int, own: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The line of a segment that was analysed. `own`: the keys that only this log has, in their order."""
    return _line(subject, sorted(set(detected)), count, own, now=now, error=None)


def error_line(subject: Subject, error: str, *, own: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The line of a segment that cannot be analysed. `own`: the same keys as in `ok_line`."""
    return _line(subject, [], 0, own, now=now, error=error)


def given_up(error: str) -> str:
    """The `error` of a task that is out of attempts, whether its worker writes the line or a repair."""
    return f"Given up: {error}"


def found_line(subject: Subject, key: str, found: Found, *, seconds: float, now: datetime) -> dict[str, Any]:
    """The line of a segment that was looked through. `key`: under which the entries stand, objects or faces."""
    own = _looked_through(key, found.entries, found.frames_analysed, seconds)
    return ok_line(subject, found.detected, count=len(found.entries), own=own, now=now)


def failed_line(subject: Subject, key: str, error: str, *, seconds: float = 0.0, now: datetime) -> dict[str, Any]:
    """The line of a segment that cannot be looked through; a repair writes it, too, for a worker that is gone."""
    return error_line(subject, error, own=_looked_through(key, [], 0, seconds), now=now)


def _looked_through(
    key: str, entries: Sequence[Mapping[str, Any]], frames_analysed: int, seconds: float
) -> dict[str, Any]:
    return {"frames_analysed": frames_analysed, "seconds": round(seconds, 3), key: list(entries)}


def _line(
    subject: Subject,
    detected: list[str],
    count: int,
    own: Mapping[str, Any],
    *,
    now: datetime,
    error: str | None,
) -> dict[str, Any]:
    task = subject.task
    return {
        "ok": error is None,
        "filename": PurePosixPath(task.filename).name,
        "detected": detected,
        "count": count,
        "timestamp": to_iso(now),
        "schema": SCHEMA,
        "segment_id": task.segment_id,
        "camera": task.camera,
        "event_id": subject.event_id,
        "started_at": to_iso(task.started_at),
        "model": subject.model,
        **own,
        "error": error,
    }
