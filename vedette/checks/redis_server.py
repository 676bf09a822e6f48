"""Whether Redis answers, lets us in, and keeps what it is given."""

from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.retry import Retry

from shared_utils.secrets import without_password
from vedette.checks.finding import Finding, ok, problem, warning

SUBJECT = "redis"
OLDEST_VERSION = (6, 2)  # BLMOVE
TIMEOUT_SECONDS = 3.0


def check_redis(url: str, *, brings_its_own: bool) -> list[Finding]:
    """`brings_its_own`: no Redis is configured, so that `vedette run` starts one and none need answer now."""
    client = Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        info: dict[str, Any] = client.info("server")
        return [_version(url, info), *_settings(client)]
    except RedisError as error:
        return [_unusable(url, error, brings_its_own)]
    finally:
        client.close()


def _unusable(url: str, error: RedisError, brings_its_own: bool) -> Finding:
    place = without_password(url)
    said = str(error).lower()
    if isinstance(error, AuthenticationError) or "noauth" in said or "wrongpass" in said:
        if "without any password configured" in said:
            return problem(SUBJECT, f"{place} has no password, but one is configured", "Take it out of REDIS_URL.")
        fix = "Write it as REDIS_URL=redis://:PASSWORD@host:6379/0 (compose takes REDIS_PASSWORD from .env)."
        return problem(SUBJECT, f"{place} refuses the password, or asks for one", fix)
    if brings_its_own:
        return ok(SUBJECT, "none is configured: 'vedette run' starts its own")
    host = urlsplit(url).hostname or place
    fix = (
        f"Start it (docker compose up -d redis), check the host {host!r} and the port in REDIS_URL, or unset REDIS_URL."
    )
    return problem(SUBJECT, f"{place} does not answer ({_short(error)})", fix)


def _short(error: RedisError) -> str:
    return without_password(str(error)).rstrip(".") or type(error).__name__


def _version(url: str, info: dict[str, Any]) -> Finding:
    text = str(info.get("redis_version", "0"))
    numbers = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    place = without_password(url)
    if numbers < OLDEST_VERSION:
        return problem(SUBJECT, f"{place} is version {text}", "Use Redis 6.2 or newer: the queues need BLMOVE.")
    return ok(SUBJECT, f"{place} answers, version {text}")


def _settings(client: Redis) -> list[Finding]:
    """Whether tasks can be thrown away under memory pressure or be lost with the server."""
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
        append_only = client.config_get("appendonly").get("appendonly")
    except ResponseError:
        fix = "See to it that maxmemory-policy is noeviction and appendonly is yes."
        return [warning(SUBJECT, "its settings may not be read (CONFIG is forbidden)", fix)]
    found = []
    if policy != "noeviction":
        fix = "Set maxmemory-policy noeviction: otherwise Redis deletes waiting tasks when its memory is full."
        found.append(problem(SUBJECT, f"maxmemory-policy is {policy}", fix))
    if append_only != "yes":
        fix = "Set appendonly yes and appendfsync always: otherwise waiting tasks are lost with the server."
        found.append(warning(SUBJECT, "appendonly is off", fix))
    return found
