"""Segments that follow each other: each ends before the keyframe that the next one begins with.

No frame is lost at a joint and none is written twice; the audio goes where its time belongs, even when it comes late.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from capture_service.committer import Committer, Recorded
from capture_service.draft import Draft, write_draft
from capture_service.looks import LookBook
from capture_service.names import draft_path, new_segment, part_path
from capture_service.open_files import OpenFiles
from capture_service.packets import Packet, StreamFormat
from capture_service.salvage import HEADER_BYTES
from capture_service.segment_writer import SegmentWriter
from shared_utils.clock import Clock
from shared_utils.segments import VideoDir

log = logging.getLogger(__name__)

LATE_AUDIO_SECONDS = 1.0  # audio of a segment's end may come after the next one's first frame, or not at all
TICK_SECONDS = 0.001  # forgives the rounding of the camera's ticks


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """What all segments of a camera have in common."""

    camera: str
    trigger: Literal["motion", "continuous"]
    segment_seconds: float
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Open:
    draft: Draft
    writer: SegmentWriter


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where segments are written and who finishes them; the same for all cameras of a process."""

    video: VideoDir
    committer: Committer
    open_files: OpenFiles
    clock: Clock
    require_folder: Callable[[], None] = lambda: None  # raises StorageError while the video folder is away


class SegmentChain:
    """Writes packets into one segment after the other. Not for use by two threads at once."""

    def __init__(self, rule: SegmentRule, looks: LookBook, around: Surroundings) -> None:
        self._rule, self._looks = rule, looks
        self._video, self._committer = around.video, around.committer
        self._open_files, self._clock = around.open_files, around.clock
        self._require_folder = around.require_folder
        self._event_id: str | None = None
        self._current: _Open | None = None
        self._ending: _Open | None = None  # takes the audio that is still to come
        self._cut_due = False

    @property
    def is_open(self) -> bool:
        """Whether a segment is being written."""
        return self._current is not None

    def write(self, packet: Packet, stream: StreamFormat) -> None:
        """Add a packet; a keyframe begins a new segment where one is due. Raises StorageError; call `fail` then."""
        if packet.kind == "audio":
            self._write_audio(packet)
            return
        self._release_ending(packet.dts_seconds)
        if packet.is_keyframe and self._is_due(packet, stream):
            self._end_segment(packet)
            self._open(packet, stream)
        if self._current is not None:
            self._current.writer.write(packet)

    def late(self, packet: Packet) -> None:
        """A packet after the end of the event: only audio that is late for its last segment is taken."""
        if packet.kind == "audio":
            self._write_audio(packet)
        else:
            self._release_ending(packet.dts_seconds)

    def cut_at_next_keyframe(self) -> None:
        """Begin a new segment of the same event as soon as that can be."""
        self._cut_due = True

    def end_event(self, following: Packet | None = None) -> None:
        """End the segment, at the frame `following` if there is one. What is written next is another event."""
        self._end_segment(following)
        self._event_id = None

    def finish(self) -> None:
        """End everything at once, without waiting for late audio."""
        self.end_event()
        self._release_ending(float("inf"))

    def fail(self) -> bool:
        """A write failed: save what the segment holds; whether that is any video. The event goes on with the next."""
        failed, self._current = self._current, None
        if failed is None:
            return False
        holds_video = failed.writer.written_bytes > HEADER_BYTES
        failed.writer.abandon()
        self._committer.failed(failed.draft)
        return holds_video

    def _is_due(self, keyframe: Packet, stream: StreamFormat) -> bool:
        if self._current is None or self._cut_due:
            return True
        writer = self._current.writer
        lasted = keyframe.dts_seconds - writer.start
        return writer.stream is not stream or lasted >= self._rule.segment_seconds - TICK_SECONDS

    def _write_audio(self, packet: Packet) -> None:
        if self._ending is not None and packet.dts_seconds < self._ending.writer.end:
            self._ending.writer.write(packet)
            return
        self._release_ending(float("inf"))  # sound comes in order: the segment that has ended has all of its own
        if self._current is not None:
            self._current.writer.write(packet)

    def _open(self, keyframe: Packet, stream: StreamFormat) -> None:
        self._require_folder()
        arrived_at = wall_clock_of(keyframe, self._clock)
        segment, started_at = new_segment(self._video, self._rule.camera, arrived_at)
        self._event_id = self._event_id or segment
        draft = Draft(
            segment_id=segment,
            camera=self._rule.camera,
            event_id=self._event_id,
            trigger=self._rule.trigger,
            started_at=started_at,
            tasks=self._rule.tasks,
        )
        writer = SegmentWriter(part_path(self._video, segment), stream, keyframe)
        self._current, self._cut_due = _Open(draft, writer), False
        self._committer.opening()
        write_draft(draft_path(self._video, segment), draft)
        self._open_files.add(segment, writer.open(), draft_path(self._video, segment))

    def _end_segment(self, following: Packet | None) -> None:
        self._release_ending(float("inf"))
        ended, self._current = self._current, None
        if ended is None:
            return
        if following is not None:
            ended.writer.end_at(following)
        self._ending = ended
        if following is None or ended.writer.stream.audio is None:
            self._release_ending(float("inf"))

    def _release_ending(self, now: float) -> None:
        """Hand the segment that has ended over, once no late audio is to be expected any more."""
        if self._ending is not None and now >= self._ending.writer.end + LATE_AUDIO_SECONDS:
            ended, self._ending = self._ending, None
            self._committer.finished(Recorded(ended.draft, ended.writer, self._looks, self._clock.monotonic()))


def wall_clock_of(packet: Packet, clock: Clock) -> datetime:
    """When a packet arrived."""
    return clock.now() - timedelta(seconds=clock.monotonic() - packet.arrived)
