"""How long footage is kept: the oldest segments go by age, total size and free space, before every new one.

A segment is deleted as faces, snapshot, manifest, MP4, in this order. A crash in between leaves at worst an MP4 without
a manifest, which the start-up adopts again; it never leaves a manifest that promises footage which is gone.
"""

import logging
import math
import shutil
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Lock

from capture_service.metrics import DELETED, KEPT_BYTES, KEPT_SEGMENTS, NOT_DELETED
from capture_service.retention_faces import delete_faces, delete_leftover_faces
from capture_service.retention_index import Kept, KeptIndex, find_segments, kept_segment
from capture_service.trusted_time import TrustedTime
from shared_utils.clock import Clock
from shared_utils.config.schema import StorageConfig
from shared_utils.errors import StorageError
from shared_utils.segments import VideoDir

log = logging.getLogger(__name__)

GB = 1_000_000_000
RETRY_SECONDS = 3600.0  # a segment that could not be deleted is tried again after this
# A filesystem may show freed space late (a reader has the file open, or it frees lazily). Deleting on and on
# until it shows would cost everything, so one call goes round this often and leaves the rest to the next.
MOST_ROUNDS = 3
FACES_SECONDS = 24 * 3600.0  # how often faces are looked through for those that their footage left behind


def free_bytes_at(path: Path) -> int:
    """Free space for us on the disk that holds `path`, or will hold it."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


class Retention:
    """Deletes the oldest segments of all cameras. Safe to call from several threads."""

    def __init__(
        self,
        video: VideoDir,
        settings: StorageConfig,
        clock: Clock,
        free_bytes: Callable[[Path], int] = free_bytes_at,
    ) -> None:
        self._video, self._settings, self._clock, self._free_bytes = video, settings, clock, free_bytes
        self._index = KeptIndex()
        self._time = TrustedTime(clock)
        self._stuck: list[tuple[float, Kept]] = []  # when to try again, by the monotonic clock
        self._faces_due = -math.inf  # when to look through them, by the monotonic clock
        self._lock = Lock()

    def load(self) -> None:
        """Find what is kept, once at start, after half-written segments were salvaged."""
        with self._lock:
            self._index.fill(find_segments(self._video))
            self._time.start(self._newest())
            self._stuck.clear()
            self._show()

    def note_new(self, segment_id: str, size_bytes: int) -> None:
        """A segment was recorded and has its manifest. Raises SegmentError for anything but a segment id."""
        kept = kept_segment(segment_id, size_bytes)
        with self._lock:
            self._index.add(kept)
            self._show()

    def make_room(self, writing: Collection[str]) -> list[str]:
        """Delete what is past its time or in the way, oldest first; the ids of what was deleted.

        Segments in `writing` stay. Those whose tasks are not queued yet stay as long as there are others, and are
        never deleted for their age. Raises StorageError if nothing is left to delete and the disk is still too full.
        """
        with self._lock:
            self._try_stuck_again()
            deleted = [*self._delete_old(writing), *self._delete_beyond_total(writing)]
            self._delete_leftover_faces()
            try:
                deleted += self._delete_until_free(writing)
            finally:
                self._show()
            return deleted

    def _newest(self) -> float | None:
        """When the newest segment was recorded; those of a clock that was ahead are left out."""
        now = self._clock.now().timestamp()
        return max((kept.started_at for kept in self._index if kept.started_at <= now), default=None)

    def _delete_old(self, writing: Collection[str]) -> list[str]:
        oldest, deleted = self._oldest(), []
        for kept in self._index:
            if kept.started_at >= oldest:
                break
            if kept.segment_id not in writing and not self._is_waiting(kept) and self._delete(kept, "age"):
                deleted.append(kept.segment_id)
        return deleted

    def _delete_leftover_faces(self) -> None:
        """Once a day; the first time before the first segment."""
        if self._clock.monotonic() < self._faces_due:
            return
        self._faces_due = self._clock.monotonic() + FACES_SECONDS
        delete_leftover_faces(self._video, self._oldest())

    def _oldest(self) -> float:
        """Unix time; what is older goes."""
        return self._time.now() - self._settings.max_age_hours * 3600

    def _delete_beyond_total(self, writing: Collection[str]) -> list[str]:
        excess = self._index.total_bytes - round(self._settings.max_disk_usage_gb * GB)
        return self._delete_bytes(excess, writing, "total") if excess > 0 else []

    def _delete_until_free(self, writing: Collection[str]) -> list[str]:
        deleted: list[str] = []
        for _ in range(MOST_ROUNDS):
            missing = self._missing_bytes()
            if missing <= 0:
                return deleted
            round_deleted = self._delete_bytes(missing, writing, "free space")
            if not round_deleted:
                raise self._no_room(missing)
            deleted += round_deleted
        if self._missing_bytes() > 0:
            log.warning("deleted %d segments, but the disk does not show the space yet; going on later", len(deleted))
        return deleted

    def _missing_bytes(self) -> int:
        try:
            return round(self._settings.keep_free_gb * GB) - self._free_bytes(self._video.root)
        except OSError as error:
            raise StorageError(
                f"The free space of {self._video.root} cannot be read: {error}. Check that the disk is mounted."
            ) from error

    def _no_room(self, missing: int) -> StorageError:
        return StorageError(
            f"The disk of {self._video.root} is {missing / GB:.2f} GB short of storage.keep_free_gb = "
            f"{self._settings.keep_free_gb:g}, and no segment is left that could be deleted. Free some space by hand, "
            "or lower storage.keep_free_gb."
        )

    def _delete_bytes(self, size_bytes: int, writing: Collection[str], reason: str) -> list[str]:
        """Delete at least so many bytes if there are any, those not queued yet last."""
        deleted, freed = [], 0
        for kept in self._by_worth(writing):
            if freed >= size_bytes:
                break
            if self._delete(kept, reason):
                deleted.append(kept.segment_id)
                freed += kept.size_bytes
        return deleted

    def _by_worth(self, writing: Collection[str]) -> Iterator[Kept]:
        """What may go, in the order it goes. Looking for waiting manifests is left until a segment's turn comes."""
        waiting = []
        for kept in self._index:
            if kept.segment_id in writing:
                continue
            if self._is_waiting(kept):
                waiting.append(kept)
            else:
                yield kept
        for kept in waiting:
            log.warning(
                "segment %s goes although its tasks are not queued yet: nothing else is left to delete. "
                "Check that Redis runs, or give storage more room",
                kept.segment_id,
            )
            yield kept

    def _is_waiting(self, kept: Kept) -> bool:
        return self._video.waiting_manifest(kept.segment_id).exists()

    def _delete(self, kept: Kept, reason: str) -> bool:
        """Whether it is gone. If not, it is left out of everything until its time to try again has come."""
        self._index.remove(kept.segment_id)
        segment = self._video.segment(kept.segment_id)
        snapshot = self._video.snapshot(kept.segment_id)
        try:
            delete_faces(self._video, kept.segment_id)
            snapshot.unlink(missing_ok=True)
            self._video.waiting_manifest(kept.segment_id).unlink(missing_ok=True)
            self._video.manifest(kept.segment_id).unlink(missing_ok=True)
            segment.unlink(missing_ok=True)
            delete_faces(self._video, kept.segment_id)  # a worker may have written them meanwhile
        except OSError as error:
            log.error("segment %s should be deleted (%s) but cannot be: %s", kept.segment_id, reason, error)
            NOT_DELETED.inc()
            self._stuck.append((self._clock.monotonic() + RETRY_SECONDS, kept))
            return False
        DELETED.labels(reason).inc()
        log.info("segment %s deleted: %s", kept.segment_id, reason)
        faces = self._video.appearances_folder(kept.segment_id)
        self._remove_if_empty(kept, segment.parent, snapshot.parent, faces)
        return True

    def _remove_if_empty(self, kept: Kept, *folders: Path) -> None:
        """Date folders of days that are over; in today's and yesterday's a segment may be about to begin."""
        if self._clock.now().timestamp() - kept.started_at < timedelta(days=2).total_seconds():
            return
        for folder in folders:
            try:
                folder.rmdir()
            except OSError as error:  # not empty, usually
                log.debug("folder %s stays: %s", folder, error)

    def _try_stuck_again(self) -> None:
        now = self._clock.monotonic()
        for due, kept in self._stuck:
            if due <= now:
                self._index.add(kept)
        self._stuck = [(due, kept) for due, kept in self._stuck if due > now]

    def _show(self) -> None:
        KEPT_BYTES.set(self._index.total_bytes)
        KEPT_SEGMENTS.set(len(self._index))
