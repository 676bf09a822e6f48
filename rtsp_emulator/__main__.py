"""`python -m rtsp_emulator`: wires the cameras to their ports and runs until told to stop."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from rtsp_emulator.camera import Camera
from rtsp_emulator.clips import Clip
from rtsp_emulator.connection import ConnectionSettings
from rtsp_emulator.control import Control
from rtsp_emulator.errors import InterruptedConversionError
from rtsp_emulator.faults import Fault
from rtsp_emulator.options import Options, parse_options
from rtsp_emulator.server import RtspServer
from rtsp_emulator.sources import ClipStore, PreparedCamera, parse_source, prepare_all, work_folder
from shared_utils.clock import SystemClock
from shared_utils.errors import VedetteError, WrongUseError
from shared_utils.process import EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE, set_up_logging

log = logging.getLogger("rtsp_emulator")  # not "__main__"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments, os.environ)
    set_up_logging("info", [options.credentials.password] if options.credentials else [])
    # Until the event loop handles it: converting clips can take long, and the temporary folder is to go away.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(EXIT_DONE))
    try:
        if options.backend == "gstreamer":
            from rtsp_emulator.gstreamer_server import serve_with_gstreamer

            serve_with_gstreamer(options)
            return EXIT_DONE
        with work_folder(options.work_folder) as folder:
            serve(options, folder)
    except WrongUseError as error:
        log.error("%s", error)
        return EXIT_WRONG_USE
    except (VedetteError, OSError) as error:
        log.error("the emulator cannot go on: %s", error)
        return EXIT_FAILED
    except KeyboardInterrupt:
        log.info("stopping: interrupted while preparing the clips")
    except Exception:
        log.exception("the emulator ended by an error nobody expected")
        return EXIT_FAILED
    return EXIT_DONE


def serve(options: Options, folder: Path) -> None:
    """Prepare the clips, then serve until SIGTERM or SIGINT."""
    sources = [
        source
        for text in options.cameras
        for source in parse_source(text, folder_as_cameras=options.folder_as_cameras, work_folder=folder)
    ]
    store = ClipStore(folder)
    asyncio.run(_serve(options, store, prepare_all(store, sources)))


async def _serve(options: Options, store: ClipStore, prepared: Sequence[PreparedCamera]) -> None:
    clock = SystemClock()
    cameras = {one.source.camera: _camera(one, store, options, clock) for one in prepared}
    settings = ConnectionSettings(
        host=options.host,
        credentials=options.credentials,
        session_timeout_seconds=options.session_timeout_seconds,
        write_buffer_bytes=options.write_buffer_bytes,
    )
    server = RtspServer(cameras, settings, options.port, clock)
    control = Control(cameras, server, options.host, options.control_port)
    try:
        await server.start()
        await control.start()
        _announce(options, server.port, control.port, cameras)
        await _run_until_told(server, store)
    finally:
        await control.stop()
        await server.stop()


def _camera(prepared: PreparedCamera, store: ClipStore, options: Options, clock: SystemClock) -> Camera:
    return Camera(
        prepared.source.camera,
        prepared.clips,
        partial(_other_clip, store, prepared),
        clock,
        wait_for_client=options.wait_for_client,
        start_seconds=options.start_seconds,
    )


async def _other_clip(store: ClipStore, prepared: PreparedCamera, fault: Fault) -> Clip:
    return await asyncio.to_thread(store.other_clip, prepared, fault)


def _announce(options: Options, port: int, control_port: int, cameras: Iterable[str]) -> None:
    urls = {name: f"rtsp://{options.host}:{port}/{name}" for name in cameras}
    ready = {"rtsp_port": port, "control_port": control_port, "cameras": urls}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    log.info("ready: %s; control at http://%s:%d/status", ", ".join(urls.values()), options.host, control_port)


async def _run_until_told(server: RtspServer, store: ClipStore) -> None:
    loop, running = asyncio.get_running_loop(), asyncio.ensure_future(server.run())

    def stop() -> None:
        store.stop()
        running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError, InterruptedConversionError):
        await running


if __name__ == "__main__":
    sys.exit(main())
