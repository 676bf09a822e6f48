"""The line of a result log: what all of them say in the same keys and order, round what each log says of its own.

Other people's programs read these lines, and `known_results` takes their key without parsing them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from shared_utils.clock import to_iso
from shared_utils.tasks import Task

SCHEMA = 1


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


def objects_part(
    objects: Sequence[Mapping[str, Any]] = (), *, frames_analysed: int = 0, seconds: float = 0.0
) -> dict[str, Any]:
    """What only a line of the detections log has. A repair writes such lines, too, for a worker that is gone."""
    return {"frames_analysed": frames_analysed, "seconds": round(seconds, 3), "objects": list(objects)}


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
