"""Real processes: killed, hanging, noisy, and left alone by a supervisor that was killed itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from textwrap import dedent

import psutil
import pytest

from shared_utils.clock import SystemClock
from shared_utils.secrets import MaskingFilter
from vedette.supervisor import Supervisor
from vedette.supervisor_child import LineSink, Service, start_process
from vedette.supervisor_keeper import RestartSettings
from vedette.supervisor_output import ServiceOutput

QUICK = RestartSettings(first_pause_seconds=0.01, longest_pause_seconds=0.05)
PATIENCE_SECONDS = 30.0
FOR_EVER = "import os, signal; print(os.getpid(), flush=True); signal.pause()"


class Lines:
    """What the services printed, to be waited for."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[str] = SimpleQueue()

    def take(self, _service: str, line: str) -> str:
        self._queue.put(line)
        return line

    def next(self) -> str:
        return self._queue.get(timeout=PATIENCE_SECONDS)

    def rest(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._queue.get_nowait())
            except Empty:
                return found


def program(code: str, name: str = "stand-in", stop_grace_seconds: float = 20.0) -> Service:
    """A service that runs the Python code."""
    command = [sys.executable, "-c", dedent(code)]

    def start(sink: LineSink) -> object:
        return start_process(command, sink, os.environ)

    return Service(name, start, stop_grace_seconds)  # type: ignore[arg-type]  # a ProcessChild is a Child


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def supervise(lines: Lines) -> Iterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def make(*services: Service) -> Supervisor:
        made.append(Supervisor(services, lines.take, SystemClock(), QUICK))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.hurry()
        supervisor.stop()


def test_a_killed_process_comes_back(supervise: Callable[..., Supervisor], lines: Lines) -> None:
    """The kernel kills the largest process when memory is short: usually a worker."""
    supervise(program(FOR_EVER)).start()
    first = int(lines.next())

    os.kill(first, signal.SIGKILL)

    assert int(lines.next()) != first


def test_processes_end_by_sigterm_in_the_order_of_stopping(supervise: Callable[..., Supervisor], lines: Lines) -> None:
    """Each has ended before the next one is asked to: a worker can still settle its task in Redis."""
    code = """
        import signal, sys, time
        def end(*_):
            time.sleep(0.2)
            print("{name} ended", flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        signal.pause()
    """
    supervisor = supervise(*(program(code.format(name=name), name) for name in ("redis", "worker", "capture")))
    supervisor.start()
    up = [lines.next() for _ in range(3)]

    supervisor.stop()

    assert up == ["up", "up", "up"]
    assert lines.rest() == ["capture ended", "worker ended", "redis ended"]


def test_a_hanging_process_and_its_own_children_are_killed(supervise: Callable[..., Supervisor], lines: Lines) -> None:
    """What a service started must not survive it, holding a camera or the GPU."""
    code = f"""
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, "-c", {FOR_EVER!r}])
        signal.pause()
    """
    supervisor = supervise(program(code, stop_grace_seconds=0.2))
    supervisor.start()
    grandchild = psutil.Process(int(lines.next()))

    supervisor.stop()

    grandchild.wait(PATIENCE_SECONDS)


def test_a_grandchild_that_holds_the_output_open_does_not_hide_the_end_of_its_parent(
    supervise: Callable[..., Supervisor], lines: Lines
) -> None:
    """Waiting for the end of the output instead of the end of the process would wait for ever."""
    code = f"""
        import subprocess, sys
        subprocess.Popen([sys.executable, "-c", {FOR_EVER!r}])
    """
    supervise(program(code)).start()

    first, second = int(lines.next()), int(lines.next())

    assert first != second
    for orphan in (first, second):
        os.kill(orphan, signal.SIGKILL)


def test_children_end_when_their_supervisor_is_killed() -> None:
    """Otherwise the next start would find cameras, ports and the video folder in use."""
    code = """
        import os, sys
        from shared_utils.clock import SystemClock
        from tests.integration.test_supervisor_processes import FOR_EVER, program
        from vedette.supervisor import Supervisor
        def show(_name, line):
            print(line, flush=True)
            return line
        supervisor = Supervisor([program(FOR_EVER, "one"), program(FOR_EVER, "two")], show, SystemClock())
        supervisor.start()
        __import__("signal").pause()
    """
    with subprocess.Popen([sys.executable, "-c", dedent(code)], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        children = [psutil.Process(int(supervisor.stdout.readline())) for _ in range(2)]

        supervisor.kill()

        _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
        assert alive == []


def test_services_are_out_of_reach_of_the_terminals_ctrl_c(supervise: Callable[..., Supervisor], lines: Lines) -> None:
    """The terminal signals its whole process group; capture and Redis would end at the same time."""
    supervise(program(FOR_EVER)).start()

    pid = int(lines.next())

    assert os.getpgid(pid) == pid
    assert os.getsid(pid) == pid


def test_lines_are_masked_in_the_log_file_and_for_whoever_shows_them(tmp_path: Path) -> None:
    """FFmpeg and other libraries print addresses as they were given, passwords included."""
    output = ServiceOutput(tmp_path, MaskingFilter(["hunter2!"]).mask, console=None)
    output.open()
    code = "print('opening rtsp://admin:hunter2!@10.0.0.5/live'); print('token=hunter2!')"
    capture = replace(program(code, "capture"), ready_line=lambda line: "token" in line)
    supervisor = Supervisor([capture], output.line, SystemClock(), QUICK)

    supervisor.start()

    supervisor.stop()
    output.close()
    assert (tmp_path / "capture.log").read_text().splitlines()[:2] == [
        "opening rtsp://admin:***@10.0.0.5/live",
        "token=***",
    ]


def test_a_child_without_line_ends_does_not_fill_the_memory(supervise: Callable[..., Supervisor], lines: Lines) -> None:
    """A progress bar, or binary data printed by mistake."""
    supervise(program("import signal; print('x' * 40_000, flush=True); signal.pause()")).start()

    parts = [lines.next() for _ in range(3)]

    assert [len(part) for part in parts] == [16_384, 16_384, 40_000 - 2 * 16_384]
