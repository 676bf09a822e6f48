"""The open logs: JSONL, one line per segment (and model), append only, on disk before the task is settled."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from shared_utils.clock import Clock, from_iso
from shared_utils.durable import make_folder, rename_durably, sync_folder, write_parts_durably
from shared_utils.errors import StorageError
from shared_utils.known_results import KnownResults, ResultKey, key_in
from shared_utils.log_files import (
    LineKey,
    LogFiles,
    LogTail,
    line_key,
    month_before,
    month_of,
    month_of_file,
    parse_line,
)

DETECTIONS_LOG = "detections_log"
FACES_LOG = "faces_log"
PRIVACY_LOG = "privacy_log"
GAPS_LOG = "gaps_log"

LOCK_SECONDS = 60.0  # a line takes milliseconds; rewriting a whole month takes seconds
MOST_FILES_AHEAD = 5  # of one month that had not come yet


class LogUnavailableError(StorageError):
    """A log cannot be read or written now; it is as it was before."""

    def __init__(self, path: Path, reason: object) -> None:
        text = reason.strerror or str(reason) if isinstance(reason, OSError) else str(reason)
        super().__init__(
            f"The log {path} cannot be used: {text}. Check that its disk has space and that its folder is writable."
        )


class JsonlLog:
    """One log: `<name>.jsonl` for this month, `<name>-2026-11.jsonl` for months that are over."""

    def __init__(self, folder: Path, name: str, clock: Clock) -> None:
        self.files = LogFiles(folder, name)
        self._clock = clock

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line under the file lock; it is on disk when this returns. Raises StorageError."""
        with self.locked():
            self.append_locked(line)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every line of every month, oldest month first; torn and unreadable lines are skipped. Raises StorageError."""
        try:
            for _, handle in self.files.open_all():
                for raw in handle:
                    line = parse_line(raw)
                    if line is not None:
                        yield line
        except OSError as error:
            raise LogUnavailableError(self.files.current, error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes while the block runs; what the disk has against it becomes StorageError."""
        try:
            make_folder(self.files.folder)
            with FileLock(self.files.lock, timeout=LOCK_SECONDS):
                yield
        except Timeout as error:
            reason = f"another process has held {self.files.lock.name} for {LOCK_SECONDS:.0f} s"
            raise LogUnavailableError(self.files.current, reason) from error
        except OSError as error:
            raise LogUnavailableError(self.files.current, error) from error

    def append_locked(self, line: Mapping[str, Any]) -> None:
        """`append` for those who hold the lock already."""
        self._end_the_month()
        is_new = not self.files.current.exists()
        handle = os.open(self.files.current, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _append_whole(handle, to_bytes(line))
        finally:
            os.close(handle)
        if is_new:
            sync_folder(self.files.folder)

    def _end_the_month(self) -> None:
        """File away what an earlier month wrote.

        A clock that goes back a little ends nothing. What a clock wrote that was months ahead is filed away, too: it
        would be the current file until that month has come, and grow for years. But not again and again: of two
        machines, one of which has a wrong clock, each would begin a file with every line.
        """
        written, now = month_of_file(self.files.current), month_of(self._clock.now())
        if written is None:
            return
        was_ahead = month_before(written) > now and self.files.count(written) < MOST_FILES_AHEAD
        if written < now or was_ahead:
            rename_durably(self.files.current, self.files.name_for(written))


class ResultLog:
    """A log with exactly one line for each (segment, model), however often the result is recorded."""

    def __init__(self, folder: Path, name: str, clock: Clock) -> None:
        self._log = JsonlLog(folder, name, clock)
        self._tail = LogTail(self._log.files)
        self._known = KnownResults()
        self._clock = clock

    def succeeded(self, segment_id: str, model: str, started_at: datetime) -> bool:
        """Whether this segment has its line by this model, and it says `"ok": true`: nothing is left to do.

        A failure may still come good in a replay.
        """
        return bool(self._standing((segment_id, model), started_at))

    def record(self, line: Mapping[str, Any]) -> bool:
        """Add the line of (line["segment_id"], line["model"]) unless there is one; whether it was written.

        An `"ok": false` line is replaced by an `"ok": true` one: a replayed task that came good. Raises StorageError.
        """
        key, started_at = _key_of(line), from_iso(line["started_at"])
        with self._log.locked():
            before = self._standing(key, started_at)
            if before is None:
                self._log.append_locked(line)
            elif line["ok"] and not before:
                self._replace(key, line, self._since(started_at))
            else:
                return False
        self._known.put(ResultKey(*key, bool(line["ok"])))
        return True

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every line of every month, the oldest month first."""
        return self._log.lines()

    def _standing(self, key: LineKey, started_at: datetime) -> bool | None:
        """What the line of `key` says about `ok`; None if there is no line.

        People take lines out, or the whole file, to have segments analysed again. That is asked of the files only when
        a result is known, which is rare: nearly every task comes once.
        """
        self._catch_up(started_at)
        known = self._known.get(*key)
        if known is None or self._stands(key, started_at):
            return known
        self._tail, self._known = LogTail(self._log.files), KnownResults()
        self._catch_up(started_at)
        return self._known.get(*key)

    def _stands(self, key: LineKey, started_at: datetime) -> bool:
        """Whether a line is in a file, also in one of a month in which a clock was wrong."""
        try:
            return any(
                _is_line_of(key, raw)
                for since_month in (self._since(started_at), "")
                for _, handle in self._log.files.open_all(since_month)
                for raw in handle
            )
        except OSError as error:
            raise LogUnavailableError(self._log.files.current, error) from error

    def _catch_up(self, started_at: datetime) -> None:
        try:
            for key in self._tail.new(key_in, self._since(started_at)):
                self._known.put(key)
        except OSError as error:
            raise LogUnavailableError(self._log.files.current, error) from error

    def _since(self, started_at: datetime) -> str:
        """The first month that may hold the line of a segment.

        A result is never older than its segment, but the clock that named the segment may have been ahead: its line
        then lies in the file of an earlier month. One month is allowed for that; a segment from the future tells
        nothing, so it counts as one of today.
        """
        return month_before(month_of(min(started_at, self._clock.now())))

    def _replace(self, key: LineKey, line: Mapping[str, Any], since_month: str) -> None:
        """Rewrite the file that holds the line of `key`, with the new line in its place."""
        for path, handle in self._log.files.open_all(since_month):
            if any(_is_line_of(key, raw) for raw in handle):
                handle.seek(0)
                write_parts_durably(path, (to_bytes(line) if _is_line_of(key, raw) else raw for raw in handle))
                return
        self._log.append_locked(line)  # somebody removed the old line meanwhile


def to_bytes(line: Mapping[str, Any]) -> bytes:
    """A line as it stands in the file, its end included."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(errors="replace") + b"\n"


def _key_of(line: Mapping[str, Any]) -> LineKey:
    return str(line["segment_id"]), str(line["model"])


def _is_line_of(key: LineKey, raw: bytes) -> bool:
    line = parse_line(raw) if key[0].encode() in raw else None  # most lines need no parsing
    return line_key(line) == key


def _append_whole(handle: int, data: bytes) -> None:
    """Write at the end and put it on disk, or leave the file as it was. A torn last line stays, and is ended first."""
    size = os.lseek(handle, 0, os.SEEK_END)
    if size and os.pread(handle, 1, size - 1) != b"\n":
        data = b"\n" + data
    try:
        written = 0
        while written < len(data):
            written += os.write(handle, data[written:])
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise
