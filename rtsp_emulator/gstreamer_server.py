"""The same cameras on gst-rtsp-server: a second, independent server, and the way to a V4L2 device (a webcam).

It needs Debian's GStreamer and its Python binding, and has no faults and no control port.
"""

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtsp_emulator.auth import Credentials
from rtsp_emulator.clips import AccessUnit, Clip, Kind, Track
from rtsp_emulator.errors import MissingPackagesError, SourceError
from rtsp_emulator.options import Options
from rtsp_emulator.sdp import payload_type
from rtsp_emulator.sources import ClipStore, parse_source, prepare_all, work_folder

log = logging.getLogger(__name__)

PACKAGES = (
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-plugins-ugly",
)
ROLE = "viewer"
KEYFRAME_FRAMES = 30
PAYLOADERS = {
    "h264": "rtph264pay config-interval=-1",
    "hevc": "rtph265pay config-interval=-1",
    "aac": "rtpmp4gpay",
    "pcm_mulaw": "rtppcmupay",
    "pcm_alaw": "rtppcmapay",
    "opus": "rtpopuspay",
}


@dataclass(frozen=True, slots=True)
class GStreamer:
    """The modules of GStreamer's Python binding, which has no types."""

    gst: Any
    rtsp: Any
    server: Any
    glib: Any


def load_gstreamer() -> GStreamer:
    """Import the binding. Raises MissingPackagesError with the command that installs it."""
    try:
        import gi

        for name in ("Gst", "GstApp", "GstRtsp", "GstRtspServer"):
            gi.require_version(name, "1.0")
        from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer  # noqa: F401  # GstApp: appsrc's methods
    except (ImportError, ValueError) as error:
        raise MissingPackagesError(
            f"--backend gstreamer needs GStreamer's Python binding ({error}). On Debian and Ubuntu: "
            f"apt install {' '.join(PACKAGES)}; then start this with the system's python3."
        ) from error
    Gst.init(None)
    return GStreamer(Gst, GstRtsp, GstRtspServer, GLib)


def encoding_launch(source: str) -> str:
    """The pipeline that turns a raw or MJPEG video source into H.264, as a camera without B-frames would."""
    return (
        f"( {source} ! decodebin ! videoconvert ! video/x-raw,format=I420 "
        f"! x264enc tune=zerolatency speed-preset=veryfast key-int-max={KEYFRAME_FRAMES} "
        f"! h264parse ! rtph264pay name=pay0 pt={payload_type(0)} config-interval=-1 )"
    )


def device_source(device: str) -> str:
    """The source element of a V4L2 device. Raises SourceError if there is no such device."""
    if not Path(device).is_char_device():
        raise SourceError(f"{device} is no V4L2 device. See which there are with: ls /dev/video*")
    return f"v4l2src device={device}"


def clip_launch(tracks: tuple[Track, ...]) -> str:
    """The pipeline into which `ClipFeed` pushes the access units of a clip."""
    parts = [
        f"appsrc name={track.kind} is-live=true format=time do-timestamp=false max-bytes=0 "
        f"! {PAYLOADERS[track.codec]} name=pay{number} pt={payload_type(number)}"
        for number, track in enumerate(tracks)
    ]
    return f"( {' '.join(parts)} )"


def caps_of(track: Track) -> str:
    """What the appsrc of a track tells its payloader."""
    return {
        "h264": "video/x-h264,stream-format=byte-stream,alignment=au",
        "hevc": "video/x-h265,stream-format=byte-stream,alignment=au",
        "aac": f"audio/mpeg,mpegversion=4,stream-format=raw,rate={track.clock_rate},channels={track.channels},"
        f"codec_data=(buffer){track.config.hex()}",
        "pcm_mulaw": f"audio/x-mulaw,rate={track.clock_rate},channels={track.channels}",
        "pcm_alaw": f"audio/x-alaw,rate={track.clock_rate},channels={track.channels}",
        "opus": f"audio/x-opus,channel-mapping-family=0,channels={track.channels}",
    }[track.codec]


class ClipFeed:
    """Pushes one clip, round after round, into the pipeline that the server made for its viewers."""

    def __init__(self, gstreamer: GStreamer, clip: Clip, sources: Mapping[Kind, Any]) -> None:
        self._gst, self._clip, self._sources = gstreamer.gst, clip, sources
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed {clip.path.name}", daemon=True)

    def start(self) -> None:
        for track in self._clip.tracks:
            self._sources[track.kind].set_property("caps", self._gst.Caps.from_string(caps_of(track)))
        self._thread.start()

    def stop(self) -> None:
        """Let it end soon; not waited for, since the server calls this while it holds its own locks."""
        self._stop.set()

    def _run(self) -> None:
        try:
            self._feed()
        except Exception:
            log.exception("feeding %s stopped by an error nobody expected", self._clip.path)

    def _feed(self) -> None:
        began, offset = time.monotonic(), self._running_time()
        round_began = 0.0
        while not self._stop.is_set():
            for unit in self._clip.units:
                due = round_began + float(unit.starts_at)
                if self._stop.wait(max(0.0, began + due - time.monotonic())):
                    return
                if self._push(unit, offset, round_began) != self._gst.FlowReturn.OK:
                    return  # the last viewer has left and the pipeline is being taken down
            round_began += float(self._clip.length)

    def _running_time(self) -> int:
        """Nanoseconds that the pipeline has run; the first packets must not lie in its past."""
        source = self._sources["video"]
        while source.get_clock() is None and not self._stop.wait(0.005):
            continue
        clock = source.get_clock()
        return max(0, clock.get_time() - source.get_base_time()) if clock and source.get_base_time() else 0

    def _push(self, unit: AccessUnit, offset_ns: int, round_began: float) -> Any:
        track = next(track for track in self._clip.tracks if track.kind == unit.kind)
        buffer = self._gst.Buffer.new_wrapped(unit.data)
        buffer.pts, buffer.dts = (
            offset_ns + round((round_began + ticks / track.clock_rate) * self._gst.SECOND)
            for ticks in (unit.pts, unit.dts)
        )
        if not unit.is_keyframe:
            buffer.set_flags(self._gst.BufferFlags.DELTA_UNIT)
        return self._sources[unit.kind].emit("push-buffer", buffer)


