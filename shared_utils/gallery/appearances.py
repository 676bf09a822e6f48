"""What the gallery learns of a segment: the faces that were tracked through it, in one file beside its log line.

`video/faces/<camera>/<YYYY-MM-DD>/<segment_id>.<pack>.npz`, written before the line, whole or absent. From these files
strangers are clustered, named later, and "not this person" is learned.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared_utils.clock import from_iso, to_iso
from shared_utils.embedding_models import pack_of
from shared_utils.gallery.arrays import Array, read_arrays, unit_rows, write_arrays
from shared_utils.gallery.errors import UnreadableArraysError
from shared_utils.segments import VideoDir

SCHEMA = 1
_PACK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_MODEL = re.compile(rf"{_PACK.pattern}(:[0-9a-f]{{8}})?")  # without weights: as written by hand


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """One person's track through one segment, by the best of its faces."""

    segment_id: str
    camera: str
    started_at: datetime  # of the segment
    track_id: int
    model: str  # pack and weights, as the engine names them
    embedding: NDArray[np.float32]  # (d,), of length 1
    quality: float  # 0 to 1
    first_t: float  # seconds from the start of the segment
    last_t: float
    name: str  # as the log line says it; "unknown" for strangers
    identity_id: str | None
    crop_jpeg: bytes | None  # None where no picture may be kept: cameras with `privacy: blur`


def appearances_folder(video: VideoDir) -> Path:
    """`video/faces`: a folder per camera, in it one per day."""
    return video.faces


def appearances_path(video: VideoDir, segment_id: str, pack: str) -> Path:
    """`video/faces/<camera>/<YYYY-MM-DD>/<segment_id>.<pack>.npz`.

    Raises SegmentError for what is no segment id, ValueError for a pack whose name cannot be part of a file name.
    """
    if not _PACK.fullmatch(pack):
        raise ValueError(f"the pack {pack!r} has a name that cannot be part of a file name")
    return video.appearances(segment_id, pack)


def write_appearances(video: VideoDir, segment_id: str, pack: str, appearances: Sequence[Appearance]) -> Path | None:
    """On disk when this returns, in the place of what was there. Nobody appeared: no file, and None. Raises OSError."""
    path = appearances_path(video, segment_id, pack)
    if not appearances:
        path.unlink(missing_ok=True)  # of an analysis that was killed, or is done again
        return None
    first = appearances[0]
    for one in appearances:
        if (one.segment_id, pack_of(one.model), one.model) != (segment_id, pack, first.model):
            raise ValueError(f"track {one.track_id} of {one.segment_id} by {one.model} is not of {path.name}")
    header = {
        "schema": SCHEMA,
        "segment_id": segment_id,
        "model": first.model,
        "camera": first.camera,
        "started_at": to_iso(first.started_at),
        "tracks": [_track(one) for one in appearances],
    }
    crops = [one.crop_jpeg or b"" for one in appearances]
    arrays: dict[str, Array] = {
        "embeddings": unit_rows(np.stack([one.embedding for one in appearances]).astype(np.float32)),
        "crops": np.frombuffer(b"".join(crops), np.uint8),
        "crop_ends": np.cumsum([len(crop) for crop in crops], dtype=np.int64),
    }
    write_arrays(path, header, arrays)
    return path


def _track(one: Appearance) -> dict[str, Any]:
    return {
        "track_id": one.track_id,
        "quality": one.quality,
        "first_t": one.first_t,
        "last_t": one.last_t,
        "name": one.name,
        "identity_id": one.identity_id,
        "crop": one.crop_jpeg is not None,
    }


def read_appearances(path: Path) -> list[Appearance]:
    """Raises UnreadableArraysError if the file is damaged or something else, OSError if it cannot be read."""
    header, arrays = read_arrays(path)
    if header.get("schema") != SCHEMA:
        raise UnreadableArraysError(path, f"it has the schema {header.get('schema')!r}, this Vedette knows {SCHEMA}")
    try:
        return list(_from_parts(header, arrays))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableArraysError(path, f"it holds no appearances ({error!r})") from error


def _from_parts(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> list[Appearance]:
    tracks, model = header["tracks"], str(header["model"])
    if not _MODEL.fullmatch(model):
        raise ValueError(f"{model[:200]!r} is the name of no model")
    embeddings = unit_rows(arrays["embeddings"], rows=len(tracks))
    crops = _crops(arrays["crops"], arrays["crop_ends"], len(tracks))
    return [
        Appearance(
            segment_id=str(header["segment_id"]),
            camera=str(header["camera"]),
            started_at=from_iso(header["started_at"]),
            track_id=int(track["track_id"]),
            model=model,
            embedding=embedding,
            quality=float(track["quality"]),
            first_t=float(track["first_t"]),
            last_t=float(track["last_t"]),
            name=str(track["name"]),
            identity_id=None if track["identity_id"] is None else str(track["identity_id"]),
            crop_jpeg=crop if track["crop"] else None,
        )
        for track, embedding, crop in zip(tracks, embeddings, crops, strict=True)
    ]


def _crops(data: Array, ends: Array, count: int) -> list[bytes]:
    bounds = [0, *(int(end) for end in ends)]
    if data.dtype != np.uint8 or data.ndim != 1 or len(bounds) != count + 1 or bounds[-1] != len(data):
        raise ValueError("its pictures do not belong to its tracks")
    if sorted(bounds) != bounds:
        raise ValueError("its pictures overlap")
    whole = data.tobytes()
    return [whole[start:end] for start, end in pairwise(bounds)]
