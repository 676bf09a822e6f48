"""Who may watch, and by which way the packets go."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsp_emulator.auth import Credentials, digest_response
from rtsp_emulator.errors import RtspError
from rtsp_emulator.transports import InterleavedTransport, TransportWish, parse_transport

OWNER = Credentials("owner", "s3cret:with@signs")


def digest(credentials: Credentials, nonce: str, method: str = "DESCRIBE") -> str:
    uri = "rtsp://127.0.0.1/front"
    response = digest_response(credentials, method, uri, nonce)
    return f'Digest username="{credentials.user}", realm="camera", nonce="{nonce}", uri="{uri}", response="{response}"'


def basic(credentials: Credentials) -> str:
    return "Basic " + b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()


@pytest.mark.parametrize("header", [basic(OWNER), digest(OWNER, "n1")])
def test_the_right_password_is_accepted_in_both_schemes(header: str) -> None:
    """Old clients know Basic only; the others should not send the password itself."""
    assert OWNER.accept(header, "DESCRIBE", "n1")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Bearer abc",
        basic(Credentials("owner", "wrong")),
        basic(Credentials("other", OWNER.password)),
        digest(Credentials("owner", "wrong"), "n1"),
        digest(OWNER, "n2"),  # of another connection: recorded and replayed
        digest(OWNER, "n1", method="PLAY"),  # made for another request
        digest(OWNER, "n1").replace("response=", "answer="),
    ],
)
def test_anything_else_is_not_accepted(header: str) -> None:
    """A wrong password must look wrong to a client under test, whichever way it is wrong."""
    assert not OWNER.accept(header, "DESCRIBE", "n1")


@given(st.text(max_size=80))
def test_no_authorization_header_whatever_opens_the_camera(header: str) -> None:
    """Text that does not hold the password is refused, and breaks nothing."""
    assert not OWNER.accept(header, "DESCRIBE", "n1")


def test_credentials_do_not_print_their_password() -> None:
    """They end up in tracebacks."""
    assert OWNER.password not in repr(OWNER)


@pytest.mark.parametrize(
    ("header", "wish"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1", TransportWish(interleaved=True, first=0)),
        ("RTP/AVP/TCP;unicast", TransportWish(interleaved=True, first=None)),
        ("RTP/AVP/UDP;unicast;client_port=5000-5001", TransportWish(interleaved=False, first=5000)),
        ("RTP/AVP;unicast;client_port=5000", TransportWish(interleaved=False, first=5000)),
        ("RTP/AVP;multicast, RTP/AVP/TCP;interleaved=2-3", TransportWish(interleaved=True, first=2)),
    ],
)
def test_the_first_wish_that_can_be_met_is_taken(header: str, wish: TransportWish) -> None:
    """Clients list several, the best first."""
    assert parse_transport(header) == wish


@pytest.mark.parametrize(
    "header",
    [
        "",
        "RTP/AVP;multicast;port=5000-5001",
        "RTP/AVP;unicast",
        "RTP/SAVP;unicast;client_port=5000-5001",
        "RTP/AVP;unicast;client_port=99999-100000",
        "RTP/AVP/TCP;interleaved=255-256",
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(header: str) -> None:
    """461 tells the client to try another transport."""
    with pytest.raises(RtspError) as refused:
        parse_transport(header)

    assert refused.value.status == 461


def first_or_refusal(header: str) -> int:
    """The channel or port that is wished for, or the status of the refusal, negative."""
    try:
        return parse_transport(header).first or 0
    except RtspError as error:
        return -error.status


@given(st.text(max_size=80) | st.text(max_size=20).map(lambda noise: f"RTP/AVP;unicast;client_port={noise}"))
def test_no_transport_header_whatever_breaks_the_parser(header: str) -> None:
    """It is a wish or a 461."""
    first = first_or_refusal(header)

    assert first == -461 or 0 <= first <= 65534


@given(st.lists(st.binary(min_size=2, max_size=1400), max_size=5), st.integers(min_value=0, max_value=254))
def test_interleaved_packets_can_be_taken_apart_again(packets: list[bytes], channel: int) -> None:
    """The framing is all that a client has to find the next packet by."""
    written: list[bytes] = []

    InterleavedTransport(written.append, channel).send(packets)

    data, found = b"".join(written), []
    while data:
        length = int.from_bytes(data[2:4], "big")
        assert data[0] == ord("$")
        assert data[1] in {channel, channel + 1}
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    assert found == packets
