"""Motion detection beside recording: packets in without ever waiting, looks out, on a thread of its own."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

from capture_service.metrics import MOTION_DROPPED, MOTION_IDLE
from capture_service.motion import MotionSeen
from capture_service.motion_looker import Looker
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

    @property
    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Let the consumer end; whatever is still queued is given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


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

    def offer(self, packet: Packet) -> bool:
        """Hand over a packet; False if it will not be looked at.

        Never blocks: a watch that is behind drops up to the next keyframe. Audio is ignored.
        """
        if packet.kind != "video" or self._thread is None or self._queue.put(packet):
            return True
        self._dropped.inc()
        return False

    def stop(self) -> None:
        """Return when the thread has ended and `on_look` is called no more. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.close()
            thread.join()
            MOTION_IDLE.labels(self._camera).set(0)

    def _run(self, queue: PacketQueue, video_format: VideoFormat) -> None:
        try:
            looker = Looker(
                self._camera, self._settings, video_format, self._on_look, is_stopping=lambda: queue.is_closed
            )
        except ValueError as error:
            log.error(
                "camera %s: no motion can be looked for in %s video (%s), so all of it is recorded. "
                "Set the camera to H.264 or H.265",
                self._camera,
                video_format.codec,
                error,
            )
            queue.close()
            return
        _watch(self._camera, queue, looker)


def _watch(camera: str, queue: PacketQueue, looker: Looker) -> None:
    while (packet := queue.get()) is not None:
        try:
            looker.take(packet)
        except Exception:
            log.exception("camera %s: motion detection failed on one packet and goes on at the next keyframe", camera)
            looker.recover()
