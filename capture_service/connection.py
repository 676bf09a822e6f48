"""One connection to a camera, from opening it to losing it: packets are mended, watched, recorded and looked at."""

import logging
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Protocol, get_args

from capture_service.blindness import Blindness
from capture_service.camera_state import CameraState, RateMeter
from capture_service.errors import CameraLostError
from capture_service.metrics import BYTES, PACKETS
from capture_service.motion import MotionSeen
from capture_service.packets import Kind, Packet, Received, StreamFormat, VideoFormat
from capture_service.parameter_sets import FormatWatch, is_hevc_in_h264
from capture_service.recorder import BLIND, Recorder
from capture_service.segment_chain import Surroundings
from capture_service.source import Source
from capture_service.timestamps import Mended, Mender
from shared_utils.clock import Clock
from shared_utils.config.schema import CameraConfig, MotionConfig

log = logging.getLogger(__name__)


class MotionFinder(Protocol):
    """Looks for motion beside recording."""

    def start(self, video_format: VideoFormat) -> None: ...

    def offer(self, packet: Packet) -> bool:
        """Whether it will be looked at; a finder that is behind leaves packets out. Never blocks."""

    def stop(self) -> None: ...


MotionFinderMaker = Callable[[str, MotionConfig, Callable[[MotionSeen], None]], MotionFinder]


class VideoWatchdog:
    """Notices that video has stopped although something (audio) still comes."""

    def __init__(self, camera: str, stall_seconds: float, clock: Clock) -> None:
        self._camera, self._stall_seconds, self._clock = camera, stall_seconds, clock
        self._last_video = clock.monotonic()

    def note(self, received: Received) -> None:
        """Raises CameraLostError."""
        if received.kind == "video":
            self._last_video = received.arrived
        elif self._clock.monotonic() - self._last_video >= self._stall_seconds:
            raise CameraLostError(self._camera, f"no video for {self._stall_seconds:g} s")


class Connection:
    """What lives as long as one connection does. `run` is for one thread; `finish` may be called by another."""

    def __init__(
        self, camera: str, config: CameraConfig, source: Source, around: Surroundings, state: CameraState
    ) -> None:
        self._camera, self._config, self._source = camera, config, source
        self._clock, self._state = around.clock, state
        self._recorder = Recorder(camera, config, around)
        self._mender = Mender(0)
        self._packets = {kind: PACKETS.labels(camera, kind) for kind in get_args(Kind)}
        self._bytes = BYTES.labels(camera)
        self._finder: MotionFinder | None = None
        self._blindness = Blindness(around.clock)
        self._stream: StreamFormat | None = None
        self._format: FormatWatch | None = None

    @property
    def event_goes_on(self) -> bool:
        """Whether an event was being recorded, or was to be resumed, when the connection ended."""
        return self._recorder.event_goes_on

    def resume_event(self) -> None:
        """Record from the first keyframe on: an event was going on when the camera was lost."""
        self._recorder.resume_event()

    def run(self, stop: Event, make_finder: MotionFinderMaker, on_video: Callable[[bool], None]) -> None:
        """Read until told to stop. Raises CaptureError when the camera cannot be opened or is lost.

        `on_video` is called for every video packet, with whether it is a keyframe.
        """
        try:
            stream = self._source.open()
            self._opened(stream, make_finder)
            watchdog = VideoWatchdog(self._camera, self._config.stall_seconds, self._clock)
            for received in self._source.packets():
                if stop.is_set():
                    return
                self._count(received)
                if received.kind == "video":
                    self._require_codec(received)
                    on_video(received.is_keyframe)
                self._take(received)
                watchdog.note(received)
            if not stop.is_set():
                # FFmpeg ends without an error when the camera closes the connection.
                raise CameraLostError(self._camera, "it ended the stream")
        finally:
            self._close()

    def finish(self) -> None:
        """End the recording; what still arrives is ignored."""
        self._recorder.finish()
        self._state.recording = False

    def _close(self) -> None:
        self.finish()
        if self._finder is not None:
            self._finder.stop()
        self._recorder.no_more_looks()
        self._state.moving = False
        self._source.close()

    def _opened(self, stream: StreamFormat, make_finder: MotionFinderMaker) -> None:
        video = stream.video
        self._stream, self._state.video = stream, video
        self._state.meter = RateMeter()  # the camera's times begin anew
        self._mender, self._format = Mender(video.fps), FormatWatch(video)
        sound = stream.audio.codec if stream.audio else "none"
        log.info("camera %s: %s %s, sound: %s", self._camera, video.codec, _size_of(video), sound)
        if self._config.record != "off":
            self._finder = make_finder(self._camera, self._config.motion, self._looked)
            self._finder.start(video)

    def _looked(self, seen: MotionSeen) -> None:
        self._blindness.looked()
        self._recorder.look(seen)
        self._state.moving = seen.moving
        if seen.moving:
            self._state.last_motion_at = self._clock.now()

    def _take(self, received: Received) -> None:
        for mended in self._mender.mend(received):
            self._take_mended(mended)

    def _take_mended(self, mended: Mended) -> None:
        packet = mended.packet
        if packet.kind == "video":
            self._notice_format(packet)
            self._state.meter.add(packet)
        if self._stream is not None:
            self._recorder.take(mended, self._stream)
            self._state.recording = self._recorder.is_recording
            self._state.storage_fails = self._recorder.is_failing
        if self._finder is not None and self._stream is not None:
            self._offer(packet, self._finder, self._stream.video)

    def _offer(self, packet: Packet, finder: MotionFinder, video: VideoFormat) -> None:
        """Have a packet looked at; what nobody looks at is recorded."""
        if not finder.offer(packet):
            self._recorder.not_looked_at(packet, video)
        elif packet.kind == "video" and self._blindness.offered():
            self._recorder.not_looked_at(packet, video, BLIND)

    def _require_codec(self, received: Received) -> None:
        """Raises CameraLostError. FFmpeg would hand out what no decoder understands, for ever."""
        if self._stream is not None and is_hevc_in_h264(self._stream.video.codec, received.data):
            raise CameraLostError(self._camera, "it sends H.265 where it had announced H.264")

    def _notice_format(self, packet: Packet) -> None:
        if self._format is None or self._stream is None or not self._format.look(packet):
            return
        before, video = self._stream.video, self._format.current
        self._stream, self._state.video = replace(self._stream, video=video), video
        what = "its stream changed to" if before.width else "its video has come:"
        log.info("camera %s: %s %s %s", self._camera, what, video.codec, _size_of(video))
        # One that begins anew learns the scene first, and some cameras alternate between sets of the same size: it
        # would learn for ever. Its decoder finds the new sets in the stream.
        if self._finder is not None and (before.width, before.height) != (video.width, video.height):
            self._finder.start(video)  # it stops by itself first

    def _count(self, received: Received) -> None:
        self._packets[received.kind].inc()
        self._bytes.inc(len(received.data))


def _size_of(video: VideoFormat) -> str:
    """A camera that sends no picture while it is opened has no size yet."""
    return f"{video.width}x{video.height}" if video.width else "(no video yet)"
