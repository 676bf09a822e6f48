"""The line of the detections log, in its fixed form (docs/reference/detections-log.md)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared_utils.result_line import Subject, error_line, objects_part, ok_line
from video_worker.analysis import Analysis
from video_worker.tracking import Sighting, Track


def found_line(subject: Subject, analysis: Analysis, *, seconds: float, now: datetime) -> dict[str, Any]:
    """The line of a segment that was looked through."""
    objects = objects_of(analysis.tracks)
    own = objects_part(objects, frames_analysed=analysis.frames_analysed, seconds=seconds)
    return ok_line(subject, [found["label"] for found in objects], count=len(objects), own=own, now=now)


def failed_line(subject: Subject, error: str, *, seconds: float = 0.0, now: datetime) -> dict[str, Any]:
    """The line of a segment that cannot be analysed."""
    return error_line(subject, error, own=objects_part(seconds=seconds), now=now)


def objects_of(tracks: Sequence[Track]) -> list[dict[str, Any]]:
    """The `objects` of a line: by first appearance, then by track id."""
    return [_object(track) for track in sorted(tracks, key=lambda track: (track.sightings[0].t, track.track_id))]


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
