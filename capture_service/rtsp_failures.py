"""What FFmpeg's errors mean when a camera is opened: a reason and an advice in plain words.

The reasons hold no address and no password, and are the same for the same cause, so that they are logged once.
"""

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import av


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a camera cannot be opened, and what to do about it."""

    reason: str
    advice: str
    is_refused_login: bool = False


def explain(error: Exception, camera: str, url: str, waited_seconds: float, limit_seconds: float) -> Failure:
    """`waited_seconds` tells a camera that is silent from one that answers with nonsense: both give the same error."""
    key = f"cameras.{camera}.url"
    return _answered(error, key) or _silent(error, key, url, waited_seconds, limit_seconds)


def _answered(error: Exception, key: str) -> Failure | None:
    if isinstance(error, ConnectionRefusedError):
        return Failure("connection refused", f"Check that the camera is on and that {key} has the right port.")
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return Failure("wrong user name or password", f"Check the user name and the password in {key}.", True)
    if isinstance(error, av.error.HTTPNotFoundError):
        return Failure("no such path on the camera", f"Check the path at the end of {key} in the camera's manual.")
    return None


def _silent(error: Exception, key: str, url: str, waited_seconds: float, limit_seconds: float) -> Failure:
    if not _resolves(url):
        return Failure("unknown host name", f"Check the host in {key}, or write its IP address.")
    if waited_seconds >= limit_seconds * 0.9:
        return Failure(
            f"no answer within {limit_seconds:g} s", f"Check that the camera is on and that {key} is its address."
        )
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return Failure("the host cannot be reached", f"Check the network, and the host in {key}.")
    return Failure(
        f"it did not answer as an RTSP camera does ({_short(error)})", f"Check that {key} is an RTSP address."
    )


_UNREACHABLE = frozenset({101, 110, 113})  # ENETUNREACH, ETIMEDOUT, EHOSTUNREACH


def _resolves(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.getaddrinfo(address.hostname, address.port or 554, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return True


def _short(error: Exception) -> str:
    # strerror only: the full text of an FFmpeg error ends in the URL, with its password
    return str(getattr(error, "strerror", None) or type(error).__name__)
