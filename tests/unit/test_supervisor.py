"""The rules of starting, restarting and stopping, with children that a test can end as it likes."""

from collections.abc import Callable, Iterator
from itertools import count
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import pytest

from shared_utils.clock import SystemClock
from shared_utils.errors import StorageError
from vedette.supervisor import ServiceNotReadyError, ServiceRefusedError, Supervisor
from vedette.supervisor_child import LineSink, Service
from vedette.supervisor_keeper import RestartSettings, ending

QUICK = RestartSettings(first_pause_seconds=0.01, longest_pause_seconds=0.05)
PATIENCE_SECONDS = 20.0


class FakeChild:
    """A process that ends when it is told to."""

    def __init__(self, pid: int, sink: LineSink, program: "FakeProgram") -> None:
        self.pid, self.say, self.killed = pid, sink, False
        self._program = program
        self._codes: SimpleQueue[int] = SimpleQueue()

    def end(self, code: int) -> None:
        self._codes.put(code)

    def wait(self) -> int:
        code = self._codes.get(timeout=PATIENCE_SECONDS)
        self._program.events.append(f"end {self._program.service.name}")
        return code

    def terminate(self) -> None:
        if self._program.heeds_sigterm:
            self.end(0)

    def kill(self) -> None:
        self.killed = True
        self.end(-9)


class FakeProgram:
    """Makes children, and notes when they start and end."""

    def __init__(self, name: str, events: list[str], *, heeds_sigterm: bool = True, **service: Any) -> None:
        self.events, self.heeds_sigterm = events, heeds_sigterm
        self.service = Service(name=name, start=self._start, **service)
        self._pids, self._started = count(1), SimpleQueue[FakeChild]()

    def next_child(self) -> FakeChild:
        return self._started.get(timeout=PATIENCE_SECONDS)

    def _start(self, sink: LineSink) -> FakeChild:
        self.events.append(f"start {self.service.name}")
        child = FakeChild(next(self._pids), sink, self)
        self._started.put(child)
        return child


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervisor]]:
    """Makes supervisors that are stopped after the test."""
    made: list[Supervisor] = []

    def make(*programs: FakeProgram, on_refusal: Callable[[], None] = lambda: None) -> Supervisor:
        services = [program.service for program in programs]
        made.append(Supervisor(services, lambda _name, line: line, SystemClock(), QUICK, on_refusal))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.hurry()
        supervisor.stop()


def test_services_start_in_order_and_stop_the_other_way_round(
    events: list[str], supervise: Callable[..., Supervisor]
) -> None:
    """Capture comes last and goes first: its last segments still find a worker and a Redis."""
    supervisor = supervise(*(FakeProgram(name, events) for name in ("redis", "worker", "capture")))

    supervisor.start()
    supervisor.stop()

    assert events == ["start redis", "start worker", "start capture", "end capture", "end worker", "end redis"]


def test_a_service_that_ends_is_started_again(events: list[str], supervise: Callable[..., Supervisor]) -> None:
    """A crash at night must not cost the footage of the rest of it."""
    program = FakeProgram("capture", events)
    supervisor = supervise(program)
    supervisor.start()

    program.next_child().end(-9)
    program.next_child().end(1)
    third = program.next_child()

    assert third.pid == 3


def test_the_end_of_a_service_is_kept_to_be_shown(events: list[str], supervise: Callable[..., Supervisor]) -> None:
    """`vedette status` says why a service was started again."""
    program = FakeProgram("capture", events)
    supervisor = supervise(program)
    supervisor.start()

    program.next_child().end(-11)
    program.next_child()

    assert supervisor.states()[0].last_end == "was killed by SIGSEGV"


def test_a_service_that_refuses_its_configuration_is_not_started_again(
    events: list[str], supervise: Callable[..., Supervisor]
) -> None:
    """Starting it for ever with the same mistake would hide the mistake."""
    refused = Event()
    program = FakeProgram("capture", events)
    supervisor = supervise(program, on_refusal=refused.set)
    supervisor.start()
    child = program.next_child()

    child.say("vedette.yml:3: cameras.front.url: must be an address")
    child.end(2)

    assert refused.wait(PATIENCE_SECONDS)
    assert events == ["start capture", "end capture"]
    assert isinstance(supervisor.refusal, ServiceRefusedError)
    assert "cameras.front.url: must be an address" in str(supervisor.refusal)


