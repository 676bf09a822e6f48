"""Making segments of what a crash, a power cut or a full disk left behind.

Whatever bears a segment's name in a camera's folder is brought to its end; whatever does not is left alone. A part file
that cannot be read is renamed to `.broken` and kept, and so is one that breaks or busies whatever reads it: files are
read in a process of their own. The caller holds the camera's lock, so nothing found here is being written, apart from
the segments that it names itself.
"""

import errno
import logging
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from capture_service.draft import Draft, manifest_of, read_draft
from capture_service.mp4_file import Measured
from capture_service.mp4_process import Mp4Process, Mp4Reader, ReaderKilledError
from capture_service.names import BROKEN_SUFFIX, draft_path, part_path, repair_path
from capture_service.retention import free_bytes_at
from capture_service.store import SegmentStore
from shared_utils.clock import Clock, SystemClock
from shared_utils.durable import PART_SUFFIX, sync_file
from shared_utils.errors import SegmentError, StorageError
from shared_utils.segments import VideoDir, parse_segment_id

log = logging.getLogger(__name__)

AT_ONCE_SECONDS = 20.0  # how long a camera waits for its leftovers before it is recorded
MOST_KILLS = 3  # a file that has the machine run out of memory is as bad as one that crashes its reader
HEADER_BYTES = 128  # FFmpeg begins a file with 88 bytes that name its format; frames come with the index behind them


class Salvage:
    """Adopts leftovers. Doing it twice, or being killed while doing it, does no harm."""

    def __init__(
        self,
        video: VideoDir,
        store: SegmentStore,
        free_bytes: Callable[[Path], int] = free_bytes_at,
        *,
        mp4: Mp4Reader | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._video, self._store, self._free_bytes = video, store, free_bytes
        self._mp4, self._clock = mp4 or Mp4Process(), clock or SystemClock()
        self._kills: Counter[str] = Counter()

    def adopt_all(
        self, camera: str, tasks: Collection[str], on_failure: Callable[[str], object] = lambda _: None
    ) -> int:
        """Adopt every leftover of a camera; how many segments that gave. `tasks` are for those without a draft.

        One that the disk does not allow to finish now is left as it is and told to `on_failure`: neither the others
        nor the recording of new ones may depend on it. So is what is not done after `AT_ONCE_SECONDS`.
        """
        adopted, until = 0, self._clock.monotonic() + AT_ONCE_SECONDS
        for segment in self._leftovers(camera):
            if self._clock.monotonic() >= until:
                on_failure(segment)
                continue
            try:
                adopted += self.adopt(segment, tasks)
            except StorageError as error:
                log.error("%s", error)
                on_failure(segment)
        if adopted:
            log.warning("camera %s: %d segments salvaged that were not finished when capture ended", camera, adopted)
        return adopted

    def adopt(self, segment: str, tasks: Collection[str]) -> bool:
        """Bring one segment to its end from wherever its writing stopped. False if it holds no video.

        Raises StorageError; then it can be tried again.
        """
        try:
            return self._adopt(segment, tasks)
        except OSError as error:
            raise StorageError(
                f"Segment {segment} cannot be salvaged: {error.strerror or error}. "
                f"Check the free space and the permissions of {self._video.segment(segment).parent}."
            ) from error

    def _adopt(self, segment: str, tasks: Collection[str]) -> bool:
        part, final = part_path(self._video, segment), self._video.segment(segment)
        found = None
        if part.exists() and not final.exists():
            found = self._made_whole(segment, part)
            if found is None:
                return False
        if final.exists() and not self._has_manifest(segment):
            return self._queued(segment, found or self._measured(final), tasks)
        draft_path(self._video, segment).unlink(missing_ok=True)
        return False

    def _made_whole(self, segment: str, part: Path) -> Measured | None:
        """What is in the segment that the part has become; None if it holds no video."""
        if part.stat().st_size <= HEADER_BYTES:
            self._store.discard(segment)
            return None
        repaired = repair_path(self._video, segment)
        repaired.unlink(missing_ok=True)  # half a copy, left by a kill: it holds room that is needed
        if self._free_bytes(part.parent) < part.stat().st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # begun all the same, it would take the last room
        try:
            found = self._unless_killed(part, lambda: self._mp4.make_whole(part, repaired))
        except SegmentError as error:
            repaired.unlink(missing_ok=True)
            self._set_aside(part, error)
            draft_path(self._video, segment).unlink(missing_ok=True)
            return None
        except BaseException:
            repaired.unlink(missing_ok=True)
            raise
        sync_file(repaired)
        repaired.replace(part)
        self._store.publish(segment)
        return found

    def _measured(self, final: Path) -> Measured | None:
        try:
            return self._unless_killed(final, lambda: self._mp4.measure(final))
        except SegmentError as error:
            log.warning("%s It is left as it is, without a manifest.", error)
            return None

    def _unless_killed(self, path: Path, read: Callable[[], Measured]) -> Measured:
        """Once its reader has been killed too often, the file is to blame, and not whoever did it."""
        try:
            return read()
        except ReaderKilledError as error:
            self._kills[path.name] += 1
            if self._kills[path.name] < MOST_KILLS:
                raise
            raise SegmentError(f"{path} cannot be read: its reader was killed {MOST_KILLS} times.") from error

    def _set_aside(self, part: Path, error: SegmentError) -> None:
        broken = part.with_name(part.name.removesuffix(PART_SUFFIX) + BROKEN_SUFFIX)
        part.replace(broken)
        log.warning("%s It is kept as %s.", error, broken.name)

    def _has_manifest(self, segment: str) -> bool:
        # The outbox first: its sender moves manifests from there to beside their segments, never back.
        return self._video.waiting_manifest(segment).exists() or self._video.manifest(segment).exists()

    def _queued(self, segment: str, found: Measured | None, tasks: Collection[str]) -> bool:
        if found is None:
            return False
        draft = read_draft(self._video, segment) or _guessed_draft(segment, tasks)
        self._store.queue(manifest_of(draft, found, self._video))
        return True

    def _leftovers(self, camera: str) -> Iterator[str]:
        """Segments of a camera that are not finished, oldest first."""
        waiting = _names(self._video.outbox, ".json")
        for day in sorted(self._video.segments.joinpath(camera).glob("*-*-*")):
            begun = _names(day, ".mp4" + PART_SUFFIX) | _names(day, ".json" + PART_SUFFIX)
            unknown = _names(day, ".mp4") - waiting - _names(day, ".json")
            for name in sorted(begun | unknown):
                if _is_of(camera, name) and self._video.segment(name).parent == day:
                    yield name


def _guessed_draft(segment: str, tasks: Collection[str]) -> Draft:
    camera, started_at = parse_segment_id(segment)
    return Draft(
        segment_id=segment,
        camera=camera,
        event_id=segment,
        trigger="motion",
        started_at=started_at,
        tasks=tuple(tasks),
    )


def _names(folder: Path, suffix: str) -> set[str]:
    return {path.name.removesuffix(suffix) for path in folder.glob("*" + suffix)}


def _is_of(camera: str, name: str) -> bool:
    try:
        return parse_segment_id(name)[0] == camera
    except SegmentError:
        return False
