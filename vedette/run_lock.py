"""One `vedette run` per video folder: two would record every camera twice and salvage each other's open segments."""

import fcntl
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from shared_utils.errors import StorageError, VedetteError

log = logging.getLogger(__name__)

LOCK_NAME = ".run.lock"


class AlreadyRunningError(VedetteError):
    """Another run works on this video folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"Vedette already runs on the video folder {folder} ({holder or 'its services are still ending'}). "
            "Stop that one first, or name another folder with --video-dir."
        )


class RunLock:
    """The lock of a video folder, held while entered, and by every child that inherits `fileno`.

    So it outlives a supervisor that was killed until the last service has closed its files. Nothing needs to be
    cleaned up after a crash: the kernel frees the lock with the processes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._handle = folder, -1

    def __enter__(self) -> Self:
        """Make the folder and lock it. Raises StorageError and AlreadyRunningError."""
        path = self._folder / LOCK_NAME
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(
                f"The video folder {self._folder} cannot be written: {error}. Check its owner and rights and that the "
                "disk is mounted for writing, or name another folder with --video-dir."
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._handle, 100, 0).decode(errors="replace").strip()
            os.close(self._handle)
            raise AlreadyRunningError(self._folder, holder) from error
        self._sign(f"process {os.getpid()}\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sign("")
        os.close(self._handle)

    def fileno(self) -> int:
        return self._handle

    def _sign(self, text: str) -> None:
        try:
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, text.encode(), 0)
        except OSError as error:  # a full disk: the lock holds all the same
            log.debug("the run lock could not be signed: %s", error)
