"""What every test may ask for: a real Redis, and the folders with models and media where they are present."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from redis import Redis

from tests.support.redis_server import RedisServer, require_redis_server

# A busy machine must not fail a test for being slow. The rest stays as Hypothesis has it (in CI: not random).
settings.register_profile("without-deadline", settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("without-deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take minutes of waiting: the others run beside them."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A service that is started inside a test sets logging up on a stream that is closed after it."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis for this test process. Its data is shared by the tests: use `fresh_redis_url` to find it empty."""
    folder = tmp_path_factory.mktemp("redis")
    require_redis_server(folder)
    server = RedisServer(folder)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def fresh_redis_url(redis_url: str) -> str:
    """The same Redis, emptied."""
    with Redis.from_url(redis_url) as client:
        client.flushdb()
    return redis_url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis that this test alone uses, and may kill."""
    require_redis_server(tmp_path)
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Where weights lie that are not part of the repository."""
    return _folder_from_environment("MODELS_DIR", "weights")


@pytest.fixture(scope="session")
def media_dir() -> Path:
    """Where recordings of people lie that are not part of the repository."""
    return _folder_from_environment("MEDIA_DIR", "recordings")


def _folder_from_environment(variable: str, contents: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: set it to a folder with {contents} to run this test")
    folder = Path(value)
    if not folder.is_dir():
        message = f"{variable} names {value!r}, which is no folder"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder.resolve()