def test_a_service_that_ends_with_2_after_it_was_stopped_has_not_refused(
    events: list[str], supervise: Callable[..., Supervisor]
) -> None:
    """What happens while stopping is no reason to fail the run."""
    program = FakeProgram("worker", events, heeds_sigterm=False)
    supervisor = supervise(program)
    supervisor.start()
    child = program.next_child()
    stopping = Thread(target=supervisor.stop)

    stopping.start()
    child.end(2)
    stopping.join(PATIENCE_SECONDS)

    assert supervisor.refusal is None


def test_the_next_service_waits_until_the_one_before_is_ready(
    events: list[str], supervise: Callable[..., Supervisor]
) -> None:
    """A capture service that starts before its camera costs a pause of its back-off."""
    emulator = FakeProgram("emulator", events, ready_line=lambda line: line == "ready")
    supervisor = supervise(emulator, FakeProgram("capture", events))
    starting = Thread(target=supervisor.start)

    starting.start()
    child = emulator.next_child()
    child.say("not yet")
    before = list(events)
    child.say("ready")
    starting.join(PATIENCE_SECONDS)

    assert before == ["start emulator"]
    assert events == ["start emulator", "start capture"]


def test_a_service_that_does_not_get_ready_is_named_with_what_it_said(
    events: list[str], supervise: Callable[..., Supervisor]
) -> None:
    """The reason stands in its output, which the live screen hides."""
    program = FakeProgram("emulator", events, ready_line=lambda _line: False, ready_seconds=0.2)
    supervisor = supervise(program)
    starting = Thread(target=lambda: program.next_child().say("the port is taken"))
    starting.start()

    with pytest.raises(ServiceNotReadyError, match=r"emulator was not ready.*\n.*the port is taken"):
        supervisor.start()
    starting.join()


def test_a_service_that_cannot_even_start_fails_the_start() -> None:
    """Without redis-server there is nothing to wait for: the user must read why, once."""

    def start(_sink: LineSink) -> FakeChild:
        raise StorageError("no room for the log")

    supervisor = Supervisor([Service("redis", start)], lambda _name, line: line, SystemClock(), QUICK)

    with pytest.raises(StorageError, match="no room for the log"):
        supervisor.start()

    supervisor.stop()
    assert [state.state for state in supervisor.states()] == ["ended"]


def test_a_service_that_ignores_sigterm_is_killed_after_its_grace(
    events: list[str], supervise: Callable[..., Supervisor]
) -> None:
    """A hanging driver must not keep the machine from shutting down."""
    program = FakeProgram("worker", events, heeds_sigterm=False, stop_grace_seconds=0.1)
    supervisor = supervise(program)
    supervisor.start()
    child = program.next_child()

    supervisor.stop()

    assert child.killed


def test_nothing_starts_after_an_interrupted_start(events: list[str], supervise: Callable[..., Supervisor]) -> None:
    """Ctrl-C while things are starting is obeyed."""
    supervisor = supervise(FakeProgram("redis", events), FakeProgram("capture", events))

    supervisor.start(interrupted=lambda: "start redis" in events)
    supervisor.stop()

    assert events == ["start redis", "end redis"]


def test_stopping_twice_is_stopping_once(events: list[str], supervise: Callable[..., Supervisor]) -> None:
    """Clean-up code may run after an orderly stop."""
    supervisor = supervise(FakeProgram("redis", events))
    supervisor.start()

    supervisor.stop()
    supervisor.stop()

    assert events == ["start redis", "end redis"]


def test_a_stop_does_not_wait_for_the_pause_before_a_restart(
    events: list[str], supervise: Callable[..., Supervisor]
) -> None:
    """The pause grows to half a minute."""
    program = FakeProgram("capture", events)
    settings = RestartSettings(first_pause_seconds=3600)
    supervisor = Supervisor([program.service], lambda _name, line: line, SystemClock(), settings)
    supervisor.start()
    program.next_child().end(1)

    supervisor.stop()

    assert events == ["start capture", "end capture"]


def test_a_healthy_run_resets_the_pause_before_a_restart(events: list[str]) -> None:
    """One crash a day is always followed by a quick restart; without the reset the last pause here takes minutes."""
    program = FakeProgram("capture", events)
    settings = RestartSettings(first_pause_seconds=0.02, longest_pause_seconds=3600, healthy_after_seconds=0)
    supervisor = Supervisor([program.service], lambda _name, line: line, SystemClock(), settings)
    supervisor.start()

    for _ in range(15):
        program.next_child().end(1)

    program.next_child()
    supervisor.stop()


@pytest.mark.parametrize(
    ("code", "text"),
    [(1, "ended with exit code 1"), (-9, "was killed by SIGKILL"), (-15, "was killed by SIGTERM")],
)
def test_an_end_is_told_in_words(code: int, text: str) -> None:
    """A negative number means nothing to most people."""
    assert ending(code) == text
