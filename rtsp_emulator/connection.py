"""One RTSP client: its requests are answered, and it gets the packets of what it plays."""

import asyncio
import logging
import secrets
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rtsp_emulator.auth import Credentials
from rtsp_emulator.camera import Camera
from rtsp_emulator.clips import Kind
from rtsp_emulator.errors import RtspError
from rtsp_emulator.faults import Fault
from rtsp_emulator.messages import Request, Response, read_request
from rtsp_emulator.sdp import session_description
from rtsp_emulator.transports import InterleavedTransport, Transport, open_udp, parse_transport
from shared_utils.clock import Clock

log = logging.getLogger(__name__)

METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN")


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What holds for every client."""

    host: str  # where UDP packets are sent from
    credentials: Credentials | None = None
    session_timeout_seconds: float = 60.0
    write_buffer_bytes: int = 4 * 1024 * 1024  # what a client may leave unread before it is dropped


class Connection:
    """From accept to close. Its session lives and dies with it, as it does in most cameras."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cameras: Mapping[str, Camera],
        settings: ConnectionSettings,
        clock: Clock,
    ) -> None:
        self._reader, self._writer, self._cameras, self._settings = reader, writer, cameras, settings
        self._clock = clock
        self._session_id, self._nonce = secrets.token_hex(8), secrets.token_hex(16)
        self._transports: dict[Kind, Transport] = {}
        self._patience = asyncio.timeout(settings.session_timeout_seconds)
        self.camera: Camera | None = None  # the one that this client has set up

    async def serve(self) -> None:
        """Answer until the client leaves, is silent for too long, or is dropped."""
        try:
            async with self._patience:
                while not self._writer.transport.is_closing():
                    await self._serve_one()
        except TimeoutError:
            log.info("client dropped: silent for %g s", self._settings.session_timeout_seconds)
            self._writer.transport.abort()  # it may not even read what is left to send
        except (EOFError, ConnectionError):
            log.debug("client left")
        finally:
            self._end_session()
            self._writer.close()

    def close(self) -> None:
        """End the connection as a camera does that stops its service."""
        self._writer.close()

    def reset(self) -> None:
        """End the connection as a camera does that has lost its state: with a TCP reset."""
        connected = self._writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def send(self, kind: Kind, packets: Sequence[bytes]) -> None:
        transport = self._transports.get(kind)
        if transport:
            transport.send(packets)

    def send_noise(self, noise: bytes) -> None:
        if any(isinstance(transport, InterleavedTransport) for transport in self._transports.values()):
            self._write(noise)

    def _write(self, data: bytes) -> None:
        if self._writer.transport.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > self._settings.write_buffer_bytes:
            log.warning("client dropped: it does not read what it plays")
            self._writer.transport.abort()
            return
        self._writer.write(data)

    def _heard(self) -> None:
        if not self._patience.expired():
            self._patience.reschedule(asyncio.get_running_loop().time() + self._settings.session_timeout_seconds)

    async def _serve_one(self) -> None:
        try:
            request = await read_request(self._reader)
        except RtspError as error:
            log.info("request refused: %s", error)
            self._write(Response(error.status).encode("0"))
            if error.closes:
                self._writer.close()
            return
        self._heard()
        if request and not self._holds(Fault.HANG, request):
            self._write((await self._answer(request)).encode(request.sequence))
            if request.method == "TEARDOWN":
                self._writer.close()

    async def _answer(self, request: Request) -> Response:
        if request.method not in METHODS:
            return Response(405, (("Allow", ", ".join(METHODS)),))
        if request.method == "OPTIONS":  # cameras answer it to anybody
            return Response(200, (("Public", ", ".join(METHODS)),))
        if not self._is_welcome(request):
            challenge = self._settings.credentials or Credentials("", "")
            return Response(401, challenge.challenge(self._nonce))
        try:
            return await self._answer_welcome(request)
        except RtspError as error:
            log.info("%s refused with %d: %s", request.method, error.status, error)
            return Response(error.status)

    def _is_welcome(self, request: Request) -> bool:
        if self._holds(Fault.UNAUTHORIZED, request):
            return False
        given = request.headers.get("authorization", "")
        credentials = self._settings.credentials
        return credentials is None or credentials.accept(given, request.method, self._nonce)

    async def _answer_welcome(self, request: Request) -> Response:
        camera = self._cameras.get(request.camera)
        if camera is None or self._holds(Fault.GONE, request):
            raise RtspError(404, f"there is no camera {request.camera!r}")
        if request.headers.get("session", self._session_id).split(";")[0] != self._session_id:
            raise RtspError(454, "this session is not of this connection")
        if request.method == "DESCRIBE":
            return self._describe(request, camera)
        if request.method == "SETUP":
            return await self._set_up(request, camera)
        return self._control(request, camera)

    def _describe(self, request: Request, camera: Camera) -> Response:
        headers = (("Content-Type", "application/sdp"), ("Content-Base", request.url.split("?")[0].rstrip("/") + "/"))
        return Response(200, headers, session_description(camera.name, camera.tracks))

    async def _set_up(self, request: Request, camera: Camera) -> Response:
        number = request.track if request.track is not None else 0
        if number >= len(camera.tracks):
            raise RtspError(404, f"{camera.name} has no track {number}")
        if self.camera not in {None, camera}:
            raise RtspError(455, "this session is of another camera")
        transport = await self._open_transport(request.headers.get("transport", ""), number)
        kind = camera.tracks[number].kind
        if kind in self._transports:
            self._transports[kind].close()
        self._transports[kind], self.camera = transport, camera
        return Response(200, (("Transport", transport.header), self._session_header()))

    async def _open_transport(self, header: str, number: int) -> Transport:
        wish = parse_transport(header)
        if wish.interleaved:
            return InterleavedTransport(self._write, wish.first if wish.first is not None else 2 * number)
        client = self._writer.get_extra_info("peername")[0]
        return await open_udp(self._settings.host, (client, wish.first or 0), self._heard)

    def _control(self, request: Request, camera: Camera) -> Response:
        headers: tuple[tuple[str, str], ...] = (self._session_header(),)
        if request.method in {"PLAY", "PAUSE"} and self.camera is not camera:
            raise RtspError(455, "nothing has been set up")
        if request.method == "PLAY":
            # Behind the answer: a client must not get packets before it knows that it plays.
            asyncio.get_running_loop().call_soon(self._play)
            headers += (("Range", "npt=now-"),)
        if request.method == "PAUSE":
            camera.remove_viewer(self)
        if request.method == "TEARDOWN":
            self._end_session()
        return Response(200, headers)

    def _play(self) -> None:
        if self.camera and not self._writer.transport.is_closing():
            self.camera.add_viewer(self)

    def _end_session(self) -> None:
        if self.camera:
            self.camera.remove_viewer(self)
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()
        self.camera = None

    def _session_header(self) -> tuple[str, str]:
        return "Session", f"{self._session_id};timeout={self._settings.session_timeout_seconds:.0f}"

    def _holds(self, fault: Fault, request: Request) -> bool:
        camera = self._cameras.get(request.camera) or self.camera
        return camera is not None and camera.faults.holds(fault, self._clock.monotonic())
