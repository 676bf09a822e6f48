"""What a worker tells people about itself, kept fresh while a long segment is in work."""

from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from typing import Any

REFRESH_SECONDS = 4.0  # well below the age at which a status counts as that of a dead service


class WorkerStatus:
    """Writes the status on every change, and every few seconds so that it does not go stale."""

    def __init__(
        self,
        model: str,
        write: Callable[[dict[str, Any]], None],
        remove: Callable[[], None],
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._write, self._remove, self._refresh_seconds = write, remove, refresh_seconds
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None
        self._state: dict[str, Any] = {
            "model": model,
            "state": "waiting",
            "segment_id": None,
            "done": 0,
            "failed": 0,
            "last": None,
        }

    def start(self) -> None:
        self._stop.clear()
        self._thread = Thread(target=self._refresh, name="worker-status", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Wait for the writer and take the file away; a second call does nothing more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._remove()

    def working_on(self, segment_id: str) -> None:
        self._change(state="working", segment_id=segment_id)

    def waiting(self) -> None:
        self._change(state="waiting", segment_id=None)

    def waiting_for(self, what: str) -> None:
        """No task is taken before `what` is there."""
        self._change(state=f"waiting for {what}", segment_id=None)

    def finished(self, segment_id: str, detected: Sequence[str], seconds: float, *, ok: bool) -> None:
        """A segment got its line."""
        counter = "done" if ok else "failed"
        last = {"segment_id": segment_id, "detected": list(detected), "seconds": round(seconds, 3)}
        with self._lock:
            self._state = self._state | {counter: self._state[counter] + 1, "last": last}
            self._write(self._state)

    def _change(self, **changes: str | None) -> None:
        with self._lock:
            self._state = self._state | changes
            self._write(self._state)

    def _refresh(self) -> None:
        while True:
            with self._lock:
                self._write(self._state)
            if self._stop.wait(self._refresh_seconds):
                return
