"""The entries of a line of the faces log, in their fixed form (docs/reference/faces-log.md)."""

from collections.abc import Sequence
from typing import Any

from face_worker.tracks import NamedTrack
from shared_utils.analysis.tracking import Sighting

FACES = "faces"  # their key in the line


def faces_of(tracks: Sequence[NamedTrack]) -> list[dict[str, Any]]:
    """The `faces` of a line: by first appearance, then by track id."""
    return [_face(one) for one in sorted(tracks, key=lambda one: (one.track.sightings[0].t, one.track.track_id))]


def _face(one: NamedTrack) -> dict[str, Any]:
    track, match = one.track, one.match
    return {
        "track_id": track.track_id,
        "name": match.name,
        "identity_id": match.identity_id,
        "similarity": round(match.similarity, 3),
        "quality": round(track.quality, 3),
        "first_t": round(track.sightings[0].t, 3),
        "last_t": round(track.sightings[-1].t, 3),
        "path": [_point(sighting) for sighting in track.sightings],
    }


def _point(sighting: Sighting) -> list[float]:
    corners = [round(value) for value in sighting.detection.box]
    return [round(sighting.t, 3), *corners, round(sighting.detection.score, 3)]
