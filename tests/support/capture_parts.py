"""The capture service's parts around a temporary video folder, all of them real; only cameras and Redis are absent."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from capture_service.committer import Committer
from capture_service.open_files import OpenFiles
from capture_service.packets import Packet, StreamFormat
from capture_service.recorder import Recorder
from capture_service.retention import Retention
from capture_service.salvage import Salvage
from capture_service.segment_chain import Surroundings
from capture_service.store import SegmentStore
from capture_service.timestamps import Mended, Step
from shared_utils.clock import SystemClock
from shared_utils.config.schema import CameraConfig, StorageConfig
from shared_utils.logs import GAPS_LOG, JsonlLog
from shared_utils.outbox import Outbox
from shared_utils.queue import TaskQueue
from shared_utils.segments import Manifest, VideoDir, read_manifest


class CaptureParts:
    """What a recorder needs, and what it leaves."""

    def __init__(self, root: Path, queues: Mapping[str, TaskQueue] | None = None) -> None:
        self.video, self.clock = VideoDir(root), SystemClock()
        self.origin = self.clock.monotonic() - 60.0  # when a packet with time 0 arrived
        self.gaps_log = JsonlLog(root, GAPS_LOG, self.clock)
        self.retention = Retention(self.video, StorageConfig(keep_free_gb=0), self.clock)
        self.outbox = Outbox(self.video, queues or {}, self.clock)
        self.store = SegmentStore(self.video, self.outbox, self.retention, lambda: None)
        self.salvage = Salvage(self.video, self.store)
        self.open_files = OpenFiles(self.clock)
        self.committer = Committer(self.video, self.store, self.retention, self.gaps_log, self.open_files, self.clock)
        self.around = Surroundings(self.video, self.committer, self.open_files, self.clock)

    def recorder(self, config: CameraConfig) -> Recorder:
        return Recorder("cam", config, self.around, settle_seconds=0)

    def manifests(self) -> list[Manifest]:
        return [read_manifest(path) for path in sorted(self.video.outbox.glob("*.json"))]

    def leftovers(self) -> list[str]:
        """Names of files that a finished service must not leave."""
        return sorted(path.name for path in self.video.root.rglob("*.*") if path.suffix in {".part", ".repair"})


@contextmanager
def capture_parts(root: Path) -> Iterator[CaptureParts]:
    """Parts whose committer runs while the block does; what was handed over is finished behind it."""
    parts = CaptureParts(root)
    parts.committer.start()
    try:
        yield parts
    finally:
        assert parts.committer.stop(20.0)


def camera_config(**settings: object) -> CameraConfig:
    return CameraConfig.model_validate({"url": SecretStr("rtsp://127.0.0.1/cam"), "segment_seconds": 2, **settings})


def feed(recorder: Recorder, packets: Sequence[Packet], stream: StreamFormat, parts: CaptureParts) -> None:
    """Hand packets over as if each had arrived when its own time says."""
    for packet in packets:
        recorder.take(Mended(arriving(packet, parts), Step.SMOOTH), stream)


def arriving(packet: Packet, parts: CaptureParts) -> Packet:
    """The packet with the time of arrival that its own time says."""
    return replace(packet, arrived=parts.origin + packet.dts_seconds)
