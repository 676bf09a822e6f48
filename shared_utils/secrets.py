"""Keeping passwords out of logs, manifests, metrics, pages and messages."""

import logging
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

MASK = "***"
# People put bare "@" and "/" into camera passwords, and mail addresses into user names. So everything from the first
# ":" behind the scheme to the last "@" before the next blank or address counts: masking too much does no harm.
_CREDENTIALS = re.compile(
    r"(?P<scheme>[a-zA-Z0-9+.-]{1,16}://)(?P<user>[^\s/:]*):(?P<password>(?:(?!://)\S)*)@"  # bounded: texts may be long
)
# Some cameras want it in the path or the query: rtsp://10.0.0.5/user=admin&password=secret&channel=1
_PARAMETER = re.compile(
    r"(?P<name>(?:password|passwd|passwort|pass|pwd|token|secret)=)(?P<password>[^\s&;\"'<>]+)", re.IGNORECASE
)


def without_password(text: str) -> str:
    """The text with the password of every URL in it masked; the user name and the host stay."""
    text = _CREDENTIALS.sub(rf"\g<scheme>\g<user>:{MASK}@", text)
    return _PARAMETER.sub(rf"\g<name>{MASK}", text)


def secrets_in_url(url: str) -> list[str]:
    """The passwords of a URL, as written, decoded and encoded, for `MaskingFilter`; empty without one."""
    found = [match["password"] for form in (_CREDENTIALS, _PARAMETER) for match in form.finditer(url)]
    forms = {form for secret in found for form in (secret, unquote(secret), quote(unquote(secret), safe=""))}
    return sorted(forms - {""}, key=len, reverse=True)


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
        record.msg, record.args = self.mask(_message_of(record)), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.mask(record.exc_text)
        if record.stack_info:
            record.stack_info = self.mask(record.stack_info)
        return True


def _message_of(record: logging.LogRecord) -> str:
    """The text of a record. One that does not fit its arguments is told as it is: logging must not end a service."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"
