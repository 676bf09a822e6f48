"""Prometheus metrics and health of a service over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared_utils.config.schema import MetricsConfig


@contextmanager
def serve_telemetry(config: MetricsConfig) -> Iterator[None]:
    """Serve `/metrics` and `/health` while the block runs; nothing if the port is 0."""
    if config.port:
        raise NotImplementedError
    yield
