"""Which segments lie below `video/segments`, oldest first: names and sizes in memory, found by one walk."""

import logging
import os
from bisect import bisect_left, insort
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shared_utils.errors import SegmentError
from shared_utils.segments import VideoDir, parse_segment_id

log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """One segment that may be deleted one day. Sorts by time across cameras."""

    started_at: float  # Unix time
    segment_id: str
    size_bytes: int  # of the MP4 alone


class KeptIndex:
    """Every known segment, sorted by time. A few hundred bytes each, so 100,000 of them are nothing to speak of."""

    def __init__(self) -> None:
        self._kept: list[Kept] = []
        self._by_id: dict[str, Kept] = {}
        self.total_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        """Oldest first; the index may be changed meanwhile."""
        return iter(tuple(self._kept))

    def add(self, kept: Kept) -> None:
        """Adding a segment again replaces its size."""
        self.remove(kept.segment_id)
        insort(self._kept, kept)  # nearly always at the end
        self._by_id[kept.segment_id] = kept
        self.total_bytes += kept.size_bytes

    def fill(self, found: list[Kept]) -> None:
        """Replace everything; much faster than adding one by one."""
        self._kept = sorted(found)
        self._by_id = {kept.segment_id: kept for kept in found}
        self.total_bytes = sum(kept.size_bytes for kept in found)

    def remove(self, segment: str) -> None:
        """Forget a segment; one that is not known is ignored."""
        kept = self._by_id.pop(segment, None)
        if kept is not None:
            self.total_bytes -= kept.size_bytes
            del self._kept[bisect_left(self._kept, kept)]


def kept_segment(segment: str, size_bytes: int) -> Kept:
    """Raises SegmentError if that is no segment id."""
    _, started_at = parse_segment_id(segment)
    return Kept(started_at.timestamp(), segment, size_bytes)


def find_segments(video: VideoDir) -> list[Kept]:
    """Segments that are certainly ours: named and placed as we do, and with a manifest, beside them or waiting.

    An MP4 without a manifest is half-adopted footage or somebody else's file: neither is ours to delete.
    """
    waiting = {entry.name for entry in entries_of(video.outbox)}
    found = []
    for camera in entries_of(video.segments):
        for date in folders_in(camera):
            found += _segments_in(video, Path(date.path), waiting)
    return found


def _segments_in(video: VideoDir, folder: Path, waiting: set[str]) -> list[Kept]:
    entries = {entry.name: entry for entry in entries_of(folder)}
    found = []
    for name, entry in entries.items():
        manifest = name.removesuffix(".mp4") + ".json"
        if not name.endswith(".mp4") or (manifest not in entries and manifest not in waiting):
            continue
        try:
            kept = kept_segment(name.removesuffix(".mp4"), entry.stat(follow_symlinks=False).st_size)
            ours = entry.is_file(follow_symlinks=False) and video.segment(kept.segment_id).parent == folder
        except (SegmentError, OSError):
            continue  # not named as ours, or gone since the folder was listed
        if ours:
            found.append(kept)
    return found


def folders_in(entry: os.DirEntry[str]) -> list[os.DirEntry[str]]:
    """Nothing for a file, and nothing for a link: what lies behind one is not below `video/`."""
    if not entry.is_dir(follow_symlinks=False):
        return []
    return [inner for inner in entries_of(Path(entry.path)) if inner.is_dir(follow_symlinks=False)]


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
    except OSError as error:
        log.error("retention cannot look into %s, so nothing in it will be deleted: %s", folder, error)
        return []
