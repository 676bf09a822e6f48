"""Names of the files of a segment that is being written, and of new segments."""

from datetime import datetime, timedelta
from pathlib import Path

from shared_utils.durable import PART_SUFFIX
from shared_utils.segments import VideoDir, segment_id

BROKEN_SUFFIX = ".broken"  # a part file that cannot be read: kept for people, not tried again
LOCK_NAME = ".capture.lock"


def part_path(video: VideoDir, segment: str) -> Path:
    """`<segment_id>.mp4.part`: the video while it is being written."""
    return _beside(video.segment(segment), PART_SUFFIX)


def repair_path(video: VideoDir, segment: str) -> Path:
    """`<segment_id>.mp4.repair`: a salvaged copy that is not whole yet."""
    return _beside(video.segment(segment), ".repair")


def draft_path(video: VideoDir, segment: str) -> Path:
    """`<segment_id>.json.part`: what will be needed for the manifest."""
    return _beside(video.manifest(segment), PART_SUFFIX)


def lock_path(video: VideoDir, camera: str) -> Path:
    """The file whose lock says which process records a camera."""
    return video.segments / camera / LOCK_NAME


def new_segment(video: VideoDir, camera: str, started_at: datetime) -> tuple[str, datetime]:
    """An id that no segment has, and its start: later by milliseconds where the clock was set back onto a used one."""
    while True:
        segment = segment_id(camera, started_at)
        used = (
            video.segment(segment),
            part_path(video, segment),
            draft_path(video, segment),
            video.manifest(segment),
            video.waiting_manifest(segment),
        )
        if not any(path.exists() for path in used):
            return segment, started_at
        started_at += timedelta(milliseconds=1)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
