"""The file `gallery.db`: opened with suspicion, changed by one process at a time, read by any number."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from shared_utils.clock import Clock
from shared_utils.durable import make_folder
from shared_utils.embedding_models import pack_of
from shared_utils.gallery.errors import GalleryDamagedError, GalleryUnavailableError
from shared_utils.gallery.filesystems import MOUNTS, require_local
from shared_utils.gallery.migrations import migrate

FILE_NAME = "gallery.db"
LOCK_SECONDS = 60.0  # a change takes milliseconds, and the snapshot of 100,000 embeddings seconds
_APPLICATION = 0x5665474C  # "VeGL", in the head of the file
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class GalleryDatabase:
    """One connection, for one thread.

    Changes wait for each other at a file lock, not in SQLite: who waits there is woken in time, and a database that is
    being opened, closed or migrated by another process counts as a change, too.
    """

    def __init__(self, folder: Path, clock: Clock, mounts: Path = MOUNTS) -> None:
        self.path = folder / FILE_NAME
        self.clock = clock
        self._mounts = mounts
        self._lock = FileLock(folder / f"{FILE_NAME}.lock", timeout=LOCK_SECONDS)
        self._telling = FileLock(folder / f"{FILE_NAME}.past.lock", timeout=LOCK_SECONDS)
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> "GalleryDatabase":
        """Opens the file, and makes it if there is none.

        Raises NetworkFilesystemError, NewerGalleryError, GalleryDamagedError or GalleryUnavailableError.
        """
        require_local(self.path.parent, self._mounts)
        with self._errors():
            make_folder(self.path.parent)
            with self._lock:
                self._connection = self._connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """May be called twice. Who closes last brings the write-ahead log into the database."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with self._errors(), self._lock:
                connection.close()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the gallery or writes its snapshot while the block runs. May be nested."""
        with self._errors(), self._lock:
            yield

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Nobody else changes past log lines and sidecars while the block runs; the gallery itself stays free."""
        with self._errors(), self._telling:
            yield

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on disk afterwards, or, if the block raises or the process dies, nothing."""
        with self.locked():
            connection = self._open_connection
            connection.execute("begin immediate")
            try:
                yield connection
                connection.execute("commit")
            except BaseException:
                connection.rollback()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The gallery as it is at one moment, whatever is changed meanwhile."""
        with self._errors():
            connection = self._open_connection
            connection.execute("begin")
            try:
                yield connection
            finally:
                connection.rollback()

    @property
    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ValueError(f"the gallery {self.path} is not open: use it in a with statement")
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        log = self.path.with_name(self.path.name + "-wal")
        was_left_open = log.exists() and log.stat().st_size > 0
        self.path.touch(mode=0o600)  # faces, names and notes of consent; SQLite gives its log the same mode
        connection = sqlite3.connect(self.path, timeout=LOCK_SECONDS, isolation_level=None)
        try:
            connection.create_function("pack_of", 1, pack_of, deterministic=True)  # for conditions on `model`
            self._prepare(connection, check=was_left_open)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, *, check: bool) -> None:
        application = _value(connection, "pragma application_id")
        if application == 0 and _value(connection, "select count(*) from sqlite_master") == 0:
            connection.execute(f"pragma application_id = {_APPLICATION}")
        elif application != _APPLICATION:
            raise GalleryDamagedError(self.path, "it is a database of another program")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")  # what was enrolled survives a power cut
        connection.execute("pragma foreign_keys = on")
        connection.execute("pragma secure_delete = on")  # who is removed is not left in free pages
        if check:
            found = _value(connection, "pragma quick_check(1)")
            if found != "ok":
                raise GalleryDamagedError(self.path, found)
        migrate(connection, self.path, self.clock.now())

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What SQLite, the lock and the disk say becomes our errors; a broken constraint is a fault of ours."""
        try:
            yield
        except Timeout as error:
            reason = f"another process has been at work on it for {LOCK_SECONDS:.0f} s"
            raise GalleryUnavailableError(self.path, reason) from error
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                raise GalleryDamagedError(self.path, error) from error
            raise GalleryUnavailableError(self.path, error) from error
        except OSError as error:
            raise GalleryUnavailableError(self.path, error) from error


def _value(connection: sqlite3.Connection, question: str) -> Any:
    return connection.execute(question).fetchone()[0]
