"""The file that FFmpeg writes a segment into: it can be put on disk while it grows, and let go without a trailer."""

import os
from pathlib import Path
from threading import Lock


class PartFile:
    """A new file, written by one thread and synchronised by another. PyAV calls `write`, `seek` and `tell`.

    After a write has failed every further one fails too: closing the MP4 must not overwrite the header of a file
    whose index could not be written, because its fragments are still good.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        self._lock = Lock()
        self._failure: OSError | None = None
        self.closed = False  # PyAV writes no trailer into a closed file

    def write(self, data: bytes) -> int:
        """Write all of `data`, or raise."""
        if self._failure is not None:
            raise self._failure
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError as error:
            self._failure = error
            raise
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._handle, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._handle, 0, os.SEEK_CUR)

    def sync(self) -> None:
        """Put on disk what has been written so far; nothing once the file is closed. Raises OSError."""
        with self._lock:  # a closed handle's number may already belong to another file
            if not self.closed:
                os.fdatasync(self._handle)

    def close(self) -> None:
        with self._lock:
            if not self.closed:
                self.closed = True
                os.close(self._handle)
