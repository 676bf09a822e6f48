"""Tasks as they stand on the Redis lists: plain JSON, readable with `redis-cli lrange video_queue 0 -1`."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared_utils.segments import Manifest, UtcTime

VIDEO_QUEUE = "video_queue"
FACE_QUEUE = "face_queue"
PRIVACY_QUEUE = "privacy_queue"
QUEUES = (VIDEO_QUEUE, FACE_QUEUE, PRIVACY_QUEUE)


class Task(BaseModel):
    """One analysis of one segment. `model` is given by a re-analysis only, and is part of the id then."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    id: str = Field(min_length=1, max_length=300)
    schema_version: Literal[1] = Field(default=1, alias="schema")
    filename: str = Field(min_length=1, max_length=1000)
    camera: str
    started_at: UtcTime
    queued_at: UtcTime
    model: str | None = None

    @property
    def segment_id(self) -> str:
        """The segment that the task is about: its id without the model."""
        return self.id.partition("@")[0]

    def to_json(self) -> str:
        """One line; the same task always gives the same line."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


def task_for(manifest: Manifest, queued_at: datetime, model: str | None = None) -> Task:
    """The task that asks for the analysis of a segment, by the worker's own model or by the named one."""
    return Task(
        id=f"{manifest.segment_id}@{model}" if model else manifest.segment_id,
        filename=manifest.filename,
        camera=manifest.camera,
        started_at=manifest.started_at,
        queued_at=queued_at,
        model=model,
    )
