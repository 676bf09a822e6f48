"""The RTSP port of all cameras, and the faults that concern connections."""

import asyncio
import logging
from collections.abc import Mapping

from rtsp_emulator.camera import Camera
from rtsp_emulator.connection import Connection, ConnectionSettings
from rtsp_emulator.faults import Fault, FaultOrder
from rtsp_emulator.messages import HEAD_LIMIT_BYTES
from shared_utils.clock import Clock

log = logging.getLogger(__name__)

REFUSAL_CHECK_SECONDS = 0.05
ENDING_CONNECTIONS = {Fault.DROP, Fault.GONE, Fault.REFUSE}


class RtspServer:
    """Accepts clients on one port; all cameras share it, as the channels of a recorder do."""

    def __init__(self, cameras: Mapping[str, Camera], settings: ConnectionSettings, port: int, clock: Clock) -> None:
        self.port = port  # the real one once started
        self._cameras, self._settings, self._clock = cameras, settings, clock
        self._connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        self._listening = asyncio.Lock()

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        self._listener = await asyncio.start_server(self._serve, self._settings.host, self.port, limit=HEAD_LIMIT_BYTES)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        self._stop_listening()
        for connection in tuple(self._connections):
            connection.close()

    async def run(self) -> None:
        """Play all cameras and keep the port as the faults want it, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for camera in self._cameras.values():
                tasks.create_task(camera.run(), name=f"camera {camera.name}")
            tasks.create_task(self._watch_refusals(), name="refusals")

    async def misbehave(self, camera: Camera, order: FaultOrder) -> None:
        """Let a fault begin."""
        if order.fault not in {Fault.DROP, Fault.RESET}:
            await camera.misbehave(order)
        if order.fault is Fault.REFUSE:
            self._stop_listening()
        for connection in [one for one in self._connections if one.camera is camera]:
            if order.fault is Fault.RESET:
                connection.reset()
            elif order.fault in ENDING_CONNECTIONS:
                connection.close()

    async def mend(self, camera: Camera, fault: Fault | None = None) -> None:
        """End one lasting fault of a camera, or all; the port is open again when this returns."""
        camera.faults.mend(fault)
        await self._listen_unless_refused()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._cameras, self._settings, self._clock)
        self._connections.add(connection)
        try:
            await connection.serve()
        except Exception:
            log.exception("a connection ended by an error nobody expected")
        finally:
            self._connections.discard(connection)

    async def _watch_refusals(self) -> None:
        """Listen again when no camera refuses any more."""
        while True:
            await asyncio.sleep(REFUSAL_CHECK_SECONDS)
            await self._listen_unless_refused()

    async def _listen_unless_refused(self) -> None:
        now = self._clock.monotonic()
        async with self._listening:
            refused = any(camera.faults.holds(Fault.REFUSE, now) for camera in self._cameras.values())
            if self._listener is None and not refused:
                await self.start()

    def _stop_listening(self) -> None:
        if self._listener:
            self._listener.close()
        self._listener = None
