"""Which track of the faces log is meant, and who it was taken for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared_utils.clock import Clock
from shared_utils.errors import WrongUseError
from shared_utils.gallery.records import TrackKey
from shared_utils.logs import FACES_LOG, JsonlLog
from shared_utils.segments import VideoDir, parse_segment_id


@dataclass(frozen=True, slots=True)
class LoggedTrack:
    """A track as its line has it."""

    key: TrackKey
    name: str
    identity_id: str | None


def find_track(video: VideoDir, clock: Clock, segment_id: str, track_id: int, model: str) -> LoggedTrack:
    """The track by this model, else by the only one there is. Raises WrongUseError, and StorageError for the log."""
    parse_segment_id(segment_id)
    found = [track for track in _tracks(video, clock, segment_id) if track.key.track_id == track_id]
    by_model = [track for track in found if track.key.model == model] or found
    if not by_model:
        raise WrongUseError(
            f"The faces log has no track {track_id} in segment {segment_id}. 'track_id' stands in each face of a line."
        )
    if len({track.key.model for track in by_model}) > 1:
        models = ", ".join(sorted({track.key.model for track in by_model}))
        raise WrongUseError(f"Segment {segment_id} was analysed by {models}: set faces.model to the one that is meant.")
    return by_model[-1]


def _tracks(video: VideoDir, clock: Clock, segment_id: str) -> Iterator[LoggedTrack]:
    for line in JsonlLog(video.root, FACES_LOG, clock).lines():
        if line.get("segment_id") != segment_id:
            continue
        for entry in _entries(line):
            key = TrackKey(segment_id, str(line.get("model")), entry["track_id"])
            identity = entry.get("identity_id")
            yield LoggedTrack(key, str(entry["name"]), None if identity is None else str(identity))


def _entries(line: dict[str, Any]) -> list[dict[str, Any]]:
    """A log may hold what somebody wrote by hand."""
    found = line.get("faces")
    if not isinstance(found, list):
        return []
    return [entry for entry in found if isinstance(entry, dict) and "name" in entry and "track_id" in entry]
