"""What each running service says about itself: one small JSON file in `video/status/`, for people to read."""

import json
import logging
import os
import socket
from datetime import datetime
from pathlib import Path
from typing import Any

from shared_utils.clock import Clock, from_iso, to_iso
from shared_utils.durable import replace_quickly
from shared_utils.errors import StorageError
from shared_utils.folder_mark import FolderGuard

log = logging.getLogger(__name__)

STALE_AFTER_SECONDS = 15.0  # a service that has not written for so long is taken for dead


class StatusFile:
    """Where one process tells its state. Writing it may fail (disk full); the service goes on."""

    def __init__(self, folder: Path, service: str, clock: Clock) -> None:
        self._name = f"{service}@{socket.gethostname()}"
        self._path = folder / f"{self._name}-{os.getpid()}.json"
        self._service, self._clock = service, clock
        self._video_folder = FolderGuard(folder.parent)

    def write(self, details: dict[str, Any]) -> None:
        """Replace the file; `details` must be plain JSON and free of secrets."""
        head = {
            "service": self._service,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "updated_at": to_iso(self._clock.now()),
        }
        try:
            self._video_folder.require()  # nothing is put below a disk that was unmounted
            replace_quickly(self._path, json.dumps(head | details).encode())
        except (OSError, StorageError) as error:
            log.debug("status file %s not written: %s", self._path, error)

    def remove(self) -> None:
        """Called on a clean stop; a killed service leaves its file, which goes stale."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.debug("status file %s not removed: %s", self._path, error)


def read_status(folder: Path, now: datetime) -> list[dict[str, Any]]:
    """What the living services said last, by service name. Stale and unreadable files are left out."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            status = json.loads(path.read_bytes())
            age_seconds = (now - from_iso(status["updated_at"])).total_seconds()
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if age_seconds <= STALE_AFTER_SECONDS:
            found.append(status)
    return found
