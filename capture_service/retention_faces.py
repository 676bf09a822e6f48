"""Faces go with the footage they were seen in: what people look like must not outlive it.

Whoever was given a name stays known: that is in the gallery, which somebody filled on purpose.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from capture_service.retention_index import entries_of, folders_in
from shared_utils.errors import SegmentError
from shared_utils.segments import VideoDir, parse_segment_id, segment_of_appearances

log = logging.getLogger(__name__)


def delete_faces(video: VideoDir, segment: str) -> None:
    """Delete what was learned of the faces in a segment, by every model. Raises OSError."""
    for path in video.appearances_of(segment):
        path.unlink(missing_ok=True)


def delete_leftover_faces(video: VideoDir, older_than: float) -> int:
    """Delete faces from before a moment (Unix time) whose segment is gone; how many files.

    A worker may write them just after their segment was deleted, and people delete footage by hand. Younger ones stay:
    a folder of segments that is not mounted looks just like one that was emptied.
    """
    deleted = 0
    for path in orphaned_faces(video):
        if _recorded_at(path) >= older_than:
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.error("the faces %s, whose segment is gone, cannot be deleted: %s", path, error)
        else:
            deleted += 1
    if deleted:
        log.info("deleted %d files with faces of segments that are gone", deleted)
    return deleted


def orphaned_faces(video: VideoDir) -> Iterator[Path]:
    """Files with faces, named and placed as ours, whose segment is not there; nothing behind a link."""
    for camera in entries_of(video.faces):
        for date in folders_in(camera):
            folder = Path(date.path)
            for entry in entries_of(folder):
                if entry.is_file(follow_symlinks=False) and is_orphaned(video, folder / entry.name):
                    yield folder / entry.name


def is_orphaned(video: VideoDir, path: Path) -> bool:
    """Whether these are faces, named and placed as ours, whose segment is not there."""
    segment = segment_of_appearances(path.name)
    try:
        ours = segment is not None and video.appearances_folder(segment) == path.parent
    except SegmentError:
        return False  # a moment that does not exist: not named by us
    return ours and segment is not None and not video.segment(segment).exists()


def _recorded_at(path: Path) -> float:
    return parse_segment_id(segment_of_appearances(path.name) or "")[1].timestamp()
