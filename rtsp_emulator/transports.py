"""The ways of RTP packets to a client: within the RTSP connection, or as UDP datagrams."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, cast

from rtsp_emulator.errors import RtspError
from rtsp_emulator.rtp import is_rtcp

_TRIES_FOR_A_PAIR = 20


@dataclass(frozen=True, slots=True)
class TransportWish:
    """What one SETUP asks for: channels of the RTSP connection, or ports of the client."""

    interleaved: bool
    first: int | None  # the RTP channel or port; RTCP is the next. None: ours to choose (channels only)


class Transport(Protocol):
    """Carries one track to one client."""

    @property
    def header(self) -> str:
        """The Transport header that answers SETUP."""

    def send(self, packets: Sequence[bytes]) -> None:
        """Send RTP and RTCP packets, without waiting."""

    def close(self) -> None:
        """Free the ports."""


def parse_transport(header: str) -> TransportWish:
    """The first of the client's wishes that can be met. Raises RtspError with 461 if there is none (multicast)."""
    for offer in header.split(","):
        protocol, *parameters = (part.strip() for part in offer.split(";"))
        if "multicast" in parameters:
            continue
        if protocol.upper() == "RTP/AVP/TCP":
            return TransportWish(interleaved=True, first=_first_of("interleaved", parameters, 254))
        if protocol.upper() in {"RTP/AVP", "RTP/AVP/UDP"}:
            port = _first_of("client_port", parameters, 65534)
            if port:
                return TransportWish(interleaved=False, first=port)
    raise RtspError(461, "RTP over TCP (interleaved) and unicast UDP are spoken here")


def _first_of(name: str, parameters: list[str], highest: int) -> int | None:
    for parameter in parameters:
        found = re.fullmatch(rf"{name}=(\d{{1,5}})(?:-\d{{1,5}})?", parameter, re.ASCII)
        if found:
            if int(found[1]) > highest:
                raise RtspError(461, f"{name} is at most {highest}")
            return int(found[1])
    return None


class InterleavedTransport:
    """Packets within the RTSP connection, each behind `$`, its channel and its length."""

    def __init__(self, write: Callable[[bytes], None], channel: int) -> None:
        self._write, self._channel = write, channel
        self.header = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"

    def send(self, packets: Sequence[bytes]) -> None:
        self._write(b"".join(self._framed(packet) for packet in packets))

    def _framed(self, packet: bytes) -> bytes:
        channel = self._channel + is_rtcp(packet)
        return b"$" + bytes([channel]) + len(packet).to_bytes(2, "big") + packet

    def close(self) -> None:
        """Nothing to free: the channel ends with the connection."""


class UdpTransport:
    """Packets as datagrams from a pair of ports of ours to a pair of the client's."""

    def __init__(self, endpoints: Sequence[asyncio.DatagramTransport], client: tuple[str, int]) -> None:
        self._endpoints, self._client = endpoints, client
        ports = [endpoint.get_extra_info("sockname")[1] for endpoint in endpoints]
        self.header = f"RTP/AVP;unicast;client_port={client[1]}-{client[1] + 1};server_port={ports[0]}-{ports[1]}"

    def send(self, packets: Sequence[bytes]) -> None:
        host, port = self._client
        for packet in packets:
            control = is_rtcp(packet)
            self._endpoints[control].sendto(packet, (host, port + control))

    def close(self) -> None:
        for endpoint in self._endpoints:
            endpoint.close()


class _Listener(asyncio.DatagramProtocol):
    """Notices that the client is still there: it sends receiver reports."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002
        self._heard()


async def open_udp(host: str, client: tuple[str, int], heard: Callable[[], None]) -> UdpTransport:
    """A pair of neighbouring ports, the even one for RTP as RFC 3550 wants it; `heard` is called for each datagram."""
    loop = asyncio.get_running_loop()
    for _ in range(_TRIES_FOR_A_PAIR):
        first, _protocol = await loop.create_datagram_endpoint(lambda: _Listener(heard), local_addr=(host, 0))
        port = cast(int, first.get_extra_info("sockname")[1])
        if port % 2 == 0:
            with suppress(OSError):  # taken by somebody else: try another pair
                second, _protocol = await loop.create_datagram_endpoint(
                    lambda: _Listener(heard), local_addr=(host, port + 1)
                )
                return UdpTransport((first, second), client)
        first.close()
    raise RtspError(461, "no pair of UDP ports is free")