def clip_factory(gstreamer: GStreamer, clip: Clip) -> Any:
    """A factory whose one pipeline, shared by all viewers, is fed with the clip."""
    factory = gstreamer.server.RTSPMediaFactory()
    factory.set_launch(clip_launch(clip.tracks))

    def configure(_factory: object, media: Any) -> None:
        element = media.get_element()
        feed = ClipFeed(gstreamer, clip, {track.kind: element.get_by_name(track.kind) for track in clip.tracks})
        media.connect("unprepared", lambda _media: feed.stop())
        feed.start()

    factory.connect("media-configure", configure)
    return factory


def launch_factory(gstreamer: GStreamer, launch: str) -> Any:
    """A factory of a pipeline that needs no feeding."""
    factory = gstreamer.server.RTSPMediaFactory()
    factory.set_launch(launch)
    return factory


class GStreamerServer:
    """gst-rtsp-server with one mount per camera."""

    def __init__(
        self,
        gstreamer: GStreamer,
        factories: Mapping[str, Any],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        credentials: Credentials | None = None,
    ) -> None:
        self.port = port  # the real one once started
        self._gstreamer, self._factories, self._host, self._credentials = gstreamer, factories, host, credentials
        self._loop = gstreamer.glib.MainLoop()

    def start(self) -> None:
        """Listen. Raises OSError if the port cannot be had."""
        server = self._gstreamer.server.RTSPServer()
        server.set_address(self._host)
        server.set_service(str(self.port))
        if self._credentials:
            server.set_auth(self._authentication(self._credentials))
        for name, factory in self._factories.items():
            factory.set_shared(True)
            factory.set_latency(0)
            if self._credentials:
                factory.set_permissions(self._permissions())
            server.get_mount_points().add_factory(f"/{name}", factory)
        if not server.attach(None):
            raise OSError(f"port {self.port} of {self._host} cannot be listened on")
        self._server, self.port = server, server.get_bound_port()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._gstreamer.glib.unix_signal_add(self._gstreamer.glib.PRIORITY_HIGH, number, self._loop.quit)
        self._loop.run()

    def _authentication(self, credentials: Credentials) -> Any:
        server = self._gstreamer.server
        auth, token = server.RTSPAuth(), server.RTSPToken()
        token.set_string("media.factory.role", ROLE)
        # One of them only: the binding's enum cannot be combined, and Digest does not send the password.
        auth.set_supported_methods(self._gstreamer.rtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(credentials.user, credentials.password, token)
        return auth

    def _permissions(self) -> Any:
        permissions = self._gstreamer.server.RTSPPermissions.new()
        for right in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role(ROLE, right, True)
        return permissions


def serve_with_gstreamer(options: Options) -> None:
    """Serve the cameras of the command line until told to stop."""
    gstreamer = load_gstreamer()
    with work_folder(options.work_folder) as folder:
        factories = _factories(gstreamer, options, folder)
        server = GStreamerServer(
            gstreamer, factories, host=options.host, port=options.port, credentials=options.credentials
        )
        server.start()
        urls = {name: f"rtsp://{options.host}:{server.port}/{name}" for name in factories}
        sys.stdout.write(json.dumps({"rtsp_port": server.port, "control_port": None, "cameras": urls}) + "\n")
        sys.stdout.flush()
        log.info("ready, with GStreamer: %s", ", ".join(urls.values()))
        server.run()


def _factories(gstreamer: GStreamer, options: Options, folder: Path) -> dict[str, Any]:
    factories: dict[str, Any] = {}
    texts = list(options.cameras)
    if options.device:
        names = [text for text in texts if "=" not in text]
        if len(names) != 1:
            raise SourceError("--device wants exactly one CAMERA without =SOURCE: the name of the device's camera")
        texts.remove(names[0])
        factories[names[0]] = launch_factory(gstreamer, encoding_launch(device_source(options.device)))
    sources = [
        source
        for text in texts
        for source in parse_source(text, folder_as_cameras=options.folder_as_cameras, work_folder=folder)
    ]
    for one in prepare_all(ClipStore(folder), sources):
        factories[one.source.camera] = clip_factory(gstreamer, one.clips[0])
    return factories
