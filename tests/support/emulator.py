"""RTSP cameras for tests: the emulator as a process of its own, on ports that the system gives."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from shutil import rmtree
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Self, cast

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 10.0


class EmulatorError(Exception):
    """The emulator did not start, or refused an order."""


class Emulator:
    """Cameras made of clips; use it as a context manager, or call `start` and `stop`.

    After `stop` or `kill`, `start` brings the cameras back on the same ports, as a camera after a power cut.
    """

    def __init__(
        self,
        cameras: Mapping[str, Path | str],
        *,
        user: str | None = None,
        password: str | None = None,
        wait_for_client: bool = False,
        start_seconds: float = 0.0,
        arguments: Sequence[str] = (),
    ) -> None:
        self._cameras, self._user, self._password = cameras, user, password
        self._arguments = [*arguments, "--start-seconds", str(start_seconds)]
        if wait_for_client:
            self._arguments.append("--wait-for-client")
        self.port, self.control_port = 0, 0
        self._process: subprocess.Popen[str] | None = None
        self._said: list[str] = []
        self._readers: list[threading.Thread] = []
        self._work_folder: str | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Return when every camera can be opened. Raises EmulatorError with the process's own words."""
        # Ours, since a process that is killed leaves its own behind.
        self._work_folder = self._work_folder or mkdtemp(prefix="emulator-")
        command = [sys.executable, "-m", "rtsp_emulator", "--port", str(self.port)]
        command += ["--control-port", str(self.control_port), "--work-folder", self._work_folder]
        command += self._arguments
        command += [f"{name}={source}" for name, source in self._cameras.items()]
        # The password goes through the environment, as in production: a process list shows arguments.
        environment = os.environ | {"RTSP_USER": self._user or "", "RTSP_PASSWORD": self._password or ""}
        self._process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        ready = self._wait_until_ready(self._process)
        self.port, self.control_port = ready["rtsp_port"], ready["control_port"]

    def _wait_until_ready(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        lines: Queue[str] = Queue()

        def read_output() -> None:
            for line in cast(Any, process.stdout):
                lines.put(line)
            lines.put("")

        def read_errors() -> None:
            self._said.extend(cast(Any, process.stderr))

        self._readers = [threading.Thread(target=read, daemon=True) for read in (read_output, read_errors)]
        for reader in self._readers:
            reader.start()
        try:
            return cast(dict[str, Any], json.loads(lines.get(timeout=START_SECONDS)))
        except (Empty, ValueError) as error:
            self.stop()
            raise EmulatorError(f"the emulator did not start: {self.log}") from error

    @property
    def log(self) -> str:
        """Everything that the process has written to standard error."""
        return "".join(self._said)

    @property
    def pid(self) -> int:
        """Raises EmulatorError when nothing runs."""
        if self._process is None:
            raise EmulatorError("the emulator does not run")
        return self._process.pid

    def url(self, camera: str, *, credentials: bool = True) -> str:
        """The camera's URL, with user and password if it has them and `credentials` is left on."""
        login = f"{self._user}:{self._password}@" if self._user and credentials else ""
        return f"rtsp://{login}127.0.0.1:{self.port}/{camera}"

    def misbehave(self, camera: str, fault: str, **parameters: Any) -> dict[str, Any]:
        """Let a fault begin (`seconds=3.0` ends it by itself); the camera's status. Raises EmulatorError."""
        return self._ask("POST", f"/cameras/{camera}/faults", {"fault": fault, **parameters})

    def mend(self, camera: str, fault: str | None = None) -> dict[str, Any]:
        """End one fault of a camera, or all."""
        return self._ask("DELETE", f"/cameras/{camera}/faults" + (f"/{fault}" if fault else ""))

    def status(self) -> dict[str, Any]:
        """What `GET /status` says: {"cameras": {name: {"position_seconds", "loop", "viewers", …}}}."""
        return self._ask("GET", "/status")

    def freeze(self) -> None:
        """Stop the process where it stands: connections stay open and nothing moves, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """A power cut."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process and wait for it; may be called twice."""
        self._end(signal.SIGTERM)
        if self._work_folder:
            rmtree(self._work_folder, ignore_errors=True)
        self._work_folder = None

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)  # a frozen process would not hear that it is to end
            process.send_signal(with_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for reader in self._readers:
            reader.join(STOP_SECONDS)
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control_port}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
        )
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:  # noqa: S310
                return cast(dict[str, Any], json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                raise EmulatorError(f"{method} {path}: {error.code} {error.read().decode()}") from error
