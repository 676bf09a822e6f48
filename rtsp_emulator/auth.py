"""Basic and Digest authentication as cameras ask for them (RFC 2617, MD5, without qop)."""

import hashlib
import hmac
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass

REALM = "camera"
_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who may watch."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user!r}, ***)"

    def challenge(self, nonce: str) -> tuple[tuple[str, str], ...]:
        """The headers of a 401; a client takes the scheme it likes best."""
        return (
            ("WWW-Authenticate", f'Digest realm="{REALM}", nonce="{nonce}"'),
            ("WWW-Authenticate", f'Basic realm="{REALM}"'),
        )

    def accept(self, authorization: str, method: str, nonce: str) -> bool:
        """Whether an Authorization header proves knowledge of the password; `nonce` is the one we gave out."""
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "basic":
            return self._accept_basic(rest)
        if scheme.lower() == "digest":
            return self._accept_digest(_fields(rest), method, nonce)
        return False

    def _accept_basic(self, encoded: str) -> bool:
        try:
            given = b64decode(encoded, validate=True)
        except (Base64Error, ValueError):
            return False
        return hmac.compare_digest(given, f"{self.user}:{self.password}".encode())

    def _accept_digest(self, fields: Mapping[str, str], method: str, nonce: str) -> bool:
        if fields.get("username") != self.user or fields.get("nonce") != nonce:
            return False
        expected = digest_response(self, method, fields.get("uri", ""), nonce)
        return hmac.compare_digest(fields.get("response", "").encode(), expected.encode())


def digest_response(credentials: Credentials, method: str, uri: str, nonce: str) -> str:
    """The `response` field that proves the password for one request."""
    secret = _md5(f"{credentials.user}:{REALM}:{credentials.password}")
    return _md5(f"{secret}:{nonce}:{_md5(f'{method}:{uri}')}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _fields(text: str) -> dict[str, str]:
    return {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(text)}
