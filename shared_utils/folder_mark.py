"""The mark of a video folder, `video/.vedette`: by it a running service notices that the folder was unmounted.

Below a disk that was unmounted lies an empty folder that can be written just as well. What is recorded there is seen
by nobody, and hidden as soon as the disk is mounted again.
"""

import json
import logging
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout

from shared_utils.clock import Clock, to_iso
from shared_utils.durable import write_durably
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
                mark = {"schema": 1, "id": found, "created_at": to_iso(clock.now())}
                write_durably(root / MARK_NAME, json.dumps(mark, indent=1).encode() + b"\n")
                log.info("the video folder %s is marked with the id %s", root, found)
            return found
    except (Timeout, OSError) as error:
        raise StorageError(
            f"The video folder {root} cannot be marked with {MARK_NAME}: {error}. "
            "Check that it can be written and that no other process holds its lock."
        ) from error


def read_mark(root: Path) -> str | None:
    """The id of a folder; None if it has none, or none that can be read now."""
    try:
        with (root / MARK_NAME).open("rb") as handle:
            mark = json.loads(handle.read(_MOST_BYTES))
    except (OSError, ValueError):
        return None
    found = mark.get("id") if isinstance(mark, dict) else None
    return found if isinstance(found, str) and found else None


@dataclass(slots=True)
class FolderGuard:
    """Remembers which folder a service works on. Safe to use from several threads."""

    root: Path
    _id: str | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    @property
    def knows(self) -> bool:
        """Whether the folder had a mark when it was last looked at; without one nothing can be noticed."""
        return self._id is not None

    def begin(self, clock: Clock) -> None:
        """Mark the folder if it is new, and remember it. For the service that makes it. Raises StorageError."""
        self._remember(mark_folder(self.root, clock))

    def require(self) -> None:
        """Raises FolderAwayError unless this is the folder of before. The first mark that is seen is remembered."""
        found = read_mark(self.root)
        if self._id is None:
            self._remember(found)
        elif found is None:
            raise FolderAwayError(self.root, f"its {MARK_NAME} is not there")
        elif found != self._id:
            raise FolderAwayError(self.root, f"its {MARK_NAME} is that of another folder")

    def _remember(self, found: str | None) -> None:
        with self._lock:
            if self._id is None:
                self._id = found
