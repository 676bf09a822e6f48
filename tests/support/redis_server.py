"""A real redis-server for tests, with the ways in which one fails."""

import os
import signal
from pathlib import Path

import pytest

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
