"""What a camera sends, if it answers. Opened as the capture service opens it, and looked at for seconds."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

import av
from av.container import InputContainer

from shared_utils.clock import Clock
from shared_utils.config import CameraConfig
from shared_utils.errors import TemporaryError
from vedette.checks.finding import Finding, ok, problem, warning

LONG_GOP_SECONDS = 5.0
RECORDED_CODECS = {"h264", "hevc"}
_RTSP_PORTS = {"rtsp": 554, "rtsps": 322}
_KEYFRAME_FIX = (
    "Set the camera's keyframe interval (I-frame interval, GOP) to 1 or 2 s: segments are cut at keyframes only, "
    "and the live view waits for one."
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a camera is waited for and looked at."""

    open_seconds: float = 5.0
    read_seconds: float = 5.0
    watch_seconds: float = 10.0  # how long the keyframe interval is measured


USUAL_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class StreamSeen:
    """What a camera sent while it was looked at."""

    codec: str
    width: int
    height: int
    fps: float
    audio: str | None
    keyframe_seconds: float | None  # longest time between two keyframes; None if there were not two
    watched_seconds: float


class ProbeError(TemporaryError):
    """Why a camera cannot be used, and what to do; neither part holds a secret."""

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.text, self.fix = text, fix


def check_camera(name: str, camera: CameraConfig, clock: Clock, limits: Limits = USUAL_LIMITS) -> list[Finding]:
    """Look at one camera; returns within about 20 s unless the system's name lookup hangs."""
    try:
        seen = probe(camera.url.get_secret_value(), camera.transport, clock, limits)
    except ProbeError as error:
        return [problem(_subject(name), error.text, error.fix.format(url=f"cameras.{name}.url"))]
    return judge(name, seen, camera)


def judge(name: str, seen: StreamSeen, camera: CameraConfig) -> list[Finding]:
    """What the stream means for recording."""
    subject = _subject(name)
    keyframes = f"a keyframe every {seen.keyframe_seconds:.1f} s" if seen.keyframe_seconds else "keyframes unknown"
    text = f"{seen.codec} {seen.width}x{seen.height}, {seen.fps:.0f} frames/s, {keyframes}"
    found = [ok(subject, f"{text}, {f'sound {seen.audio}' if seen.audio else 'no sound'}")]
    if seen.codec not in RECORDED_CODECS:
        found[0] = problem(subject, text, "Vedette records H.264 and H.265: set the camera to one of them.")
    if seen.keyframe_seconds is None:
        text = f"fewer than two keyframes in {seen.watched_seconds:.0f} s"
        found.append(warning(subject, text, _KEYFRAME_FIX))
    elif seen.keyframe_seconds > LONG_GOP_SECONDS:
        found.append(warning(subject, f"{seen.keyframe_seconds:.1f} s between keyframes", _KEYFRAME_FIX))
    if camera.audio and seen.audio and seen.audio.startswith("pcm_"):
        fix = f"Set the camera's sound to AAC, or cameras.{name}.audio to false."
        found.append(warning(subject, f"its sound ({seen.audio}) does not fit into MP4 and is left out", fix))
    return found


def probe(url: str, transport: str, clock: Clock, limits: Limits) -> StreamSeen:
    """Open the stream and look at it. Raises ProbeError. Call it in a thread of its own for each camera."""
    _resolve(url)
    options = {"rtsp_transport": transport, "fpsprobesize": "0"}
    try:
        with av.open(url, options=options, timeout=(limits.open_seconds, limits.read_seconds)) as container:
            return measure(container, clock, limits.watch_seconds)
    except (av.FFmpegError, OSError) as error:
        raise _explained(error, url, limits) from None  # FFmpeg's own text holds the address with its password


def measure(container: InputContainer, clock: Clock, watch_seconds: float) -> StreamSeen:
    """Read until two keyframe intervals are known or the time is over. Raises ProbeError, and what PyAV raises."""
    if not container.streams.video:
        raise ProbeError("it sends no video", "Check the path in {url}: this one may be the sound alone.")
    stream = container.streams.video[0]
    started = clock.monotonic()
    times: list[float] = []
    keyframes: list[float] = []
    for seconds, is_keyframe in _video_times(container, stream.index, clock, started + watch_seconds):
        times.append(seconds)
        if is_keyframe:
            keyframes.append(seconds)
        if len(keyframes) > 2:
            break
    if not times:
        raise ProbeError("it accepts the connection but sends no picture", "Restart the camera; check its stream.")
    length = max(times) - min(times)
    gaps = [later - earlier for earlier, later in pairwise(keyframes)]
    return StreamSeen(
        codec=stream.codec_context.name,
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        fps=(len(times) - 1) / length if length > 0 else float(stream.average_rate or 0),
        audio=container.streams.audio[0].codec_context.name if container.streams.audio else None,
        keyframe_seconds=max(gaps, default=None),
        watched_seconds=clock.monotonic() - started,
    )


def _video_times(container: InputContainer, index: int, clock: Clock, until: float) -> Iterator[tuple[float, bool]]:
    """Time in seconds and keyframe-or-not of each video packet; the first one of a stream may lack a time."""
    held = False  # a keyframe without a time came: it belongs to just before the next packet
    for packet in container.demux():  # all streams: sound that goes on must not hide that the pictures stopped
        if clock.monotonic() > until:
            return
        if packet.stream_index != index or not packet.size:
            continue
        if packet.pts is None or packet.time_base is None:
            held = held or packet.is_keyframe
            continue
        yield float(packet.pts * packet.time_base), packet.is_keyframe or held
        held = False


def _subject(name: str) -> str:
    return f"camera {name}"


def _resolve(url: str) -> None:
    """Name the host first: FFmpeg says "Input/output error" for an unknown name as for many other things."""
    parts = urlsplit(url)
    try:
        socket.getaddrinfo(parts.hostname, parts.port or _RTSP_PORTS.get(parts.scheme, 554), type=socket.SOCK_STREAM)
    except OSError:
        raise ProbeError(f"the host {parts.hostname!r} is not known", "Check the host in {url}.") from None


def _explained(error: Exception, url: str, limits: Limits) -> ProbeError:
    """The fault in words. A camera that stays silent shows as ExitError or, oddly, as invalid data."""
    parts = urlsplit(url)
    port = parts.port or _RTSP_PORTS.get(parts.scheme, 554)
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        return ProbeError(
            "it refuses the user name or the password",
            "Check both in {url}; special characters are percent-encoded (@ as %40). Some cameras have a user of "
            "their own for RTSP, and block after wrong attempts.",
        )
    if isinstance(error, av.HTTPNotFoundError):
        return ProbeError("it has no stream at this path", "Check what follows the port in {url}; its manual says it.")
    if isinstance(error, ConnectionRefusedError):
        return ProbeError(
            f"nothing listens on port {port} of {parts.hostname}",
            "Check the port in {url} (usually 554), and that RTSP is switched on in the camera.",
        )
    if isinstance(error, av.HTTPClientError | av.HTTPServerError):
        return ProbeError(
            f"it answers with an error ({error.strerror})", "Restart the camera; check the path in {url}."
        )
    if isinstance(error, av.ExitError | av.InvalidDataError | TimeoutError):
        return ProbeError(
            f"it does not answer within {limits.open_seconds:g} s",
            "Check the address in {url}, that the camera is on, and that no firewall is between.",
        )
    reason = getattr(error, "strerror", None) or type(error).__name__
    return ProbeError(f"the connection failed ({reason})", "Check the address in {url} and the network.")
