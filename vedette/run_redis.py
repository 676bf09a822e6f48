"""Which Redis a run uses, and how `vedette status` and `vedette queue` find the one of a running `vedette run`."""

import json
import logging
import os
import secrets
from pathlib import Path

from shared_utils.config import Config
from shared_utils.errors import StorageError
from vedette.embedded_redis import EmbeddedRedis

log = logging.getLogger(__name__)

ENDPOINT_NAME = "redis.json"
PASSWORD_BYTES = 24


def state_dir(config: Config) -> Path:
    """Where this machine's own databases lie."""
    return config.state_dir or config.video_dir / "state"


def names_a_redis(config: Config) -> bool:
    """Whether the configuration or REDIS_URL says which Redis to use; otherwise a run brings its own."""
    return "redis_url" in config.model_fields_set


def own_redis(config: Config) -> EmbeddedRedis:
    """A Redis below the state folder, with a new password: every local user can reach a loopback port."""
    return EmbeddedRedis(state_dir(config) / "redis", password=secrets.token_urlsafe(PASSWORD_BYTES))


class Endpoint:
    """The address of the Redis of a running `vedette run`, password included, in a file for this user alone."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ENDPOINT_NAME

    def write(self, url: str) -> None:
        """Raises StorageError."""
        part = self._path.with_name(f"{ENDPOINT_NAME}.{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            # The rights are there from the first moment on: a file that is made first and restricted then can be read.
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump({"url": url, "pid": os.getpid()}, file)
            part.replace(self._path)
        except OSError as error:
            raise StorageError(
                f"The state folder {self._path.parent} cannot be written: {error}. "
                "Check its owner and rights, or set state_dir to another folder."
            ) from error

    def read(self) -> str | None:
        """The address; None if there is none or it is another user's."""
        try:
            url = json.loads(self._path.read_bytes())["url"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the file %s, which says where Redis is, cannot be used: %s", self._path, error)
            return None
        return str(url)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


def redis_url_of(config: Config) -> str:
    """The Redis to look at: the configured one, else that of the running `vedette run`, else the default address."""
    configured = config.redis_url.get_secret_value()
    if names_a_redis(config):
        return configured
    return Endpoint(state_dir(config)).read() or configured
