"""Packets and looks in, segments out: one recorder for each connection of a camera."""

import logging
from dataclasses import replace
from datetime import datetime
from threading import Lock

from capture_service.complaints import Complaints
from capture_service.events import EventRule, EventState
from capture_service.gaps import LEAST_GAP_SECONDS, Gap
from capture_service.looks import LookBook
from capture_service.motion import MotionSeen
from capture_service.packets import Packet, StreamFormat, VideoFormat
from capture_service.ring import PacketRing
from capture_service.segment_chain import SegmentChain, SegmentRule, Surroundings, wall_clock_of
from capture_service.timestamps import Mended, Step
from shared_utils.backoff import Backoff
from shared_utils.config.schema import CameraConfig
from shared_utils.errors import StorageError

log = logging.getLogger(__name__)

# The detector tells of motion later than it was: its queue, its decoder ...
LOOK_DELAY_SECONDS = 3.0
IDLE_DELAY_SECONDS = 2.0  # ... and, while it sleeps, the keyframe that wakes it
ASSUMED_EVERY_SECONDS = 0.5  # close enough together for a worker to look at all that lies between
TOO_BUSY = (
    "camera %s: this machine is too busy to look for motion in all that comes, and records what it could not look at"
)
BLIND = "camera %s: no motion can be looked for in what it sends now, so all of it is recorded"
FINISH_SECONDS = 2.0
# Right after connecting, packets come in one burst; when the first ones came is known only after it.
SETTLE_SECONDS = 0.3


