"""Mending a log under its own lock: lines that do not belong in it are kept aside, then it is written anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from shared_utils.clock import Clock
from shared_utils.durable import write_parts_durably
from shared_utils.log_files import LineKey, line_key, parse_line
from shared_utils.logs import GAPS_LOG, JsonlLog
from shared_utils.segments import VideoDir
from vedette.checks.log_lines import LogLines, is_gap, key_hash
from vedette.repair_set_aside import FOLDER_NAME, SetAside


def mend_log(video: VideoDir, name: str, aside: SetAside, clock: Clock) -> list[str]:
    """Take out what is unreadable or there twice; what was done, in words. Raises StorageError.

    The lines are on disk in `set-aside/` before the log is written without them: killed in between, they are in both.
    """
    log = JsonlLog(video.root, name, clock)
    with log.locked():
        kept = _kept_lines(log, video, name, clock)
        paths = [path for path, _ in log.files.open_all()]
        return [done for path in paths if (done := _mend_file(path, name, kept, aside))]


def _kept_lines(log: JsonlLog, video: VideoDir, name: str, clock: Clock) -> dict[LineKey, tuple[Path, int]]:
    """Of each segment and model that has several lines, which one stays: the first that went well, else the first."""
    lines = LogLines(video.root, name)
    lines.read(clock)
    repeated = lines.repeated()
    first: dict[LineKey, tuple[Path, int]] = {}
    good: dict[LineKey, tuple[Path, int]] = {}
    for path, handle in log.files.open_all() if repeated else ():
        for number, line in _lines(handle):
            key = line_key(line)
            if line is None or key is None or key_hash(*key) not in repeated:
                continue
            first.setdefault(key, (path, number))
            if line.get("ok"):
                good.setdefault(key, (path, number))
    return first | good


def _lines(handle: BinaryIO) -> Iterator[tuple[int, dict[str, Any] | None]]:
    return ((number, parse_line(raw)) for number, raw in enumerate(handle, start=1))


def _mend_file(path: Path, name: str, kept: dict[LineKey, tuple[Path, int]], aside: SetAside) -> str | None:
    with path.open("rb") as handle:
        raws = [(number, raw) for number, raw in enumerate(handle, start=1) if _leaves(path, number, raw, name, kept)]
        handle.seek(0, 2)
        size = handle.tell()
        if size:
            handle.seek(size - 1)
        whole = not size or handle.read(1) == b"\n"
    if not raws and whole:
        return None
    leaving = {number for number, _ in raws}
    if raws:
        aside.keep_lines(path.name, [raw for _, raw in raws])
    with path.open("rb") as handle:
        stay = (raw for number, raw in enumerate(handle, start=1) if number not in leaving)
        write_parts_durably(path, (raw if raw.endswith(b"\n") else raw + b"\n" for raw in stay))
    return (
        f"{path.name}: {len(raws)} line(s) moved to {FOLDER_NAME}/{aside.folder.name}"
        if raws
        else f"{path.name}: last line ended"
    )


def _leaves(path: Path, number: int, raw: bytes, name: str, kept: dict[LineKey, tuple[Path, int]]) -> bool:
    line = parse_line(raw)
    if line is None or (name == GAPS_LOG and not is_gap(line)):
        return True
    key = line_key(line)
    return key in kept and kept[key] != (path, number) if key is not None else False
