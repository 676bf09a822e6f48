"""Motion detection beside recording: packets in without ever waiting, looks out, on a thread of its own."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

from av.video.frame import VideoFrame

from capture_service.metrics import MOTION_DROPPED
from capture_service.motion import MotionDetector, MotionSeen
from capture_service.motion_decoder import LumaDecoder, luma_of
from capture_service.packets import Packet, VideoFormat
from shared_utils.config.schema import MotionConfig

log = logging.getLogger(__name__)

# Looks that come later than the pre-roll is long could not be recorded from their beginning, so the queue is short.
MAX_QUEUED_PACKETS = 64
MAX_QUEUED_BYTES = 16 * 1024 * 1024


class PacketQueue:
    """A bounded queue that never makes its producer wait: when full, it drops up to the next keyframe it has room for.

    What was accepted before stays, so the consumer sees whole runs of packets, each beginning with a keyframe.
    """

    def __init__(self, max_packets: int = MAX_QUEUED_PACKETS, max_bytes: int = MAX_QUEUED_BYTES) -> None:
        self._max_packets, self._max_bytes = max_packets, max_bytes
        self._packets: deque[Packet] = deque()
        self._bytes = 0
        self._dropping = False
        self._closed = False
        self._changed = Condition()

    def put(self, packet: Packet) -> bool:
        """Whether the packet was taken; False means that it is dropped."""
        with self._changed:
            full = len(self._packets) >= self._max_packets or self._bytes + len(packet.data) > self._max_bytes
            if self._closed or full or (self._dropping and not packet.is_keyframe):
                self._dropping = True
                return False
            self._dropping = False
            self._packets.append(packet)
            self._bytes += len(packet.data)
            self._changed.notify()
            return True

    def get(self) -> Packet | None:
        """The next packet, waiting for it; None once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._packets or self._closed)
            if self._closed:
                return None
            packet = self._packets.popleft()
            self._bytes -= len(packet.data)
            return packet

    def close(self) -> None:
        """Let the consumer end; whatever is still queued is given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


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


class MotionWatch:
    """Looks for motion in one camera's packets. May be started again after `stop`, as on a reconnect."""

    def __init__(self, camera: str, settings: MotionConfig, on_look: Callable[[MotionSeen], None]) -> None:
        """`on_look` is called for every look, on this watch's own thread."""
        self._camera, self._settings, self._on_look = camera, settings, on_look
        self._queue = PacketQueue()
        self._thread: Thread | None = None
        self._dropped = MOTION_DROPPED.labels(camera)

    def start(self, video_format: VideoFormat) -> None:
        """Begin with an empty queue and nothing known of the scene; a watch that runs is stopped first."""
        self.stop()
        self._queue = PacketQueue()
        self._thread = Thread(
            target=self._run, args=(self._queue, video_format), name=f"motion-{self._camera}", daemon=True
        )
        self._thread.start()

    def offer(self, packet: Packet) -> None:
        """Hand over a packet; audio is ignored. Never blocks: a watch that is behind drops up to the next keyframe."""
        if packet.kind == "video" and self._thread is not None and not self._queue.put(packet):
            self._dropped.inc()

    def stop(self) -> None:
        """Return when the thread has ended and `on_look` is called no more. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.close()
            thread.join()

    def _run(self, queue: PacketQueue, video_format: VideoFormat) -> None:
        try:
            looker = Looker(self._camera, self._settings, video_format, self._on_look)
        except ValueError as error:
            log.error(
                "camera %s: no motion can be looked for in %s video (%s), so none is recorded for motion. "
                "Set the camera to H.264 or H.265",
                self._camera,
                video_format.codec,
                error,
            )
            return
        _watch(self._camera, queue, looker)


class Looker:
    """Decode, pace, detect: what the thread does with each packet. Without a thread, for files, it serves as well."""

    def __init__(
        self, camera: str, settings: MotionConfig, video_format: VideoFormat, on_look: Callable[[MotionSeen], None]
    ) -> None:
        self._camera, self._settings, self._on_look = camera, settings, on_look
        self._decoder = LumaDecoder(camera, video_format)
        self._pacer = LookPacer(settings.looks_per_second)
        self._detector: MotionDetector | None = None
        self._size = (0, 0)

    def take(self, packet: Packet) -> None:
        for frame in self._decoder.frames(packet):
            self._look(frame)

    def recover(self) -> None:
        """After an error nobody expected: go on at the next keyframe with a scene learned anew."""
        self._decoder.skip_to_keyframe()
        self._detector = None

    def _look(self, frame: VideoFrame) -> None:
        # Every packet has a PTS, so every frame has a time.
        if self._pacer.is_due(frame.time):
            self._on_look(self._detector_for(frame).look(luma_of(frame), frame.time))

    def _detector_for(self, frame: VideoFrame) -> MotionDetector:
        size = (frame.width, frame.height)
        if self._detector is None or size != self._size:
            self._size = size
            self._detector = MotionDetector(self._settings, *size)
        return self._detector


def _watch(camera: str, queue: PacketQueue, looker: Looker) -> None:
    while (packet := queue.get()) is not None:
        try:
            looker.take(packet)
        except Exception:
            log.exception("camera %s: motion detection failed on one packet and goes on at the next keyframe", camera)
            looker.recover()
