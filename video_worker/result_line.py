"""The line of the detections log, in its fixed form (docs/reference/detections-log.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from shared_utils.clock import to_iso
from shared_utils.tasks import Task
from video_worker.analysis import Analysis
from video_worker.tracking import Sighting, Track

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """What a line is about."""

    task: Task
    model: str
    event_id: str | None  # None: there was no manifest to tell it


def found_line(subject: Subject, analysis: Analysis, *, seconds: float, now: datetime) -> dict[str, Any]:
    """The line of a segment that was looked through."""
    objects = objects_of(analysis.tracks)
    return _line(subject, objects, now=now, seconds=seconds, frames_analysed=analysis.frames_analysed, error=None)


def failed_line(subject: Subject, error: str, *, seconds: float = 0.0, now: datetime) -> dict[str, Any]:
    """The line of a segment that cannot be analysed."""
    return _line(subject, [], now=now, seconds=seconds, frames_analysed=0, error=error)


def objects_of(tracks: Sequence[Track]) -> list[dict[str, Any]]:
    """The `objects` of a line: by first appearance, then by track id."""
    return [_object(track) for track in sorted(tracks, key=lambda track: (track.sightings[0].t, track.track_id))]


def _line(
    subject: Subject,
    objects: list[dict[str, Any]],
    *,
    now: datetime,
    seconds: float,
    frames_analysed: int,
    error: str | None,
) -> dict[str, Any]:
    task = subject.task
    return {
        "ok": error is None,
        "filename": PurePosixPath(task.filename).name,
        "detected": sorted({found["label"] for found in objects}),
        "count": len(objects),
        "timestamp": to_iso(now),
        "schema": SCHEMA,
        "segment_id": task.segment_id,
        "camera": task.camera,
        "event_id": subject.event_id,
        "started_at": to_iso(task.started_at),
        "model": subject.model,
        "frames_analysed": frames_analysed,
        "seconds": round(seconds, 3),
        "objects": objects,
        "error": error,
    }


def _object(track: Track) -> dict[str, Any]:
    return {
        "label": track.label,
        "track_id": track.track_id,
        "score": round(track.score, 3),
        "first_t": round(track.sightings[0].t, 3),
        "last_t": round(track.sightings[-1].t, 3),
        "path": [_point(sighting) for sighting in track.sightings],
    }


def _point(sighting: Sighting) -> list[float]:
    corners = [round(value) for value in sighting.detection.box]
    return [round(sighting.t, 3), *corners, round(sighting.detection.score, 3)]
