"""What a service tells the outside about itself."""

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry, Counter

from shared_utils import health as health_check
from shared_utils.config import MetricsConfig
from shared_utils.errors import ConfigError
from shared_utils.telemetry import Health, serve_telemetry
from vedette.loopback import free_port


@contextmanager
def a_service(health: Health, registry: CollectorRegistry | None = None) -> Iterator[int]:
    """A service that tells about itself; its port."""
    port = free_port()
    with serve_telemetry(MetricsConfig(port=port), health, registry or CollectorRegistry()):
        yield port


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


def test_metrics_are_served_in_prometheus_text() -> None:
    """Prometheus, and whoever has curl, reads them there."""
    registry = CollectorRegistry()
    Counter("vedette_tests_total", "Tests.", registry=registry).inc(3)

    with a_service(Health(), registry) as port:
        status, text = get(port, "/metrics")

    assert status == 200
    assert "vedette_tests_total 3.0" in text


def test_a_service_that_is_well_says_so() -> None:
    """The answer is fixed: healthchecks of others compare it."""
    health = Health()
    health.report("redis", ok=True)

    with a_service(health) as port:
        status, text = get(port, "/health")

    assert (status, json.loads(text)) == (200, {"ok": True})


def test_a_service_that_is_not_well_says_why_without_secrets() -> None:
    """The reasons are shown by `docker inspect` and land in bug reports."""
    health = Health()
    health.report("redis", ok=False, detail="redis://:s3cret@redis:6379/0 does not answer")
    health.report("model", ok=False)
    with a_service(health) as port:
        status, text = get(port, "/health")
        health.report("redis", ok=True)
        health.report("model", ok=True)
        mended, _ = get(port, "/health")

    assert (status, mended) == (503, 200)
    assert json.loads(text) == {
        "ok": False,
        "reasons": {"redis": "redis://:***@redis:6379/0 does not answer", "model": "not well"},
    }


def test_other_paths_are_refused() -> None:
    """There is nothing else to find here."""
    with a_service(Health()) as port:
        status, _ = get(port, "/")

    assert status == 404


def test_a_client_that_says_nothing_does_not_block_the_others() -> None:
    """A hanging scraper would otherwise make the service look dead."""
    with a_service(Health()) as port, socket.create_connection(("127.0.0.1", port)):
        status, _ = get(port, "/health")

    assert status == 200


def test_the_port_is_free_again_afterwards() -> None:
    """A service that is restarted in one process, as tests do, must find it."""
    port = free_port()
    for _ in range(2):
        with serve_telemetry(MetricsConfig(port=port), Health(), CollectorRegistry()):
            assert get(port, "/health")[0] == 200


def test_a_port_in_use_is_named() -> None:
    """Several services on one machine need different ports; the message says which key to change."""
    with a_service(Health()) as port:
        second = serve_telemetry(MetricsConfig(port=port))

        with pytest.raises(ConfigError, match=rf"metrics\.port: cannot listen on 127\.0\.0\.1:{port}: Address already"):
            second.__enter__()


def test_port_zero_is_off() -> None:
    """The default: one machine runs several services, and nobody asked for ports."""
    before = threading.active_count()

    with serve_telemetry(MetricsConfig(port=0)):
        during = threading.active_count()

    assert during == before


def test_the_healthcheck_ends_with_zero_only_if_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    """Docker looks at the exit code, people at the text."""
    health = Health()
    with a_service(health) as port:
        well = health_check.main(["--port", str(port)])
        health.report("redis", ok=False, detail="away")
        ill = health_check.main(["--port", str(port)])
    gone = health_check.main(["--port", str(port)])

    assert (well, ill, gone) == (0, 1, 1)
    first, second, third = capsys.readouterr().out.splitlines()
    assert (first, second) == ("ok", "redis: away")
    assert third.startswith(f"nothing answers at 127.0.0.1:{port}: Connection refused")


def test_the_healthcheck_knows_a_stranger() -> None:
    """Whatever holds the port, it is not the service."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "shared_utils.health", "--port", str(stranger.getsockname()[1])],
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            client, _ = stranger.accept()
            client.recv(1000)
            client.sendall(b"SSH-2.0-OpenSSH\r\n")
            client.close()
            told = process.communicate(timeout=60)[0]

    assert process.returncode == 1
    assert "is no service of Vedette" in told
