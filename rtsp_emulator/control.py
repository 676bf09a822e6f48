"""The HTTP port by which tests and people ask how the cameras are and make them misbehave."""

from collections.abc import Mapping

from aiohttp import web
from pydantic import ValidationError

from rtsp_emulator.camera import Camera
from rtsp_emulator.faults import Fault, FaultOrder
from rtsp_emulator.server import RtspServer
from shared_utils.errors import VedetteError


class Control:
    """`GET /status`, and `POST` and `DELETE` on `/cameras/{camera}/faults`."""

    def __init__(self, cameras: Mapping[str, Camera], server: RtspServer, host: str, port: int) -> None:
        self.port = port  # the real one once started
        self._cameras, self._server, self._host = cameras, server, host
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/status", self._status),
                web.post("/cameras/{camera}/faults", self._begin),
                web.delete("/cameras/{camera}/faults", self._mend),
                web.delete("/cameras/{camera}/faults/{fault}", self._mend),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port, shutdown_timeout=0.2)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        self._runner = None

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response({"cameras": {name: camera.status() for name, camera in self._cameras.items()}})

    async def _begin(self, request: web.Request) -> web.Response:
        camera = self._camera(request)
        try:
            order = FaultOrder.model_validate_json(await request.read())
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors()]
            return _refusal(400, "; ".join(problems))
        try:
            await self._server.misbehave(camera, order)
        except VedetteError as error:
            return _refusal(409, str(error))
        return web.json_response(camera.status())

    async def _mend(self, request: web.Request) -> web.Response:
        camera, name = self._camera(request), request.match_info.get("fault")
        if name is not None and name not in set(Fault):
            return _refusal(404, f"there is no fault {name!r}; there are {', '.join(Fault)}")
        await self._server.mend(camera, Fault(name) if name else None)
        return web.json_response(camera.status())

    def _camera(self, request: web.Request) -> Camera:
        name = request.match_info["camera"]
        if name not in self._cameras:
            raise web.HTTPNotFound(text=f"there is no camera {name!r}; there are {', '.join(self._cameras)}\n")
        return self._cameras[name]


def _refusal(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
