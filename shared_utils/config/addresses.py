"""What an RTSP or Redis address must look like. The errors never show the address: it may hold a password."""

from urllib.parse import SplitResult, urlsplit

_ENCODE = "Write special characters of the password percent-encoded: / as %2F, ? as %3F, # as %23, @ as %40, % as %25"


def rtsp_address(text: str) -> str:
    """The address without surrounding blanks. Raises ValueError, worded to follow "must be"."""
    text = text.strip()
    parts = _split(text, "an address such as rtsp://user:password@192.168.1.20:554/stream1")
    if parts.scheme not in {"rtsp", "rtsps"}:
        raise ValueError("an address that begins with rtsp:// or rtsps://")
    if not parts.hostname:
        raise ValueError("an address with a host, such as rtsp://user:password@192.168.1.20:554/stream1")
    return text


def redis_address(text: str) -> str:
    """The address without surrounding blanks. Raises ValueError, worded to follow "must be"."""
    text = text.strip()
    parts = _split(text, "an address such as redis://:password@127.0.0.1:6379/0")
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("an address that begins with redis://, rediss:// or unix://")
    if parts.scheme != "unix" and not parts.hostname:
        raise ValueError("an address with a host, such as redis://:password@127.0.0.1:6379/0")
    return text


def _split(text: str, example: str) -> SplitResult:
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError(f"{example}, without blanks. Write a blank as %20")
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises if it is no number
    except ValueError:
        raise ValueError(f"{example}. {_ENCODE}") from None
    # rtsp://user:pass/word@host would be read as host "user" with port "pass": a bare / ? # ends the host part.
    # A bare @ or : within the password is unambiguous, as the last @ and the first : count.
    if "@" not in parts.netloc and ":" in parts.netloc and "@" in text:
        raise ValueError(f"{example}: it cannot be told where the password ends. {_ENCODE}")
    return parts
