"""The entries of a line of the detections log, in their fixed form (docs/reference/detections-log.md)."""

from collections.abc import Sequence
from typing import Any

from shared_utils.analysis.tracking import Sighting, Track

OBJECTS = "objects"  # their key in the line


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
