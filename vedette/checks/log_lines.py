"""The lines of the logs: which segment has one, which is there twice, and which cannot be read.

A million lines take about 60 MB: of each line 16 bytes are kept (32 while they are sorted), and names of places only of
those that are twice.
"""

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from shared_utils.clock import Clock, from_iso
from shared_utils.log_files import FileIdentity, LineKey, LogFiles, identity_of, line_key, parse_line
from shared_utils.logs import DETECTIONS_LOG, FACES_LOG, GAPS_LOG, PRIVACY_LOG
from vedette.checks.exposure import Exposes, exposes_nothing
from vedette.checks.flaws import Flaw, FlawKind

RESULT_LOGS = (DETECTIONS_LOG, FACES_LOG, PRIVACY_LOG)
ALL_LOGS = (*RESULT_LOGS, GAPS_LOG)
REPAIRS_LOG = "repairs_log"
SETTLED_SECONDS = 60.0


@dataclass(slots=True)
class LogLines:
    """One result log, read once; `catch_up` reads what was added."""

    folder: Path
    name: str
    count: int = 0
    _pairs: "array[int]" = field(default_factory=lambda: array("Q"))  # of segment and model
    _segments: "array[int]" = field(default_factory=lambda: array("Q"))
    _sorted: tuple[Any, Any] | None = None
    _new_pairs: set[int] = field(default_factory=set)
    _new_segments: set[int] = field(default_factory=set)
    _good: set[int] = field(default_factory=set)  # segments with an "ok": true line; of the privacy log alone
    _read_to: dict[FileIdentity, int] = field(default_factory=dict)

    def read(self, clock: Clock, exposes: Exposes = exposes_nothing) -> list[Flaw]:
        """Read all of it; what is wrong with it."""
        flaws: list[Flaw] = []
        for path, handle in LogFiles(self.folder, self.name).open_all():
            flaws += self._read_file(path, handle, clock, exposes)
        self._sorted = (_sorted(self._pairs), _sorted(self._segments))
        return flaws + list(self._twice())

    def catch_up(self) -> None:
        """Read what was written since, or all of a file that was rewritten."""
        for _, handle in LogFiles(self.folder, self.name).open_all():
            handle.seek(self._read_to.get(identity_of(handle), 0))
            for raw in handle:
                if (key := line_key(parse_line(raw))) is not None:
                    self._new_pairs.add(key_hash(*key))
                    self._new_segments.add(_hash(key[0]))

    def has(self, segment_id: str, model: str | None = None) -> bool:
        """Whether a segment has its line, by this model or by any."""
        number = _hash(segment_id) if model is None else key_hash(segment_id, model)
        if number in (self._new_segments if model is None else self._new_pairs):
            return True
        known = () if self._sorted is None else self._sorted[model is None]
        at = int(np.searchsorted(known, np.uint64(number))) if len(known) else 0
        return at < len(known) and int(known[at]) == number

    def repeated(self) -> set[int]:
        """`key_hash` of each segment and model that has several lines."""
        pairs = np.frombuffer(self._pairs, np.uint64) if self._pairs else np.empty(0, np.uint64)
        values, counts = np.unique(pairs, return_counts=True)
        return {int(value) for value in values[counts > 1]}

    def went_well(self, segment_id: str) -> bool:
        """Whether a segment has an `"ok": true` line; known of the privacy log alone."""
        return _hash(segment_id) in self._good

    def _read_file(self, path: Path, handle: BinaryIO, clock: Clock, exposes: Exposes) -> Iterator[Flaw]:
        identity, place = identity_of(handle), 0
        for number, raw in enumerate(handle, start=1):
            if not raw.endswith(b"\n"):
                unchanged_seconds = clock.now().timestamp() - os.fstat(handle.fileno()).st_mtime
                if unchanged_seconds > SETTLED_SECONDS:  # else it is being written
                    yield Flaw(FlawKind.TORN_LINE, path)
                break
            place += len(raw)
            self.count += 1
            line = parse_line(raw)
            if line is None or (self.name == GAPS_LOG and not is_gap(line)):
                yield Flaw(FlawKind.BAD_LINE, path, f"line {number}")
            elif self.name in RESULT_LOGS and (key := line_key(line)) is not None:
                self._add(key, ok=bool(line.get("ok")))
            if exposes(raw):
                yield Flaw(FlawKind.SECRET_SHOWN, path, f"line {number}")
        self._read_to[identity] = place

    def _add(self, key: LineKey, *, ok: bool) -> None:
        self._pairs.append(key_hash(*key))
        self._segments.append(_hash(key[0]))
        if self.name == PRIVACY_LOG and ok:
            self._good.add(self._segments[-1])

    def _twice(self) -> Iterator[Flaw]:
        wanted = self.repeated()
        if not wanted:
            return
        first: dict[LineKey, str] = {}
        for path, handle in LogFiles(self.folder, self.name).open_all():
            for number, raw in enumerate(handle, start=1):
                key, place = line_key(parse_line(raw)), f"{path.name}:{number}"
                if key is None or key_hash(*key) not in wanted:
                    continue
                if (earlier := first.setdefault(key, place)) != place:
                    detail = f"{place} and {earlier}: segment {key[0]}, model {key[1]}"
                    yield Flaw(FlawKind.TWICE_LOGGED, path, detail)


def is_gap(line: dict[str, Any]) -> bool:
    """Whether this is a line of the gaps log."""
    try:
        return isinstance(line["camera"], str) and from_iso(line["from"]) <= from_iso(line["to"])
    except (KeyError, TypeError, ValueError):
        return False


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=8).digest(), "big")


def key_hash(segment_id: str, model: str) -> int:
    """64 bits: among a million lines two different ones meet once in 30 million folders."""
    return _hash(f"{segment_id}\0{model}")


def _sorted(numbers: "array[int]") -> Any:
    return np.sort(np.frombuffer(numbers, np.uint64)) if numbers else np.empty(0, np.uint64)
