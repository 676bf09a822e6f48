"""The open logs: JSONL, one line per segment (and model), append only, on disk before the task is settled."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from shared_utils.clock import Clock

DETECTIONS_LOG = "detections_log"
FACES_LOG = "faces_log"
PRIVACY_LOG = "privacy_log"
GAPS_LOG = "gaps_log"


class JsonlLog:
    """One log: `<name>.jsonl` for this month, `<name>-2026-11.jsonl` for months that are over."""

    def __init__(self, folder: Path, name: str, clock: Clock) -> None:
        self._folder, self._name, self._clock = folder, name, clock

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line under the file lock; it is on disk when this returns. Raises StorageError."""
        raise NotImplementedError

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every line of every month, oldest month first; torn and unreadable lines are skipped."""
        raise NotImplementedError


class ResultLog:
    """A log with exactly one line for each (segment, model), however often the result is recorded."""

    def __init__(self, folder: Path, name: str, clock: Clock) -> None:
        self._log = JsonlLog(folder, name, clock)

    def has(self, segment_id: str, model: str, started_at: datetime) -> bool:
        """Whether this segment has its line, `"ok": true` or not, by this model."""
        raise NotImplementedError

    def record(self, line: Mapping[str, Any]) -> bool:
        """Add the line of (line["segment_id"], line["model"]) unless there is one; whether it was written.

        An `"ok": false` line is replaced by an `"ok": true` one: a replayed task that came good. Raises StorageError.
        """
        raise NotImplementedError

    def lines(self) -> Iterator[dict[str, Any]]:
        return self._log.lines()
