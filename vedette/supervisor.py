"""Starting the services of one machine in order, watching them, and stopping them in the opposite order."""

import logging
from collections.abc import Callable, Iterable
from threading import Condition

from shared_utils.clock import Clock
from shared_utils.errors import TemporaryError, WrongUseError
from vedette.supervisor_child import Service
from vedette.supervisor_keeper import Keeper, OnLine, RestartSettings, ServiceState

log = logging.getLogger(__name__)

DEFAULT_RESTARTS = RestartSettings()
HURRIED_GRACE_SECONDS = 5.0  # enough for capture to close its segments


class ServiceRefusedError(WrongUseError):
    """A service says that it was started wrongly; starting it again would give the same."""

    def __init__(self, service: str, last_lines: Iterable[str]) -> None:
        said = "\n".join(f"  {line}" for line in last_lines)
        super().__init__(f"{service} refuses to run (exit code 2), so everything was stopped. It said:\n{said}")


class ServiceNotReadyError(TemporaryError):
    """A service that others need did not get ready."""

    def __init__(self, service: str, seconds: float, last_lines: Iterable[str]) -> None:
        said = "\n".join(f"  {line}" for line in last_lines) or "  (nothing)"
        super().__init__(f"{service} was not ready within {seconds:.0f} s. It said:\n{said}")


class Supervisor:
    """Keeps services running until it is told to stop them.

    `start` gives each service the time to get ready before the next one starts; `stop` goes the other way round.
    A service that ends by itself is started again after a growing pause. One that refuses its configuration (exit
    code 2) is not: `on_refusal` is called, from another thread, and `refusal` says why.
    """

    def __init__(
        self,
        services: Iterable[Service],
        on_line: OnLine,
        clock: Clock,
        settings: RestartSettings = DEFAULT_RESTARTS,
        on_refusal: Callable[[], None] = lambda: None,
    ) -> None:
        self._changed = Condition()
        self._hurried = False
        self._keepers = [
            Keeper(
                service,
                on_line=on_line,
                clock=clock,
                settings=settings,
                changed=self._changed,
                on_refusal=on_refusal,
            )
            for service in services
        ]

    def start(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Start the services one after the other; stops early, without an error, once `interrupted` says so.

        Raises what the first start of a service raised, ServiceRefusedError and ServiceNotReadyError. What has been
        started by then goes on running: call `stop`.
        """
        for keeper in self._keepers:
            if interrupted():
                return
            keeper.start()
            self._wait_until_ready(keeper)

    def stop(self, *names: str) -> None:
        """Stop the named services, or all, the last started first; returns when they have ended."""
        for keeper in reversed(self._keepers):
            if not names or keeper.name in names:
                self._stop(keeper)

    def hurry(self) -> None:
        """Have everything end now: graces become short, for the stop that is under way and for later ones."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    @property
    def refusal(self) -> ServiceRefusedError | None:
        for keeper in self._keepers:
            if keeper.refused:
                return ServiceRefusedError(keeper.name, keeper.last_lines)
        return None

    def states(self) -> tuple[ServiceState, ...]:
        """What each service is doing now, in the order of starting."""
        return tuple(keeper.state for keeper in self._keepers)

    def _wait_until_ready(self, keeper: Keeper) -> None:
        limit_seconds = keeper.service.ready_seconds
        with self._changed:
            self._changed.wait_for(lambda: keeper.ready or keeper.gone or self._hurried, limit_seconds)
        if keeper.start_error is not None:
            raise keeper.start_error
        if self.refusal is not None:
            raise self.refusal
        if not keeper.ready and not self._hurried:
            raise ServiceNotReadyError(keeper.name, limit_seconds, keeper.last_lines)

    def _stop(self, keeper: Keeper) -> None:
        keeper.ask_to_stop()
        with self._changed:
            ended = self._changed.wait_for(lambda: keeper.gone or self._hurried, keeper.service.stop_grace_seconds)
            if self._hurried:
                ended = self._changed.wait_for(lambda: keeper.gone, HURRIED_GRACE_SECONDS)
        if not ended:
            log.warning("%s did not end when asked to: killing it", keeper.name)
            keeper.kill()
        keeper.join()
