"""Keeping one service running: start it, wait for its end, pause, start it again."""

import logging
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Literal

from shared_utils.backoff import Backoff
from shared_utils.clock import Clock
from shared_utils.errors import VedetteError
from shared_utils.process import EXIT_FAILED, EXIT_WRONG_USE
from vedette.supervisor_child import Child, Service

log = logging.getLogger(__name__)

KEPT_LINES = 8
OnLine = Callable[[str, str], str]  # service and line in; out the line as it may be shown, without secrets


@dataclass(frozen=True, slots=True)
class RestartSettings:
    """How long to wait before a service that ended is started again."""

    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    healthy_after_seconds: float = 60.0  # one that ran for so long starts again with the first pause


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What a service is doing now."""

    name: str
    state: Literal["starting", "running", "pausing", "ended"]
    pid: int | None  # None while nothing runs
    restarts: int
    last_end: str | None  # how its last process ended, if that was not asked for


class Keeper:
    """Keeps one service running. Everything that changes is guarded by `changed`, which is notified."""

    def __init__(
        self,
        service: Service,
        *,
        on_line: OnLine,
        clock: Clock,
        settings: RestartSettings,
        changed: Condition,
        on_refusal: Callable[[], None],
    ) -> None:
        self.service = service
        self.stopping = self.gone = self.ready = self.refused = False
        self.start_error: VedetteError | OSError | None = None  # of the first start only
        self._on_line, self._clock, self._settings = on_line, clock, settings
        self._changed, self._on_refusal = changed, on_refusal
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._child: Child | None = None
        self._starts = 0
        self._last_end: str | None = None
        # The thread that starts a child must outlive it: the kernel takes this thread for the child's parent.
        self._thread = Thread(target=self._run, name=f"keeper of {service.name}", daemon=True)

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def last_lines(self) -> tuple[str, ...]:
        """What the service printed last."""
        return tuple(self._last_lines)

    @property
    def state(self) -> ServiceState:
        with self._changed:
            child = self._child
            if child is not None:
                now: Literal["starting", "running", "pausing", "ended"] = "running" if self.ready else "starting"
            elif self.gone or not self._thread.is_alive():
                now = "ended"
            else:
                now = "pausing" if self._last_end else "starting"
            pid = child.pid if child is not None else None
            return ServiceState(self.name, now, pid, max(0, self._starts - 1), self._last_end)

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Returns at once; `gone` is set when the service has ended. May be called again."""
        with self._changed:
            self.stopping = True
            self.gone = self.gone or self._thread.ident is None  # it was never started
            self._changed.notify_all()
            if self._child is not None:
                self._child.terminate()

    def kill(self) -> None:
        with self._changed:
            if self._child is not None:
                self._child.kill()

    def join(self) -> None:
        """Wait until the service has ended."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        backoff = Backoff(self._settings.first_pause_seconds, self._settings.longest_pause_seconds)
        try:
            while not self.stopping:
                began = self._clock.monotonic()
                code = self._run_once()
                if self._is_over(code):
                    return
                if self._clock.monotonic() - began >= self._settings.healthy_after_seconds:
                    backoff.reset()
                self._pause(backoff.next_pause(), code)
        except Exception:
            log.exception("the keeper of %s ended by an error nobody expected", self.name)
        finally:
            with self._changed:
                self.gone = True
                self._changed.notify_all()
            if self.refused:
                self._on_refusal()

    def _run_once(self) -> int:
        try:
            child = self.service.start(self._take_line)
        except (VedetteError, OSError) as error:
            return self._start_failed(error)
        with self._changed:
            self._child, self._starts = child, self._starts + 1
            self.ready = self.ready or self.service.ready_line is None
            self._changed.notify_all()
            if self.stopping:  # asked while it was starting
                child.terminate()
        code = child.wait()
        with self._changed:
            self._child = None
        return code

    def _is_over(self, code: int) -> bool:
        """Whether the service stays down: it was asked to end, it refuses to run, or it could not even start."""
        self.refused = code == EXIT_WRONG_USE and not self.stopping
        return self.stopping or self.refused or self.start_error is not None

    def _start_failed(self, error: VedetteError | OSError) -> int:
        log.error("%s cannot be started: %s", self.name, error)
        if not self._starts:
            self.start_error = error
        return EXIT_FAILED

    def _pause(self, seconds: float, code: int) -> None:
        how = ending(code)
        log.warning("%s %s; starting it again in %.0f s", self.name, how, seconds)
        with self._changed:
            self._last_end = how
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.stopping, seconds)

    def _take_line(self, line: str) -> None:
        self._last_lines.append(self._on_line(self.name, line))
        if not self.ready and self.service.ready_line is not None and self.service.ready_line(line):
            with self._changed:
                self.ready = True
                self._changed.notify_all()


def ending(code: int) -> str:
    """`ended with exit code 1`, `was killed by SIGKILL`."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
