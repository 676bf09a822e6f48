"""What a camera sends, if it answers. Opened as the capture service opens it, and looked at for seconds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import av
from av.container import InputContainer

from capture_service.pyav_source import OPEN_SECONDS, rtsp_options
from capture_service.rtsp_failures import explain
from capture_service.segment_writer import mp4_codecs
from shared_utils.clock import Clock
from shared_utils.config import CameraConfig
from shared_utils.errors import TemporaryError
from vedette.checks.finding import Finding, ok, problem, warning

LONG_GOP_SECONDS = 5.0
RECORDED_CODECS = {"h264", "hevc"}
_KEYFRAME_FIX = (
    "Set the camera's keyframe interval (I-frame interval, GOP) to 1 or 2 s: segments are cut at keyframes only, "
    "and the live view waits for one."
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a camera is waited for and looked at."""

    open_seconds: float = OPEN_SECONDS
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
    """Look at one camera; returns within about 20 s, unless the system's name lookup hangs."""
    try:
        seen = probe(name, camera, clock, limits)
    except ProbeError as error:
        return [problem(_subject(name), error.text, error.fix)]
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
    if camera.audio and seen.audio and seen.audio not in mp4_codecs():
        fix = f"Set the camera's sound to AAC, or cameras.{name}.audio to false."
        found.append(warning(subject, f"its sound ({seen.audio}) cannot be put into MP4 and is left out", fix))
    return found


def probe(name: str, camera: CameraConfig, clock: Clock, limits: Limits) -> StreamSeen:
    """Open the stream and look at it. Raises ProbeError. Call it in a thread of its own for each camera."""
    url = camera.url.get_secret_value()
    began = clock.monotonic()
    try:
        with av.open(
            url, options=rtsp_options(camera), timeout=(limits.open_seconds, limits.read_seconds)
        ) as container:
            return measure(container, clock, limits.watch_seconds)
    except (av.FFmpegError, OSError) as error:
        failure = explain(error, name, url, clock.monotonic() - began, limits.open_seconds)
        raise ProbeError(failure.reason, failure.advice) from None  # FFmpeg's own text holds the address


def measure(container: InputContainer, clock: Clock, watch_seconds: float) -> StreamSeen:
    """Read until two keyframe intervals are known or the time is over. Raises ProbeError, and what PyAV raises."""
    if not container.streams.video:
        raise ProbeError("it sends no video", "Check the path at the end of its address: this one may be sound alone.")
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
