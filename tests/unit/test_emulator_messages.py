"""RTSP requests as cameras must take them: strictly enough to be safe, and never by falling over."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsp_emulator.errors import RtspError
from rtsp_emulator.messages import HEAD_LIMIT_BYTES, Request, Response, parse_request, read_request

DESCRIBE = b"DESCRIBE rtsp://127.0.0.1:8554/front RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp"


def read_all(data: bytes) -> list[Request | None]:
    """What a connection gets from these bytes until they end."""

    async def read() -> list[Request | None]:
        reader = asyncio.StreamReader(limit=HEAD_LIMIT_BYTES)
        reader.feed_data(data)
        reader.feed_eof()
        found: list[Request | None] = []
        while True:
            try:
                found.append(await read_request(reader))
            except EOFError:
                return found

    return asyncio.run(read())


def test_a_request_is_read_with_its_camera_and_headers_in_small_letters() -> None:
    """Clients write header names as they like."""
    request = parse_request(DESCRIBE)

    assert (request.method, request.camera, request.track, request.sequence) == ("DESCRIBE", "front", None, "2")
    assert request.headers["accept"] == "application/sdp"


@pytest.mark.parametrize(
    ("url", "camera", "track"),
    [
        ("rtsp://host/front/trackID=1", "front", 1),
        ("rtsp://user:pw@host:8554/front/", "front", None),
        ("rtsp://host/front?channel=1", "front", None),
        ("/front/trackID=0", "front", 0),
        ("rtsp://host", "", None),
        ("*", "", None),
    ],
)
def test_the_camera_is_the_first_part_of_the_path(url: str, camera: str, track: int | None) -> None:
    """Clients send the full URL, with or without a slash or a query, and some only the path."""
    request = Request("SETUP", url, {})

    assert (request.camera, request.track) == (camera, track)


@pytest.mark.parametrize(
    ("bent", "status"),
    [
        (DESCRIBE.replace(b"CSeq: 2", b"CSeq: two"), 400),
        (DESCRIBE.replace(b"CSeq: 2\r\n", b""), 400),
        (DESCRIBE.replace(b"Accept: ", b"Accept "), 400),
        (DESCRIBE.replace(b" RTSP/1.0", b""), 400),
        (DESCRIBE.replace(b"RTSP/1.0", b"HTTP/1.1"), 400),
        (DESCRIBE.replace(b"RTSP/1.0", b"RTSP/2.0"), 505),
        (DESCRIBE + b"\r\nContent-Length: -5", 400),
        (DESCRIBE + b"\r\nContent-Length: 99999999", 400),
        (b"\xff\xfe\x00", 400),
    ],
)
def test_what_is_no_request_is_refused_with_the_right_status(bent: bytes, status: int) -> None:
    """The client learns what it did wrong, and the next request can be read."""
    with pytest.raises(RtspError) as refused:
        parse_request(bent)

    assert refused.value.status == status


def status_of(data: bytes) -> int:
    try:
        return 200 if parse_request(data).sequence.isdecimal() else 0
    except RtspError as error:
        return error.status


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda noise: DESCRIBE + b"\r\n" + noise))
def test_no_bytes_whatever_break_the_parser(data: bytes) -> None:
    """A camera is reachable by anybody: the parser answers or refuses, and never raises anything else."""
    assert status_of(data) in {200, 400, 505}


def test_packets_answers_and_stray_line_breaks_between_requests_are_passed_over() -> None:
    """Over TCP the client's RTCP comes on the same connection, and some clients add a line break."""
    rtcp = b"$\x01" + (8).to_bytes(2, "big") + b"\x80\xc9\x00\x01abcd"

    found = read_all(rtcp + b"\r\n" + DESCRIBE + b"\r\n\r\n" + b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")

    assert [request.method if request else None for request in found] == [None, "DESCRIBE", None]


def test_the_body_of_a_request_is_not_taken_for_the_next_one() -> None:
    """SET_PARAMETER carries text that may look like anything."""
    body = b"PLAY rtsp://host/front RTSP/1.0\r\n\r\n"
    head = b"SET_PARAMETER rtsp://host/front RTSP/1.0\r\nCSeq: 3\r\nContent-Length: %d\r\n\r\n" % len(body)

    found = read_all(head + body + DESCRIBE + b"\r\n\r\n")

    assert [request.method for request in found if request] == ["SET_PARAMETER", "DESCRIBE"]


def test_an_endless_request_is_refused_and_ends_the_connection() -> None:
    """Otherwise a client could fill the memory with one line."""
    with pytest.raises(RtspError) as refused:
        read_all(b"A" * (HEAD_LIMIT_BYTES * 2))

    assert refused.value.closes


@given(st.text(max_size=50), st.integers(min_value=0, max_value=10**9))
def test_a_response_says_how_long_its_body_is_in_bytes(body: str, sequence: int) -> None:
    """Letters beyond ASCII take more than one byte; a client that counts wrong loses step."""
    head, _, sent = Response(200, (("Session", "1"),), body).encode(str(sequence)).partition(b"\r\n\r\n")

    lines: dict[str, Any] = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert sent.decode() == body
    assert int(lines.get("Content-Length", 0)) == len(sent)
    assert lines["CSeq"] == str(sequence)
