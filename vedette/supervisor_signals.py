"""Ctrl-C and SIGTERM: the first asks for an orderly stop, the next one hurries it."""

import signal
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal was closed


class StopSignals:
    """While entered (in the main thread), signals become calls of `on_stop` and then `on_hurry`, in another thread.

    A handler runs between two instructions of the main thread, which may hold the very lock that setting an Event
    needs; so the handler only puts the signal into a SimpleQueue, which is made for that, and a thread does the rest.
    """

    def __init__(self, on_stop: Callable[[], None], on_hurry: Callable[[], None]) -> None:
        self._on_stop, self._on_hurry = on_stop, on_hurry
        self._received: SimpleQueue[int | None] = SimpleQueue()
        self._previous: dict[signal.Signals, object] = {}
        self._thread = Thread(target=self._act, name="stop signals", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        for number in STOP_SIGNALS:
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # it is what signal.signal returned
        self._received.put(None)
        self._thread.join()

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._received.put(number)

    def _act(self) -> None:
        act = self._on_stop
        while self._received.get() is not None:
            act()
            act = self._on_hurry
