"""The files of a log: which months there are, which month a file is of, and reading on from where one stopped."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from shared_utils.clock import from_iso

_TIME_KEYS = ("timestamp", "to", "from", "started_at")  # when a line was written, or the nearest to that it tells
_FINGERPRINT_BYTES = 256
LineKey = tuple[str, str]  # segment id and model
FileIdentity = tuple[int, int]  # stays when a file is renamed
_Parsed = TypeVar("_Parsed")


def month_of(moment: datetime) -> str:
    """`2026-11`, in UTC; compares as text."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def month_before(month: str) -> str:
    """`2026-12` for `2027-01`."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year:04d}-{number - 1:02d}" if number > 1 else f"{year - 1:04d}-12"


def parse_line(raw: bytes) -> dict[str, Any] | None:
    """The object of one line; None for anything else. Of a torn line no beginning is valid JSON."""
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def line_key(line: Mapping[str, Any] | None) -> LineKey | None:
    """What a result log has one line for; None for a line that belongs in no result log."""
    if line is None or "segment_id" not in line or "model" not in line:
        return None
    return str(line["segment_id"]), str(line["model"])


@dataclass(frozen=True, slots=True)
class LogFiles:
    """`<name>.jsonl` for this month, `<name>-2026-11.jsonl` for months that are over."""

    folder: Path
    name: str

    @property
    def current(self) -> Path:
        return self.folder / f"{self.name}.jsonl"

    @property
    def lock(self) -> Path:
        return self.folder / f"{self.name}.jsonl.lock"

    def past(self, since_month: str = "") -> list[Path]:
        """The files of months that are over, the oldest first, from a month on."""
        form = re.compile(rf"{re.escape(self.name)}-(\d{{4}}-\d{{2}})(?:\.(\d+))?\.jsonl")
        candidates = self.folder.glob(f"{self.name}-*.jsonl")
        found = [(match, path) for path in candidates if (match := form.fullmatch(path.name))]
        ordered = sorted((match[1], int(match[2] or 0), path) for match, path in found)
        return [path for month, _, path in ordered if month >= since_month]

    def count(self, month: str) -> int:
        """How many files a month has that is over."""
        return sum(1 for _ in self.folder.glob(f"{self.name}-{month}*.jsonl"))

    def name_for(self, month: str) -> Path:
        """Where a month goes when it is over. A clock that was wrong may have filed that month already."""
        path = self.folder / f"{self.name}-{month}.jsonl"
        number = 0
        while path.exists():
            number += 1
            path = self.folder / f"{self.name}-{month}.{number}.jsonl"
        return path

    def open_all(self, since_month: str = "") -> Iterator[tuple[Path, BinaryIO]]:
        """Every file, open at its beginning, the oldest first; the caller reads each before asking for the next.

        The current file is opened before the others are listed, so that a month which ends meanwhile is neither
        missed nor read twice.
        """
        try:
            current = self.current.open("rb")
        except FileNotFoundError:
            current = None
        try:
            for path in self.past(since_month):
                with path.open("rb") as handle:
                    if current is None or not _same_file(handle, current):
                        yield path, handle
            if current is not None:
                yield self.current, current
        finally:
            if current is not None:
                current.close()


def month_of_file(path: Path) -> str | None:
    """The month of a file by its first line that tells a time, else by when it was changed; None without a file.

    What it says counts for more than its date: a copy or a restored backup has the date of the copying.
    """
    try:
        with path.open("rb") as handle:
            for raw in handle:
                moment = _time_of(parse_line(raw))
                if moment is not None:
                    return month_of(moment)
        changed = path.stat()
    except FileNotFoundError:
        return None
    return month_of(datetime.fromtimestamp(changed.st_mtime, UTC)) if changed.st_size else None


def _time_of(line: dict[str, Any] | None) -> datetime | None:
    for key in _TIME_KEYS:
        value = (line or {}).get(key)
        if isinstance(value, str):
            try:
                return from_iso(value)
            except ValueError:
                continue
    return None


def _same_file(one: BinaryIO, other: BinaryIO) -> bool:
    return identity_of(one) == identity_of(other)


def identity_of(handle: BinaryIO) -> FileIdentity:
    """Which file this is, whatever its name. The number of a deleted file is given to a new one."""
    status = os.fstat(handle.fileno())
    return status.st_dev, status.st_ino


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a file has been read."""

    offset: int
    fingerprint: bytes  # what stands just before the offset


class LogTail:
    """Reads a log again and again, each time only what is new.

    A file that was renamed at the end of its month is read on where it was left. A file that was rewritten (a line was
    replaced) is read from its beginning: its lines come once more, so the reader must take a line twice without harm.
    """

    def __init__(self, files: LogFiles) -> None:
        self._files = files
        self._places: dict[FileIdentity, _Place] = {}

    def new_lines(self, since_month: str = "") -> Iterator[dict[str, Any]]:
        """The lines that were added, of files from a month on, the oldest first."""
        return self.new(parse_line, since_month)

    def new(self, parse: Callable[[bytes], _Parsed | None], since_month: str = "") -> Iterator[_Parsed]:
        """`new_lines` for those who do not need all of a line. `parse` gives None for what is torn."""
        for _, handle in self._files.open_all(since_month):
            yield from self._read_on(handle, parse)

    def _read_on(self, handle: BinaryIO, parse: Callable[[bytes], _Parsed | None]) -> Iterator[_Parsed]:
        identity = identity_of(handle)
        offset = self._offset_in(identity, handle)
        handle.seek(offset)
        for raw in handle:
            line = parse(raw)
            if line is None and not raw.endswith(b"\n"):
                break  # still being written, or torn: look again next time
            offset += len(raw)
            if line is not None:
                yield line
        handle.seek(max(0, offset - _FINGERPRINT_BYTES))
        self._places[identity] = _Place(offset, handle.read(offset - handle.tell()))

    def _offset_in(self, identity: FileIdentity, handle: BinaryIO) -> int:
        """Where to read on; 0 if this is another file: the number of a deleted file is given to a new one."""
        place = self._places.get(identity)
        if place is None:
            return 0
        handle.seek(place.offset - len(place.fingerprint))
        return place.offset if handle.read(len(place.fingerprint)) == place.fingerprint else 0
