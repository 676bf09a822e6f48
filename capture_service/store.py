"""The order of writing that loses nothing and repeats nothing, whichever step we are killed at.

    1. the file is on disk under its temporary name           (`SegmentStore.publish`)
    2. it is renamed, and the folder is on disk
    3. the manifest is on disk in the outbox                   (`SegmentStore.queue`)
    4. the draft is deleted

The outbox's own sender pushes the tasks then, and moves the manifest beside its segment.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from capture_service.metrics import SEGMENTS
from capture_service.names import draft_path, part_path
from shared_utils.durable import rename_durably, sync_file
from shared_utils.errors import StorageError
from shared_utils.segments import Manifest, VideoDir

log = logging.getLogger(__name__)


class ManifestSink(Protocol):
    """Where manifests wait until their tasks are queued."""

    def put(self, manifest: Manifest) -> object:
        """On disk when this returns. Raises StorageError or OSError."""


class RoomMaker(Protocol):
    """Retention: deletes the oldest segments."""

    def load(self) -> None: ...

    def make_room(self, writing: Collection[str]) -> object:
        """Delete what is too old or too much, but no segment whose id is in `writing`. Raises StorageError."""

    def note_new(self, segment_id: str, size_bytes: int) -> object: ...


class SegmentStore:
    """Makes finished files into segments that have their manifest."""

    def __init__(
        self, video: VideoDir, outbox: ManifestSink, retention: RoomMaker, on_queued: Callable[[], object]
    ) -> None:
        """`on_queued` is called whenever a manifest waits in the outbox."""
        self._video, self._outbox, self._retention, self._on_queued = video, outbox, retention, on_queued
        self._recorded: Counter[str] = Counter()

    def recorded(self, camera: str) -> int:
        """How many segments of a camera have got their manifest since this process began."""
        return self._recorded[camera]

    def publish(self, segment: str) -> None:
        """Give a whole file its name. Raises StorageError; then it is still there under the temporary one."""
        part, final = part_path(self._video, segment), self._video.segment(segment)
        try:
            sync_file(part)
            rename_durably(part, final)
        except OSError as error:
            raise _storage_error(final, error) from error

    def queue(self, manifest: Manifest) -> None:
        """Have the segment analysed. Raises StorageError; then the draft is still there, and it can be done again."""
        try:
            self._outbox.put(manifest)
            draft_path(self._video, manifest.segment_id).unlink(missing_ok=True)
        except OSError as error:
            raise _storage_error(self._video.outbox, error) from error
        self._retention.note_new(manifest.segment_id, manifest.size_bytes)
        SEGMENTS.labels(manifest.camera).inc()
        self._recorded[manifest.camera] += 1
        self._on_queued()
        log.info(
            "camera %s: segment %s, %.1f s, %.1f MB",
            manifest.camera, manifest.segment_id, manifest.duration_seconds, manifest.size_bytes / 1e6,
        )  # fmt: skip

    def discard(self, segment: str) -> None:
        """Remove a segment that holds no frame."""
        part_path(self._video, segment).unlink(missing_ok=True)
        draft_path(self._video, segment).unlink(missing_ok=True)


def _storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be written: {error.strerror or error}. "
        f"Check the free space and the permissions of {path.parent}."
    )
