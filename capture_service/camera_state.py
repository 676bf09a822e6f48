"""What is known about a camera right now: for the status file, the metrics and the log."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from capture_service.metrics import RECORDING, STREAMING
from capture_service.packets import Packet, VideoFormat
from shared_utils.clock import to_iso

Connection = Literal["connecting", "streaming", "away"]

RATE_SECONDS = 10.0  # what the measured rates look back over


@dataclass(frozen=True, slots=True)
class Rates:
    """What a camera really sends."""

    fps: float = 0.0
    bitrate_kbps: float = 0.0
    keyframe_seconds: float | None = None


class RateMeter:
    """Measures the last seconds of video by the camera's own times."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()  # DTS in seconds, bytes
        self._keyframes: deque[float] = deque(maxlen=4)

    def add(self, packet: Packet) -> None:
        now = packet.dts_seconds
        self._seen.append((now, len(packet.data)))
        while self._seen[0][0] < now - RATE_SECONDS:
            self._seen.popleft()
        if packet.is_keyframe:
            self._keyframes.append(now)

    def rates(self) -> Rates:
        seen = list(self._seen)
        if len(seen) < 2:
            return Rates()
        seconds = seen[-1][0] - seen[0][0]
        keyframes = list(self._keyframes)
        between = (keyframes[-1] - keyframes[0]) / (len(keyframes) - 1) if len(keyframes) > 1 else None
        return Rates(
            fps=round((len(seen) - 1) / seconds, 2),
            bitrate_kbps=round(sum(size for _, size in seen[1:]) * 8 / seconds / 1000, 1),
            keyframe_seconds=None if between is None else round(between, 2),
        )


class CameraState:
    """Written by the camera's threads and read by the one that writes the status: single values only."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self.connection: Connection = "connecting"
        self.reason: str | None = None
        self.video: VideoFormat | None = None
        self.meter = RateMeter()
        self.moving = False
        self.recording = False
        self.storage_fails = False
        self.reconnects = 0
        self.last_packet_at: datetime | None = None
        self.last_motion_at: datetime | None = None

    def became(self, connection: Connection, reason: str | None = None) -> bool:
        """Note a state; whether that is news."""
        news = (connection, reason) != (self.connection, self.reason)
        self.connection, self.reason = connection, reason
        STREAMING.labels(self._camera).set(connection == "streaming")
        return news

    def as_status(self, segments: int) -> dict[str, Any]:
        """Plain JSON for the status file; `segments` is how many were recorded."""
        RECORDING.labels(self._camera).set(self.recording)
        rates = self.meter.rates() if self.connection == "streaming" else Rates()
        return {
            "state": self.connection,
            "reason": self.reason,
            "codec": self.video.codec if self.video else None,
            "width": self.video.width if self.video else None,
            "height": self.video.height if self.video else None,
            "fps": rates.fps,
            "bitrate_kbps": rates.bitrate_kbps,
            "keyframe_seconds": rates.keyframe_seconds,
            "moving": self.moving,
            "recording": self.recording,
            "segments": segments,
            "last_packet_at": to_iso(self.last_packet_at) if self.last_packet_at else None,
            "last_motion_at": to_iso(self.last_motion_at) if self.last_motion_at else None,
            "reconnects": self.reconnects,
        }
