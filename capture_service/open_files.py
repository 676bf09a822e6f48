"""The segments being written now: put on disk so often that a power cut costs little more than a crash."""

import logging
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

from capture_service.part_file import PartFile
from shared_utils.clock import Clock
from shared_utils.durable import sync_file, sync_folder

log = logging.getLogger(__name__)

SYNC_SECONDS = 0.35  # as often as a fragment is complete


def pause_after(took_seconds: float) -> float:
    """How long to leave the disk alone after putting everything on it took so long: half of its time at least."""
    return max(SYNC_SECONDS, took_seconds)


@dataclass(frozen=True, slots=True)
class _Open:
    file: PartFile
    draft: Path


class OpenFiles:
    """A registry of files in the making, and the one thread that synchronises them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, _Open] = {}
        self._lock = Lock()
        self._new: set[str] = set()
        self._failing: set[str] = set()
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Does not wait long: a hanging disk must not keep the service from stopping."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)

    def add(self, segment: str, file: PartFile, draft: Path) -> None:
        with self._lock:
            self._files[segment] = _Open(file, draft)
            self._new.add(segment)

    def remove(self, segment: str) -> None:
        with self._lock:
            self._files.pop(segment, None)
            self._failing.discard(segment)

    def segments(self) -> frozenset[str]:
        """What retention must leave alone."""
        with self._lock:
            return frozenset(self._files)

    def sync(self) -> None:
        """Put everything written so far on disk, and the names of what is new."""
        with self._lock:
            files, new = dict(self._files), set(self._new)
            self._new.clear()
        for segment, open_file in files.items():
            try:
                open_file.file.sync()
                if segment in new:
                    sync_file(open_file.draft)
                    sync_folder(open_file.draft.parent)
            except FileNotFoundError:
                continue  # finished meanwhile, and with it its draft is gone
            except OSError as error:
                self._report(segment, error)
                if segment in new:
                    with self._lock:
                        self._new.add(segment)  # its name is not on disk yet

    def _report(self, segment: str, error: OSError) -> None:
        if segment not in self._failing:
            self._failing.add(segment)
            log.warning("segment %s cannot be put on disk: %s; a power cut would cost it", segment, error)

    def _run(self) -> None:
        pause_seconds = SYNC_SECONDS
        while not self._stop.wait(pause_seconds):
            began = self._clock.monotonic()
            try:
                self.sync()
            except Exception:
                log.exception("the open segments could not be put on disk")
            pause_seconds = pause_after(self._clock.monotonic() - began)
