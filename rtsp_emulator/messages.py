"""RTSP requests and responses as text (RFC 2326): pure functions, and the one that reads a request from a socket."""

import re
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader
from collections.abc import Mapping
from dataclasses import dataclass, field

from rtsp_emulator.errors import RtspError

HEAD_LIMIT_BYTES = 16_384
BODY_LIMIT_BYTES = 65_536
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    505: "RTSP Version Not Supported",
}
_TRACK = re.compile(r"/trackID=(\d+)/?$")


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are in small letters."""

    method: str
    url: str
    headers: Mapping[str, str]
    body_bytes: int = 0

    @property
    def sequence(self) -> str:
        return self.headers["cseq"]

    @property
    def camera(self) -> str:
        """The first part of the URL's path; empty for `*` and for the bare server."""
        path = re.sub(r"^[a-zA-Z]+://[^/]*", "", self.url)
        return path.strip("/").split("/")[0].split("?")[0] if path != "*" else ""

    @property
    def track(self) -> int | None:
        """The number behind `trackID=`, if the URL names a track."""
        found = _TRACK.search(self.url)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `headers` may name the same header twice."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(default=())
    body: str = ""

    def encode(self, sequence: str) -> bytes:
        """The bytes on the wire, as the answer to the request of this CSeq."""
        lines = [f"RTSP/1.0 {self.status} {REASONS[self.status]}", f"CSeq: {sequence}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        body = self.body.encode()
        lines += [f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def parse_request(head: bytes) -> Request:
    """A request from its lines, the empty one left out. Raises RtspError with 400 or 505 for anything else."""
    try:
        first, *rest = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError as error:
        raise RtspError(400, "the request is not text") from error
    words = first.split(" ")
    if len(words) != 3 or not words[0].replace("_", "").isalpha() or not words[1]:
        raise RtspError(400, "the first line is not METHOD URL RTSP/1.0")
    method, url, version = words
    if version != "RTSP/1.0":
        raise RtspError(505 if version.startswith("RTSP/") else 400, "only RTSP/1.0 is spoken here")
    headers = dict(_header(line) for line in rest if line)
    if not headers.get("cseq", "").isdecimal():
        raise RtspError(400, "there is no CSeq header with a number")
    return Request(method, url, headers, _body_bytes(headers))


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise RtspError(400, "a header line has no name and colon")
    return name.strip().lower(), value.strip()


def _body_bytes(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdecimal()) or int(text) > BODY_LIMIT_BYTES:
        # Without a usable length nobody knows where the next request begins.
        raise RtspError(400, "Content-Length is no number, or too large", closes=True)
    return int(text)


async def read_request(reader: StreamReader) -> Request | None:
    """The next request, its body read and dropped; None for what needs no answer.

    That is an interleaved packet (the client's RTCP), and an answer: some clients take noise for a question of ours.

    Raises RtspError for what cannot be understood and EOFError when the client has gone.
    """
    try:
        first = await reader.readexactly(1)
        while first in b"\r\n":  # some clients end a request with one line break too many
            first = await reader.readexactly(1)
        if first == b"$":
            head = await reader.readexactly(3)
            await reader.readexactly(int.from_bytes(head[1:], "big"))
            return None
        text = first + (await reader.readuntil(b"\r\n\r\n"))[:-4]
        if text.startswith(b"RTSP/"):
            return None
        request = parse_request(text)
        await reader.readexactly(request.body_bytes)
        return request
    except LimitOverrunError as error:
        raise RtspError(400, f"the request is longer than {HEAD_LIMIT_BYTES} bytes", closes=True) from error
    except IncompleteReadError as error:
        raise EOFError("the client closed the connection") from error
