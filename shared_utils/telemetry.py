"""Prometheus metrics and health of a service over HTTP."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Lock, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app

from shared_utils.config.schema import MetricsConfig
from shared_utils.errors import ConfigError
from shared_utils.secrets import without_password

log = logging.getLogger(__name__)

_Environ = dict[str, Any]
_StartResponse = Callable[[str, list[tuple[str, str]]], Any]
_App = Callable[[_Environ, _StartResponse], Iterable[bytes]]


class Health:
    """What keeps a service from doing its work right now. Parts of it report; `/health` tells the sum."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._reasons: dict[str, str] = {}

    def report(self, part: str, *, ok: bool, detail: str = "") -> None:
        """Say how one part is. A part that never reported is taken to be well."""
        with self._lock:
            if ok:
                self._reasons.pop(part, None)
            else:
                self._reasons[part] = without_password(detail) or "not well"

    def reasons(self) -> dict[str, str]:
        """What is wrong, by part; empty if all is well."""
        with self._lock:
            return dict(self._reasons)


HEALTH = Health()  # of this process


@contextmanager
def serve_telemetry(
    config: MetricsConfig, health: Health = HEALTH, registry: CollectorRegistry = REGISTRY
) -> Iterator[None]:
    """Serve `/metrics` and `/health` while the block runs; nothing if the port is 0.

    Raises ConfigError if the address cannot be listened on.
    """
    if not config.port:
        yield
        return
    server = _server(config, _app(health, registry))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="telemetry", daemon=True)
    thread.start()
    log.info("metrics and health at http://%s:%d", config.host, config.port)
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    """A scraper that hangs must not keep the health check waiting."""

    daemon_threads = True

    def server_bind(self) -> None:
        # wsgiref would look up our own name, which takes seconds where DNS does not answer
        super(WSGIServer, self).server_bind()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _QuietHandler(WSGIRequestHandler):
    timeout = 10  # seconds for a client to send its request

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  named so by the base class
        log.debug("telemetry: " + format, *args)  # noqa: G003  the base class hands over its own format


def _server(config: MetricsConfig, app: _App) -> WSGIServer:
    try:
        return make_server(config.host, config.port, app, _Server, _QuietHandler)
    except OSError as error:
        raise ConfigError(
            f"metrics.port: cannot listen on {config.host}:{config.port}: {error.strerror or error}. "
            "Choose another metrics.port (0 turns it off), or stop what uses this one."
        ) from error


def _app(health: Health, registry: CollectorRegistry) -> _App:
    metrics = make_wsgi_app(registry)

    def app(environ: _Environ, start_response: _StartResponse) -> Iterable[bytes]:
        match environ.get("PATH_INFO"):
            case "/metrics":
                page: Iterable[bytes] = metrics(environ, start_response)
                return page
            case "/health":
                reasons = health.reasons()
                answer = {"ok": False, "reasons": reasons} if reasons else {"ok": True}
                return _json(start_response, "503 Service Unavailable" if reasons else "200 OK", answer)
            case _:
                return _json(start_response, "404 Not Found", {"error": "there are /metrics and /health only"})

    return app


def _json(start_response: _StartResponse, status: str, answer: dict[str, Any]) -> Iterable[bytes]:
    body = json.dumps(answer).encode() + b"\n"
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
