"""One camera: plays its clips round after round in real time and hands the packets to whoever watches."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

from rtsp_emulator import rtp
from rtsp_emulator.clips import AccessUnit, Clip, Kind, Track
from rtsp_emulator.faults import Fault, FaultBoard, FaultOrder
from rtsp_emulator.media_clock import MediaClock
from rtsp_emulator.sdp import payload_type
from rtsp_emulator.spoiling import Spoiler
from shared_utils.clock import Clock

log = logging.getLogger(__name__)

LOOK_UP_SECONDS = 0.1  # how soon a waiting camera notices a change of speed
# A camera that was frozen does not send afterwards what it has missed.
TOO_LATE_SECONDS = 1.0
BURST_PACKETS, BURST_PAUSE_SECONDS = 16, 0.001
VIDEO_CODECS = ("h264", "hevc")
SWITCHING = (Fault.CHANGE_CODEC, Fault.CHANGE_RESOLUTION)  # faults that play another clip


class Viewer(Protocol):
    """A client that is playing."""

    def send(self, kind: Kind, packets: Sequence[bytes]) -> None:
        """Take RTP and RTCP packets, without waiting."""

    def send_noise(self, noise: bytes) -> None:
        """Take bytes that are no packet at all."""

    def close(self) -> None:
        """The camera ends the session."""


class Camera:
    """Its clock runs on whether or not anybody watches, so that clients join in the middle of a GOP."""

    def __init__(
        self,
        name: str,
        clips: Sequence[Clip],
        make_other_clip: Callable[[Fault], Awaitable[Clip]],
        clock: Clock,
        *,
        wait_for_client: bool = False,
        start_seconds: float = 0.0,
    ) -> None:
        self.name, self.faults = name, FaultBoard()
        self._clips, self._clip = clips, clips[0]
        self._make_other_clip = make_other_clip
        self._other_clips: dict[Fault, Clip] = {}
        self._making_other_clip = asyncio.Lock()
        self._codec_change_closes = False
        self._frames_sent = self._frames_late = 0
        self._clock, self._media_clock = clock, MediaClock()
        rng = random.Random()  # noqa: S311  # noise, not a secret
        self._spoiler = Spoiler(self.faults, rng)
        self._viewers: set[Viewer] = set()
        self._last_report: dict[Kind, bytes] = {}
        self._wait_for_client, self._first_viewer, self._started = wait_for_client, asyncio.Event(), False
        self._round, self._round_began = 0, -Fraction(start_seconds).limit_denominator(1000)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What a client that comes now is told: the tracks of the first clip, in the present clip's size and codec."""
        return tuple(self._playing(told.kind) or told for told in self._told_clip.tracks)

    @property
    def _told_clip(self) -> Clip:
        """The clip whose codecs clients are told: the first, unless the camera has changed its codec."""
        changed = self._other_clips.get(Fault.CHANGE_CODEC)
        return changed if changed is not None and self._clip is changed else self._clips[0]

    def add_viewer(self, viewer: Viewer) -> None:
        """Send to this client from the next packet on, after the last sender reports: they tell it the time."""
        for kind, report in self._last_report.items():
            viewer.send(kind, [report])
        self._viewers.add(viewer)
        self._first_viewer.set()

    def remove_viewer(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)

    async def misbehave(self, order: FaultOrder) -> None:
        """Do what a fault says to the packets; what it says to connections is the server's part."""
        if order.fault is Fault.TIMESTAMP_JUMP:
            self._spoiler.jump(order.by_seconds)
            self._last_report.clear()
            return
        if order.fault in SWITCHING:
            async with self._making_other_clip:  # ordered twice at once, it is made once
                if order.fault not in self._other_clips:
                    self._other_clips[order.fault] = await self._make_other_clip(order.fault)
        self.faults.begin(order, self._clock.monotonic())

    def status(self) -> dict[str, Any]:
        """Where the camera stands, for `GET /status`."""
        now = self._clock.monotonic()
        video, audio = self._clip.video, self._clip.audio
        position = self._media_clock.media_time(now) - float(self._round_began) if self._started else 0.0
        return {
            "clip": self._clip.path.name,
            "clip_seconds": float(self._clip.length),
            "codec": video.codec,
            "width": video.width,
            "height": video.height,
            "fps": round(video.fps, 3),
            "audio": audio.codec if audio else None,
            "playing": self._started,
            "position_seconds": round(position, 3),
            "loop": self._round,
            "viewers": len(self._viewers),
            "frames_sent": self._frames_sent,
            "frames_late": self._frames_late,
            "faults": self.faults.report(now),
        }

    async def run(self) -> None:
        """Play until cancelled."""
        packetisers = self._packetisers()
        try:
            if self._wait_for_client:
                await self._first_viewer.wait()
            for packetiser in packetisers.values():
                packetiser.begin()
            self._media_clock.begin(self._clock.monotonic())
            self._started = True
            await self._play(packetisers)
        finally:
            for packetiser in packetisers.values():
                packetiser.close()

    def _packetisers(self) -> dict[str, rtp.Packetiser]:
        """One for each codec: that of a change to come has to know the camera's timestamp zero from the beginning."""
        video, *others = self._clips[0].tracks
        videos = [replace(video, codec=codec) for codec in VIDEO_CODECS]
        numbered = [(0, track) for track in videos] + list(enumerate(others, 1))
        return {track.codec: rtp.Packetiser(track, payload_type(number)) for number, track in numbered}

    async def _play(self, packetisers: Mapping[str, rtp.Packetiser]) -> None:
        while True:
            for unit in self._clip.units:
                due = self._round_began + unit.starts_at
                if due < 0:  # before the point where the camera was told to start
                    continue
                await self._wait_until(float(due))
                if unit.kind == "video" and self._switched_at(due):
                    break
                await self._send(unit, packetisers)
            else:
                self._begin_next_round()

    def _begin_next_round(self) -> None:
        self._round, self._round_began = self._round + 1, self._round_began + self._clip.length
        if self._clip not in self._other_clips.values():
            self._clip = self._clips[self._round % len(self._clips)]

    def _switched_at(self, due: Fraction) -> bool:
        """Begin another clip at this picture, or go back from it, if the faults have changed so."""
        wanted, now = self._wanted_other_clip(), self._clip
        if wanted is now or (wanted is None and now not in self._other_clips.values()):
            return False
        self._clip = wanted or self._clips[0]
        self._round, self._round_began = 0, due
        if self._clip.video.codec != now.video.codec:
            self._codec_changed()
        return True

    def _wanted_other_clip(self) -> Clip | None:
        now = self._clock.monotonic()
        if change := self.faults.order(Fault.CHANGE_CODEC, now):
            self._codec_change_closes = change.closes  # the change back is of the same manner
        return next((clip for fault, clip in self._other_clips.items() if self.faults.holds(fault, now)), None)

    def _codec_changed(self) -> None:
        self._last_report.clear()
        if self._codec_change_closes:
            for viewer in tuple(self._viewers):
                viewer.close()

    async def _wait_until(self, media_seconds: float) -> None:
        while True:
            now = self._clock.monotonic()
            slow = self.faults.order(Fault.SLOW, now)
            self._media_clock.run_at(slow.speed if slow else 1.0, now)
            wait_seconds = self._media_clock.wall_time(media_seconds) - now
            if wait_seconds <= 0:
                return
            await asyncio.sleep(min(wait_seconds, LOOK_UP_SECONDS))

    async def _send(self, unit: AccessUnit, packetisers: Mapping[str, rtp.Packetiser]) -> None:
        now, track = self._clock.monotonic(), self._playing(unit.kind)
        if track is None or not self._is_sent(unit, now):
            return
        packets = packetisers[track.codec].packets(unit, round(self._round_began * track.clock_rate))
        packets = self._spoiler.spoil(unit.kind, packets, track.clock_rate, now)
        for report in filter(rtp.is_sender_report, packets):
            self._last_report[unit.kind] = report
        noise = self._spoiler.noise(now)
        for begin in range(0, len(packets), BURST_PACKETS):
            if begin:  # a keyframe sent in one go overruns the receive buffer of a UDP client
                await asyncio.sleep(BURST_PAUSE_SECONDS)
            for viewer in tuple(self._viewers):
                if noise:
                    viewer.send_noise(noise)
                viewer.send(unit.kind, packets[begin : begin + BURST_PACKETS])

    def _playing(self, kind: Kind) -> Track | None:
        """The present clip's track, unless it is another than the one that clients are told of."""
        told = next((track for track in self._told_clip.tracks if track.kind == kind), None)
        playing = next((track for track in self._clip.tracks if track.kind == kind), None)
        return playing if told and playing and told.payload == playing.payload else None

    def _is_sent(self, unit: AccessUnit, now: float) -> bool:
        silent = [Fault.STALL, Fault.HANG] + ([Fault.VIDEO_STOPS] if unit.kind == "video" else [])
        if not self._viewers or any(self.faults.holds(fault, now) for fault in silent):
            return False
        late_seconds = now - self._media_clock.wall_time(float(self._round_began + unit.starts_at))
        is_late = late_seconds >= TOO_LATE_SECONDS
        if unit.kind == "video":
            self._frames_late += is_late
            self._frames_sent += not is_late
        return not is_late
