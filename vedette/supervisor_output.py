"""Where the lines of the services go: the console, with a coloured service name, and one log file per service."""

import logging
import re
from collections import deque
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Lock

from rich.console import Console
from rich.text import Text

from shared_utils.errors import StorageError
from shared_utils.process import LOG_FORMAT

OWN_NAME = "vedette"
LOG_FILE_BYTES = 5_000_000
LOG_FILES_KEPT = 3  # older ones of each service, besides the one being written
NAME_WIDTH = 16
TROUBLES_KEPT = 3
# what LOG_FORMAT makes of a warning or worse: date, time, milliseconds, level, logger
_TROUBLE = re.compile(r"\S+ (?P<time>[\d:]+),\d+ (?:WARNING|ERROR|CRITICAL) +\S+: (?P<text>.*)", re.DOTALL)
COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red")


class _LogFile(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name is logging's
        """A full disk must not stop the services, nor may its traceback tear the live screen."""


class ServiceOutput:
    """Takes every line of every service, masks it, and writes it to the console and to `logs/<service>.log`.

    Safe to call from several threads. A console that is gone (closed terminal, ended pager) is no longer written to;
    the files go on.
    """

    def __init__(self, folder: Path, mask: Callable[[str], str], console: Console | None) -> None:
        self._folder, self._mask, self._console = folder, mask, console
        self._files: dict[str, _LogFile] = {}
        self._colours: dict[str, str] = {}
        self._lock = Lock()
        self._troubles: deque[str] = deque(maxlen=TROUBLES_KEPT)

    def open(self) -> None:
        """Make the folder. Raises StorageError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The log folder {self._folder} cannot be made: {error}. Name another one with --log-dir."
            ) from error

    def line(self, service: str, text: str) -> str:
        """Take one line of a service; gives it back masked."""
        masked = self._mask(text)
        with self._lock:
            self._file(service).handle(logging.makeLogRecord({"msg": "%s", "args": (masked,)}))
            if trouble := _TROUBLE.match(masked):
                self._troubles.append(f"{trouble['time']} {service}: {trouble['text']}")
            self._print(service, masked)
        return masked

    def troubles(self) -> tuple[str, ...]:
        """The last warnings and errors of all services, without what only a log file needs, oldest first."""
        with self._lock:
            return tuple(self._troubles)

    def close(self) -> None:
        with self._lock:
            for handler in self._files.values():
                handler.close()
            self._files.clear()

    def _file(self, service: str) -> _LogFile:
        if service not in self._files:
            path = self._folder / f"{service}.log"
            self._files[service] = _LogFile(
                path, maxBytes=LOG_FILE_BYTES, backupCount=LOG_FILES_KEPT, encoding="utf-8", delay=True
            )
        return self._files[service]

    def _print(self, service: str, text: str) -> None:
        if self._console is None:
            return
        colour = self._colours.setdefault(service, COLOURS[len(self._colours) % len(COLOURS)])
        try:
            self._console.print(Text(f"{service:<{NAME_WIDTH}} ", style=colour) + Text(text), soft_wrap=True)
        except (OSError, SystemExit):  # SystemExit is what Rich makes of a broken pipe
            self._console = None


class SupervisorLog(logging.Handler):
    """Sends the supervisor's own log the way of the services' lines."""

    def __init__(self, output: ServiceOutput) -> None:
        super().__init__()
        self._output = output
        self.setFormatter(logging.Formatter(LOG_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            self._output.line(OWN_NAME, line)
