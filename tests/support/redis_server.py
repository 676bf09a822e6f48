"""A real redis-server for tests, with the ways in which one fails."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from vedette.embedded_redis import EmbeddedRedis, RedisServerMissingError, find_redis_server


class RedisServer(EmbeddedRedis):
    """A server that a test may kill and bring back on the same port with the same data."""

    def kill(self) -> None:
        """SIGKILL, as a power cut would: nothing is flushed, nobody is told."""
        process = self.process
        assert process is not None, "the server must run to be killed"
        process.kill()
        process.wait(20)

    def freeze(self) -> None:
        """It neither answers nor refuses, until `thaw`: a host that swaps, or a disk that hangs."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    @contextmanager
    def killed(self) -> Iterator[None]:
        self.kill()
        yield
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    @contextmanager
    def full(self) -> Iterator[None]:
        """It reads and refuses to write."""
        with Redis.from_url(self.url) as client:
            client.config_set("maxmemory", "1")
            try:
                yield
            finally:
                client.config_set("maxmemory", "0")

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """The replica of a server that is not there."""
        with Redis.from_url(self.url) as client:
            client.replicaof("127.0.0.1", "1")
            try:
                yield
            finally:
                client.replicaof("NO", "ONE")

    def _send(self, number: signal.Signals) -> None:
        process = self.process
        assert process is not None, "the server must run to be sent a signal"
        process.send_signal(number)


def require_redis_server(folder: Path) -> None:
    """Skip at home where there is no redis-server; fail in CI, where a skipped test would hide a broken image."""
    try:
        find_redis_server(folder)
    except RedisServerMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
