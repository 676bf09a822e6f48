"""Services as child processes: what the supervisor needs to know of one, and how a real one is started."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Protocol

from vedette.die_with_parent import command_that_dies_with_us
from vedette.embedded_redis import EmbeddedRedis

LineSink = Callable[[str], None]

MAX_LINE_BYTES = 16_384  # a child that never ends its line must not fill our memory
LAST_LINES_SECONDS = 2.0  # how long the last output of an ended child is waited for


class Child(Protocol):
    """A running process of a service."""

    @property
    def pid(self) -> int: ...

    def wait(self) -> int:
        """Block until it has ended; the exit code, negative for a signal. One thread calls this."""

    def terminate(self) -> None:
        """Ask it to end. Nothing happens if it has ended."""

    def kill(self) -> None:
        """End it and what it started, at once. Nothing happens if it has ended."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service of this machine."""

    name: str
    start: Callable[[LineSink], Child]  # called in the thread that then waits for the child
    stop_grace_seconds: float = 20.0  # between SIGTERM and SIGKILL
    ready_line: Callable[[str], bool] | None = None  # the output line that says so; None: ready once started
    ready_seconds: float = 40.0


class ProcessChild:
    """A child process whose output goes to a sink, line by line."""

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes], sink: LineSink) -> None:
        self._process = process
        self._pump = Thread(target=_pump, args=(output, sink), name=f"output of {process.pid}", daemon=True)

    def start_reading(self) -> None:
        self._pump.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        code = self._process.wait()
        # Not for ever: something that the child started may hold the pipe open.
        self._pump.join(LAST_LINES_SECONDS)
        return code

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)


def start_process(
    command: Sequence[str], sink: LineSink, environment: Mapping[str, str], inherited: Sequence[int] = ()
) -> ProcessChild:
    """Start a program that ends when this process does, however that ends.

    It gets a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone, which then stops the
    services in the right order. `inherited` are the file descriptors that it keeps open.
    """
    process = subprocess.Popen(
        command_that_dies_with_us(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        start_new_session=True,
        pass_fds=tuple(inherited),
    )
    assert process.stdout is not None  # noqa: S101  PIPE was asked for
    child = ProcessChild(process, process.stdout, sink)
    child.start_reading()
    return child


def python_service(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    inherited: Sequence[int] = (),
    name: str | None = None,
    stop_grace_seconds: float = 20.0,
    ready_line: Callable[[str], bool] | None = None,
) -> Service:
    """`python -m MODULE ARGUMENTS` as a service."""
    command = [sys.executable, "-m", module, *arguments]
    # Lines must reach us when they are written, not when a buffer is full.
    complete = {**environment, "PYTHONUNBUFFERED": "1"}
    return Service(
        name=name or module,
        start=lambda sink: start_process(command, sink, complete, inherited),
        stop_grace_seconds=stop_grace_seconds,
        ready_line=ready_line,
    )


class RedisChild:
    """The process of an EmbeddedRedis that has started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        return self._process.wait()

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def redis_service(server: EmbeddedRedis, log_path: Path) -> Service:
    """Our own Redis as a service. It is ready when `start` returns, and keeps its port when started again."""

    def start(sink: LineSink) -> Child:
        server.start()
        process = server.process
        assert process is not None  # noqa: S101  it has just been started
        sink(f"redis-server runs as process {process.pid}; its log is {log_path}")
        return RedisChild(process)

    return Service("redis", start)


def _pump(output: IO[bytes], sink: LineSink) -> None:
    with output:
        for line in iter(lambda: output.readline(MAX_LINE_BYTES), b""):
            sink(line.decode(errors="replace").rstrip("\r\n"))