class Recorder:
    """Decides what is kept of one connection's packets.

    `take` is called by the thread that owns the connection, `look` by the motion detector's, and `finish` by whoever
    ends it: a camera that hangs must not keep its segment open when the service stops.
    """

    def __init__(
        self, camera: str, config: CameraConfig, around: Surroundings, settle_seconds: float = SETTLE_SECONDS
    ) -> None:
        self._settle_seconds = settle_seconds
        self._camera, self._records = camera, config.record != "off"
        self._clock, self._committer = around.clock, around.committer
        self._events = EventState(EventRule(config.record, config.pre_roll_seconds, config.post_roll_seconds))
        delay = LOOK_DELAY_SECONDS + (IDLE_DELAY_SECONDS if config.motion.idle else 0)
        self._ring = PacketRing(config.pre_roll_seconds + delay, round(config.pre_roll_max_mb * 1e6))
        self._looks = LookBook()
        rule = SegmentRule(
            camera,
            "continuous" if config.record == "continuous" else "motion",
            config.segment_seconds,
            config.queues,
        )
        self._chain = SegmentChain(rule, self._looks, around)
        self._lock = Lock()
        self._stream: StreamFormat | None = None
        self._finished = False
        # The ring holds at least that much: what comes after a disk takes segments again is not lost.
        self._backoff = Backoff(longest_seconds=config.pre_roll_seconds + LOOK_DELAY_SECONDS)
        self._begun_with: list[Packet] = []  # what is being written of the ring
        self._begin_at = 0.0
        self._assumed_at = float("-inf")  # when motion was noted that nobody saw
        self._complaints = Complaints(around.clock)
        self._failing_since: datetime | None = None

    @property
    def is_recording(self) -> bool:
        return self._chain.is_open

    @property
    def is_failing(self) -> bool:
        """Whether video is lost because the disk does not take it."""
        return self._failing_since is not None

    @property
    def event_goes_on(self) -> bool:
        """Whether something moved not long ago, as far as is known."""
        return self._records and self._events.goes_on

    def resume_event(self) -> None:
        """Record from the first keyframe on, until the detector has had time to say that nothing moves."""
        self._events.resume()

    def look(self, seen: MotionSeen) -> None:
        """One look of the motion detector."""
        with self._lock:
            self._events.saw(seen.t, moving=seen.moving)
        self._looks.add(seen)

    def not_looked_at(self, packet: Packet, video: VideoFormat, why: str = TOO_BUSY) -> None:
        """The detector did not look at this packet: what nobody looked at is recorded, as if everything moved.

        A machine that has too much to do then costs disk, and not footage.
        """
        t = packet.pts_seconds
        with self._lock:
            self._events.assume_motion(t)
        if abs(t - self._assumed_at) >= ASSUMED_EVERY_SECONDS:
            self._assumed_at = t
            whole = (0, 0, video.width, video.height)
            self._looks.assume(MotionSeen(t, moving=True, area=1.0, boxes=(whole,)))
        if self._complaints.is_news(why):
            log.warning(why, self._camera)

    def take(self, mended: Mended, stream: StreamFormat) -> None:
        """One packet, and the format it is in. A disk that fails is dealt with here: recording is tried again."""
        with self._lock:
            if self._finished or not self._records:
                return
            try:
                self._take(mended, stream)
            except StorageError as error:
                self._storage_failed(error)

    def finish(self) -> None:
        """Hand over what is open; later packets are ignored. May be called twice."""
        # The thread that owns the connection may hang in a write to a dead disk.
        if not self._lock.acquire(timeout=FINISH_SECONDS):
            log.error("camera %s: its segment cannot be ended, because the disk does not answer", self._camera)
            return
        try:
            self._finished = True
            self._ring.clear()
            self._chain.finish()
            self._tell_gap(self._clock.now())
        finally:
            self._lock.release()

    def no_more_looks(self) -> None:
        """The motion detector has stopped: no manifest needs to wait for it."""
        self._looks.close()

    def _take(self, mended: Mended, stream: StreamFormat) -> None:
        packet = mended.packet
        self._prepare(mended.step, stream)
        if packet.kind == "video" and packet.is_keyframe and self._chain.is_open:
            self._end_if_over(packet)
        if self._chain.is_open:
            self._chain.write(packet, stream)
            return
        self._chain.late(packet)
        self._ring.add(packet)
        if packet.kind == "video":
            self._begin_if_wanted(packet, stream)

    def _prepare(self, step: Step, stream: StreamFormat) -> None:
        """Make what was kept so far fit to be followed by the next packet."""
        if step is Step.HOLE:
            # The frames up to the next keyframe need others that never came.
            self._chain.end_event()
            self._ring.clear()
        elif step is Step.JUMP:
            self._chain.cut_at_next_keyframe()
        if stream is not self._stream:
            if self._stream is None:
                self._begin_at = self._clock.monotonic() + self._settle_seconds
            self._stream = stream
            self._ring.clear()  # a segment has one format

    def _end_if_over(self, keyframe: Packet) -> None:
        if self._events.is_over(keyframe.dts_seconds):
            self._chain.end_event(keyframe)
            self._events.end()
            log.info("camera %s: the event is over", self._camera)

    def _begin_if_wanted(self, newest: Packet, stream: StreamFormat) -> None:
        wanted_from = self._events.wanted_from
        if wanted_from is None or self._clock.monotonic() < self._begin_at:
            return
        packets = self._begun_with = [_aged(packet, newest) for packet in self._ring.take_from(wanted_from)]
        if packets:
            self._events.began(packets[0].dts_seconds)
        for packet in packets:
            self._chain.write(packet, stream)
        self._begun_with = []
        if packets and self._failing_since is not None:
            log.warning("camera %s: the disk takes segments again", self._camera)
            self._backoff.reset()
            self._tell_gap(wall_clock_of(packets[0], self._clock))

    def _storage_failed(self, error: StorageError) -> None:
        if self._failing_since is None:
            log.error("camera %s: %s Recording is tried again until it succeeds.", self._camera, error)
            self._failing_since = self._clock.now()
        else:
            log.debug("camera %s: tried again in vain: %s", self._camera, error)
        if not self._chain.fail():
            for packet in self._begun_with:
                self._ring.add(packet)
        self._begun_with = []
        self._begin_at = self._clock.monotonic() + self._backoff.next_pause()

    def _tell_gap(self, until: datetime) -> None:
        since, self._failing_since = self._failing_since, None
        if since is not None and (until - since).total_seconds() >= LEAST_GAP_SECONDS:
            self._committer.gap(Gap(self._camera, since, until, "the disk did not take the video"))


def _aged(packet: Packet, newest: Packet) -> Packet:
    """The packet with its arrival told by its age: right after connecting, packets come in one burst."""
    age = newest.dts_seconds - packet.dts_seconds
    return replace(packet, arrived=min(packet.arrived, newest.arrived - age))
