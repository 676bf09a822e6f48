"""The mark of a video folder, `video/.vedette`: by it a running service notices that the folder was unmounted.

Below a disk that was unmounted lies an empty folder that can be written just as well. What is recorded there is seen
by nobody, and hidden as soon as the disk is mounted again.
"""

import json
import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout

from shared_utils.clock import Clock, to_iso
from shared_utils.durable import PART_SUFFIX, write_durably
from shared_utils.errors import StorageError

log = logging.getLogger(__name__)

MARK_NAME = ".vedette"
LOCK_NAME = ".vedette.lock"
LOCK_SECONDS = 20.0
_MOST_BYTES = 10_000


class FolderAwayError(StorageError):
    """The video folder is not the one that the service began with."""

    def __init__(self, root: Path, what: str) -> None:
        super().__init__(
            f"The video folder {root} was unmounted or replaced: {what}. Mount it again, and all goes on by itself; "
            "if another folder is meant to be used, restart the service."
        )


def mark_folder(root: Path, clock: Clock) -> str:
    """The id of a video folder that is there; one without an id gets one. Raises StorageError.

    Two services that start at once agree on one id.
    """
    if not root.is_dir():  # the lock would make it
        raise StorageError(f"The video folder {root} cannot be marked with {MARK_NAME}: it is not there. Mount it.")
    try:
        with FileLock(root / LOCK_NAME, timeout=LOCK_SECONDS):
            found = read_mark(root)
            if found is None:
                found = uuid.uuid4().hex
                write_durably(root / MARK_NAME, _mark(found, clock))
                log.info("the video folder %s is marked with the id %s", root, found)
            return found
    except (Timeout, OSError) as error:
        raise StorageError(
            f"The video folder {root} cannot be marked with {MARK_NAME}: {error}. "
            "Check that it can be written and that no other process holds its lock."
        ) from error


def read_mark(root: Path) -> str | None:
    """The id of a folder; None if it has none, or none that can be read now."""
    return _look_at(root)[0]


@dataclass(slots=True)
class FolderGuard:
    """Remembers which folder a service works on. Safe to use from several threads.

    It goes by the mark, and by the folder's place as well: a mark that somebody has deleted, or that was written anew
    after that, must not stop recording for ever in a folder that is there all the time.
    """

    root: Path
    _seen: "tuple[str, _Place] | None" = field(default=None, init=False)
    _clock: Clock | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    @property
    def knows(self) -> bool:
        """Whether the folder had a mark when it was last looked at; without one nothing can be noticed."""
        return self._seen is not None

    def begin(self, clock: Clock) -> None:
        """Mark the folder if it is new, and remember it. For the service that makes it. Raises StorageError."""
        mark_folder(self.root, clock)
        self._clock = clock
        self.require()

    def require(self) -> None:
        """Raises FolderAwayError unless this is the folder of before. The first mark that is seen is remembered."""
        found, place = _look_at(self.root)
        with self._lock:
            if self._seen is None:
                self._seen = None if found is None or place is None else (found, place)
                return
            before, its_place = self._seen
            if place is None or (found != before and place != its_place):
                what = "is not there" if found is None else "is that of another folder"
                raise FolderAwayError(self.root, f"its {MARK_NAME} {what}")
            if found is None:
                self._mark_again(before, its_place)
            else:
                self._seen = (found, place)

    def _mark_again(self, mark_id: str, place: "_Place") -> None:
        """By the service that marked it. For the others the place says enough."""
        if self._clock is None:
            return
        log.warning("somebody has deleted %s in the video folder %s: it is written again", MARK_NAME, self.root)
        try:
            with _opened(self.root) as folder:
                if _place_of(folder) == place:
                    _write_into(folder, _mark(mark_id, self._clock))
        except OSError as error:
            raise StorageError(
                f"The video folder {self.root} cannot be marked again with {MARK_NAME}: {error}. "
                "Check that it can be written."
            ) from error


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a folder lies. The disks of one slot may share the first two, and empty ones have no third."""

    device: int
    inode: int
    filesystem: int


def _look_at(root: Path) -> tuple[str | None, _Place | None]:
    """The id and the place of one and the same folder, whatever is mounted or unmounted meanwhile."""
    try:
        with _opened(root) as folder:
            return _id_in(folder), _place_of(folder)
    except OSError:
        return None, None


@contextmanager
def _opened(root: Path) -> Iterator[int]:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)


def _place_of(folder: int) -> _Place:
    status = os.fstat(folder)
    return _Place(status.st_dev, status.st_ino, os.fstatvfs(folder).f_fsid)


def _id_in(folder: int) -> str | None:
    try:
        with open(MARK_NAME, "rb", opener=lambda name, flags: os.open(name, flags, dir_fd=folder)) as handle:
            mark = json.loads(handle.read(_MOST_BYTES))
    except (OSError, ValueError):
        return None
    found = mark.get("id") if isinstance(mark, dict) else None
    return found if isinstance(found, str) and found else None


def _write_into(folder: int, data: bytes) -> None:
    """`write_durably` for a folder that is open: not for what may be mounted in its place the next moment."""
    part = MARK_NAME + PART_SUFFIX
    with open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o644, dir_fd=folder)) as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(part, MARK_NAME, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def _mark(mark_id: str, clock: Clock) -> bytes:
    return json.dumps({"schema": 1, "id": mark_id, "created_at": to_iso(clock.now())}, indent=1).encode() + b"\n"
