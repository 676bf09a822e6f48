"""Wall-clock and monotonic time, passed in so that tests can own them."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where a service reads the time."""

    def now(self) -> datetime:
        """The wall-clock time, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that only ever grow; for durations and time limits."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def to_iso(moment: datetime) -> str:
    """`2026-11-20T10:15:00.123Z`; milliseconds are cut, not rounded.

    Raises ValueError for a naive time: one without a zone has no place on disk.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; use an aware time")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """The inverse of `to_iso`; any ISO 8601 offset is accepted and turned into UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-11-20T10:15:00.123Z")
    return moment.astimezone(UTC)
