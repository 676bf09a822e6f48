"""One process records a camera into a folder: the one that holds the lock on `segments/<camera>/.capture.lock`.

The lock is the kernel's (`flock`), so it goes with its process however that ends, and it works between containers that
share the folder. Whoever holds it knows that every half-written file of the camera is a leftover.
"""

import fcntl
import os

from capture_service.errors import CameraTakenError
from capture_service.names import lock_path
from shared_utils.errors import StorageError
from shared_utils.segments import VideoDir


class CameraLock:
    """The right to write segments of one camera."""

    def __init__(self, video: VideoDir, camera: str) -> None:
        self._path, self._camera = lock_path(video, camera), camera
        self._handle: int | None = None

    def acquire(self) -> None:
        """At once or not at all; again is fine. Raises CameraTakenError and StorageError."""
        if self._handle is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(
                f"{self._path.parent} cannot be written: {error.strerror}. "
                "Give the user that runs Vedette write access to it."
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise CameraTakenError(self._camera, str(self._path)) from error
        except OSError as error:
            os.close(handle)
            raise StorageError(f"{self._path} cannot be locked: {error.strerror}.") from error
        self._handle = handle

    def release(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)
