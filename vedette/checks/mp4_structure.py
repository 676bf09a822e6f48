"""Whether an MP4 is whole and begins with a keyframe, by its boxes: a few reads, nothing is decoded."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_INDEX_BYTES = 32_000_000  # the index of half a minute has some ten thousand


class _StructureError(Exception):
    """What is wrong, in words."""


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int  # of its contents
    end: int


def trouble_in(path: Path) -> str | None:
    """Why a segment cannot be played from its beginning; None if it can. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        _examine(handle, os.fstat(handle).st_size)
    except _StructureError as error:
        return str(error)
    except (struct.error, IndexError):
        return "its index is damaged"
    finally:
        os.close(handle)
    return None


def _examine(handle: int, size: int) -> None:
    boxes = list(_top_level(handle, size))
    index = next((box for box in boxes if box.kind == b"moov"), None)
    if index is None:
        raise _StructureError("it has no index (moov): it was not closed, or its end is missing")
    if index.end - index.start > MOST_INDEX_BYTES:
        raise _StructureError("its index is damaged")
    moov = os.pread(handle, index.end - index.start, index.start)
    for track in _inside(moov, b"trak"):
        if _is_video(moov, track):
            _examine_video(moov, track, size, fragments=any(box.kind == b"moof" for box in boxes))
            return
    raise _StructureError("it has no video")


def _top_level(handle: int, size: int) -> Iterator[_Box]:
    offset = 0
    while offset < size:
        box = _box_at(os.pread(handle, 16, offset), offset, size)
        if box.end > size:
            raise _StructureError(f"it breaks off: {box.end - size} bytes are missing")
        yield box
        offset = box.end


def _box_at(header: bytes, offset: int, limit: int) -> _Box:
    if len(header) < 8:
        raise _StructureError("there are stray bytes at its end")
    length, kind = struct.unpack_from(">I4s", header)
    start = offset + 8
    if length == 1:
        length, start = struct.unpack_from(">Q", header, 8)[0], offset + 16
    elif length == 0:
        length = limit - offset
    if length < start - offset:
        raise _StructureError("it is no MP4, or damaged")
    return _Box(kind, start, offset + length)


def _inside(data: bytes, *path: bytes, within: _Box | None = None) -> Iterator[_Box]:
    """The boxes at a path, below one or in all of the index."""
    offset, end = (within.start, within.end) if within else (0, len(data))
    while offset + 8 <= end:
        box = _box_at(data[offset : offset + 16], offset, end)
        if box.kind == path[0]:
            if len(path) == 1:
                yield box
            else:
                yield from _inside(data, *path[1:], within=box)
        offset = box.end


def _is_video(moov: bytes, track: _Box) -> bool:
    return any(moov[box.start + 8 : box.start + 12] == b"vide" for box in _inside(moov, b"mdia", b"hdlr", within=track))


def _examine_video(moov: bytes, track: _Box, size: int, *, fragments: bool) -> None:
    table = next(_inside(moov, b"mdia", b"minf", b"stbl", within=track), None)
    frames = 0
    for box in _inside(moov, b"stsz", within=table) if table else ():
        frames = struct.unpack_from(">I", moov, box.start + 8)[0]
    if table is None or not frames:
        if fragments:
            return  # not closed, but players go from fragment to fragment
        raise _StructureError("it holds no frame")
    for box in _inside(moov, b"stss", within=table):  # without this box every frame is a keyframe
        count, first = struct.unpack_from(">II", moov, box.start + 4)
        if not count or first != 1:
            raise _StructureError("it does not begin with a keyframe")
    for kind, form in ((b"stco", "I"), (b"co64", "Q")):
        for box in _inside(moov, kind, within=table):
            count = struct.unpack_from(">I", moov, box.start + 4)[0]
            offsets = struct.unpack_from(f">{count}{form}", moov, box.start + 8)
            if offsets and max(offsets) >= size:
                raise _StructureError("its index names frames that are not in it")
