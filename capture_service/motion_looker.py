"""Packets of one camera in, looks out: decodes what must be decoded, at the speed that the scene asks for."""

import logging
from collections.abc import Callable
from copy import deepcopy

from av.video.frame import VideoFrame

from capture_service.metrics import MOTION_IDLE
from capture_service.motion import MotionDetector, MotionSeen
from capture_service.motion_decoder import LumaDecoder, luma_of
from capture_service.motion_speed import MotionSpeed, SpeedRule, Waking
from capture_service.packets import Packet, VideoFormat
from shared_utils.config.schema import MotionConfig

log = logging.getLogger(__name__)


class LookPacer:
    """Chooses the frames to look at, so many a second of stream time, whatever the frame rate does."""

    def __init__(self, looks_per_second: float) -> None:
        self._interval = 1.0 / looks_per_second
        self._next: float | None = None

    def is_due(self, t: float) -> bool:
        """Whether the frame at `t` is to be looked at. A jump of the time, either way, starts over."""
        if self._next is None or abs(t - self._next) > 1.0 + self._interval:
            self._next = t
        # Frames rarely fall on the beat: one that is a little early is nearer to it than the next.
        if t < self._next - self._interval / 10:
            return False
        self._next = max(self._next + self._interval, t)
        return True


class HeldPackets:
    """The packets from the keyframe that was looked at last on; their bytes are shared with the recorder's ring."""

    def __init__(self) -> None:
        self._packets: list[Packet] = []
        self.looked_at = self.since = 0.0  # frame time of that keyframe, and its DTS
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._packets)

    def begin(self, keyframe: Packet, looked_at: float) -> None:
        self._packets, self.looked_at, self.since = [keyframe], looked_at, keyframe.dts_seconds
        self.size_bytes = len(keyframe.data)

    def add(self, packet: Packet) -> None:
        self._packets.append(packet)
        self.size_bytes += len(packet.data)

    def take(self) -> list[Packet]:
        packets, self._packets, self.size_bytes = self._packets, [], 0
        return packets


class Looker:
    """Decode, pace, detect: what the thread does with each packet. Without a thread, for files, it serves as well.

    While idle, keyframes alone are decoded. One that shows any change is only a trigger: the scene stays as it was
    after the quiet keyframe before, and every frame since then is looked at as if it had never slept.
    """

    def __init__(
        self,
        camera: str,
        settings: MotionConfig,
        video_format: VideoFormat,
        on_look: Callable[[MotionSeen], None],
        *,
        rule: SpeedRule | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_stopping` ends the decoding of what was held, which takes a while."""
        self._camera, self._settings, self._on_look, self._is_stopping = camera, settings, on_look, is_stopping
        self._format = video_format
        self._decoder = LumaDecoder(camera, video_format)
        self._speed = MotionSpeed(rule or SpeedRule(), enabled=settings.idle)
        self._held = HeldPackets()
        self._pacer = LookPacer(settings.looks_per_second)
        self._detector: MotionDetector | None = None
        self._size = (0, 0)
        self._looked_until = float("-inf")  # frames up to this time were looked at before; set by waking
        self._is_idle = MOTION_IDLE.labels(camera)
        self._is_idle.set(0)

    @property
    def is_idle(self) -> bool:
        return self._speed.is_idle

    def take(self, packet: Packet) -> None:
        self._speed.note(packet)
        if self._speed.is_idle:
            self._take_idle(packet)
        elif packet.is_keyframe and self._speed.may_sleep():
            self._try_to_sleep(packet)
        else:
            self._watch(packet)

    def recover(self) -> None:
        """After an error nobody expected: go on at the next keyframe with a scene learned anew."""
        self._held.take()
        self._become_watchful(Waking.ERROR)
        self._detector = None

    def _watch(self, packet: Packet) -> None:
        for frame in self._decoder.frames(packet):
            self._look(frame)

    def _try_to_sleep(self, keyframe: Packet) -> None:
        """Sleep if the keyframe can be decoded alone, by another decoder: the one that runs may go on."""
        decoder = LumaDecoder(self._camera, self._format)
        frame = decoder.keyframe_alone(keyframe)
        if frame is None:
            self._speed.keyframe_was_broken()
            self._watch(keyframe)
            return
        for last in self._decoder.rest():
            self._look(last)
        log.debug("camera %s: nothing moves, so only keyframes are looked at", self._camera)
        self._decoder = decoder
        self._speed.sleep()
        self._is_idle.set(1)
        self._held.begin(keyframe, self._looked_until)
        self._glance(keyframe, frame)

    def _take_idle(self, packet: Packet) -> None:
        self._held.add(packet)
        if why := self._speed.why_wake(self._held.since, self._held.size_bytes):
            self._wake(why)
        elif packet.is_keyframe and self._speed.is_due(self._held.since):
            self._glance(packet, self._decoder.keyframe_alone(packet))

    def _glance(self, keyframe: Packet, frame: VideoFrame | None) -> None:
        """Look at a keyframe that was decoded alone."""
        if frame is None:
            self._speed.keyframe_was_broken()
            self._wake(Waking.DAMAGE)
            return
        if self._detector is None or (frame.width, frame.height) != self._size:
            self._wake(Waking.OTHER_SIZE)
            return
        detector = deepcopy(self._detector)
        seen = detector.look(luma_of(frame), frame.time)
        if detector.unrest() > 0:
            self._wake(Waking.CHANGE)
            return
        self._detector = detector
        self._held.begin(keyframe, frame.time)
        self._on_look(seen)

    def _wake(self, why: Waking) -> None:
        """Find out where in the packets held the change began, and look at every frame from there on."""
        packets = self._held.take()
        self._looked_until = self._held.looked_at
        self._become_watchful(why)
        for packet in packets:
            if self._is_stopping():
                return
            self._watch(packet)

    def _become_watchful(self, why: Waking) -> None:
        log.debug("camera %s: every frame is looked at again: %s", self._camera, why)
        self._speed.wake(why)
        self._is_idle.set(0)
        self._decoder.skip_to_keyframe()
        self._pacer = LookPacer(self._settings.looks_per_second)

    def _look(self, frame: VideoFrame) -> None:
        # Every packet has a PTS, so every frame has a time.
        if not self._pacer.is_due(frame.time) or frame.time <= self._looked_until:
            return
        seen = self._detector_for(frame).look(luma_of(frame), frame.time)
        self._speed.saw(frame.time, something=bool(seen.boxes))
        self._on_look(seen)

    def _detector_for(self, frame: VideoFrame) -> MotionDetector:
        size = (frame.width, frame.height)
        if self._detector is None or size != self._size:
            self._size = size
            self._detector = MotionDetector(self._settings, *size)
        return self._detector
