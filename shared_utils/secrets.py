"""Keeping passwords out of logs, manifests, metrics, pages and messages."""

import logging
import re
from collections.abc import Iterable
from urllib.parse import unquote

MASK = "***"
# The user part may hold ":" only as its end and "@" only as the end of all: the last "@" before "/" counts,
# because people do put a bare "@" into camera passwords.
_CREDENTIALS = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)(?P<user>[^\s/:@]*):(?P<password>[^\s/]*)@")


def without_password(text: str) -> str:
    """The text with the password of every URL in it masked; the user name and the host stay."""
    return _CREDENTIALS.sub(rf"\g<scheme>\g<user>:{MASK}@", text)


def secrets_in_url(url: str) -> list[str]:
    """The password of a URL, as written and decoded, for `MaskingFilter`; empty without one."""
    found = _CREDENTIALS.search(url)
    if found is None or not found["password"]:
        return []
    return sorted({found["password"], unquote(found["password"])}, key=len, reverse=True)


class MaskingFilter(logging.Filter):
    """Masks URL passwords and the given secrets in every log record, its exception text included."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        # Masking a very short word would cut holes into ordinary text without hiding anything.
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def mask(self, text: str) -> str:
        """The text with everything secret replaced by `***`."""
        text = without_password(text)
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.mask(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.mask(record.exc_text)
        return True
