"""The command line of the emulator."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtsp_emulator.auth import Credentials

_EPILOG = """\
SOURCE is
  clip.mp4            one clip, again and again; H.264, H.265, AAC, PCMU, PCMA and Opus are sent as they are,
                      anything else that FFmpeg can decode is converted to H.264 once, before the start
  a.mp4,b.mp4         a.mp4; the fault change_resolution switches to b.mp4
  folder/             the clips in it, one after the other (or see --folder-as-cameras)
  demo                people walking through a scene, made on the spot

examples
  python -m rtsp_emulator front-door=clip.mp4 yard=demo
  curl localhost:8555/status
  curl -d '{"fault": "stall", "seconds": 10}' localhost:8555/cameras/front-door/faults
  python -m rtsp_emulator --backend gstreamer --device /dev/video0 desk

When everything listens, one line of JSON with the URLs goes to standard output.
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    cameras: tuple[str, ...]
    host: str
    port: int
    control_port: int
    credentials: Credentials | None
    backend: str
    device: str | None
    folder_as_cameras: bool
    wait_for_client: bool
    start_seconds: float
    session_timeout_seconds: float
    write_buffer_bytes: int
    work_folder: Path | None


def parse_options(arguments: Sequence[str] | None, environ: Mapping[str, str]) -> Options:
    """Read the command line; exits with 2 and a message where it is wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    user = given.user if given.user is not None else environ.get("RTSP_USER", "")
    password = given.password if given.password is not None else environ.get("RTSP_PASSWORD", "")
    if bool(user) != bool(password):
        parser.error("give both --user and --password (or RTSP_USER and RTSP_PASSWORD), or neither")
    if given.device and given.backend != "gstreamer":
        parser.error("--device needs --backend gstreamer")
    return Options(
        cameras=tuple(given.cameras),
        host=given.host,
        port=given.port,
        control_port=given.control_port,
        credentials=Credentials(user, password) if user else None,
        backend=given.backend,
        device=given.device,
        folder_as_cameras=given.folder_as_cameras,
        wait_for_client=given.wait_for_client,
        start_seconds=given.start_seconds,
        session_timeout_seconds=given.session_timeout,
        write_buffer_bytes=given.write_buffer_kb * 1024,
        work_folder=given.work_folder,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rtsp_emulator",
        description="RTSP cameras made of files, that can be told to misbehave as real cameras do.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("cameras", nargs="+", metavar="CAMERA=SOURCE", help="a camera's name (a-z 0-9 -) and what it shows")
    add("--host", default="127.0.0.1", help="address to listen on; containers want 0.0.0.0 (default: %(default)s)")
    add("--port", type=_port, default=8554, help="RTSP port; 0: any free one (default: %(default)s)")
    add("--control-port", type=_port, default=8555, help="HTTP control port; 0: any free one (default: %(default)s)")
    add("--user", help="ask clients for this user name, Basic or Digest (default: RTSP_USER)")
    add("--password", help="and for this password (default: RTSP_PASSWORD, which no process list shows)")
    add("--folder-as-cameras", action="store_true", help="a folder gives one camera per clip: CAMERA-CLIP")
    add("--wait-for-client", action="store_true", help="a clip begins when its first client plays, not at once")
    add("--start-seconds", type=_seconds, default=0.0, metavar="S", help="begin the first round S seconds into it")
    add("--session-timeout", type=_seconds, default=60.0, metavar="S", help="drop who is silent (default: %(default)g)")
    add("--write-buffer-kb", type=int, default=4096, metavar="KB", help="drop who leaves so much unread (%(default)s)")
    add(
        "--work-folder",
        type=Path,
        metavar="DIR",
        help="keep converted clips and the demo scene here for the next start",
    )
    add("--backend", choices=("python", "gstreamer"), default="python", help="gstreamer: needs its Debian packages")
    add("--device", metavar="/dev/videoN", help="a V4L2 camera (with --backend gstreamer); CAMERA then has no =SOURCE")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is between 0 and 65535")
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 1e6:
        raise argparse.ArgumentTypeError("seconds are not negative")
    return seconds
