"""What is known about a segment while it is being written, kept beside it so that it can be salvaged after a crash."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from capture_service.mp4_file import Measured
from capture_service.names import draft_path
from shared_utils.errors import StorageError
from shared_utils.segments import Manifest, MotionLook, UtcTime, VideoDir, parse_segment_id


class Draft(BaseModel):
    """The part of a manifest that is known when the segment begins."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    segment_id: str
    camera: str
    event_id: str
    trigger: Literal["motion", "continuous"]
    started_at: UtcTime
    tasks: tuple[str, ...]


def write_draft(path: Path, draft: Draft) -> None:
    """Written quickly: the thread that synchronises open segments puts it on disk. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draft.model_dump_json(by_alias=True).encode() + b"\n")
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}. "
            f"Check the free space and the permissions of {path.parent}."
        ) from error


def read_draft(video: VideoDir, segment_id: str) -> Draft | None:
    """None if there is none, a torn one, or that of another segment: people copy and rename files."""
    try:
        draft = Draft.model_validate_json(draft_path(video, segment_id).read_bytes())
    except (OSError, ValidationError):
        return None
    is_its_own = (draft.segment_id, draft.camera) == (segment_id, parse_segment_id(segment_id)[0])
    return draft if is_its_own else None


def manifest_of(draft: Draft, found: Measured, video: VideoDir, motion: tuple[MotionLook, ...] = ()) -> Manifest:
    """The manifest of a finished segment: what its draft says, and what is really in the file. Raises OSError."""
    return Manifest(
        segment_id=draft.segment_id,
        camera=draft.camera,
        event_id=draft.event_id,
        trigger=draft.trigger,
        started_at=draft.started_at,
        duration_seconds=round(found.duration_seconds, 3),
        filename=video.segment_filename(draft.segment_id),
        size_bytes=video.segment(draft.segment_id).stat().st_size,
        video=found.video,
        audio=found.audio,
        motion=motion,
        tasks=draft.tasks,
    )
