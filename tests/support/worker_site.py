"""A video folder with a worker on it, and a segment in which a block moves."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared_utils.analysis.showing import Showing
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import SystemClock
from shared_utils.folder_mark import mark_folder
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.models import ModelMissingError, UnusableModelError
from shared_utils.segments import Manifest, MotionLook, VideoDir, VideoInfo, write_manifest
from shared_utils.tasks import Task, task_for
from tests.support.clips import make_clip
from tests.support.detectors import BlockDetector
from video_worker.detectors import (
    Detection,
    Detector,
    Detectors,
    Image,
)
from video_worker.objects import ObjectWorker, WorkerOptions, object_worker

STARTED = datetime(2026, 11, 20, 10, 15, 0, 123_000, tzinfo=UTC)
SEGMENT = "front-20261120T101500123Z"


class Blind(BlockDetector):
    """Finds nothing, ever."""

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        return [[] for _ in images]


def load(name: str) -> Detector:
    """The models of this site: two block finders, a blind one, and one that is damaged."""
    match name:
        case "block-2":
            return BlockDetector(name)
        case "blind":
            return Blind(name)
        case "damaged":
            raise UnusableModelError(Path("damaged.onnx"), "it cannot be loaded")
        case _:
            raise ModelMissingError(name, Path("models"))


@cache
def clip() -> bytes:
    """Six seconds in which the block is there from 2 to 4."""
    with TemporaryDirectory() as folder:
        return make_clip(Path(folder) / "clip.mp4", seconds=6, moving=[(2, 4)]).read_bytes()


class WorkerSite:
    """A marked video folder with a worker on it that knows the camera `front`."""

    def __init__(self, root: Path) -> None:
        self.video, self.detector = VideoDir(root), BlockDetector()
        self.options = WorkerOptions(showing=Showing(open_cameras=frozenset({"front"})))
        self.video.segments.mkdir(parents=True)
        mark_folder(root, SystemClock())
        self.worker = self.worker_with(self.options)

    def worker_with(self, options: WorkerOptions, results: ResultLog | None = None) -> ObjectWorker:
        clock = SystemClock()
        return object_worker(
            self.video,
            results or ResultLog(self.video.root, DETECTIONS_LOG, clock),
            Detectors(self.detector, load),
            options=options,
            status=WorkerStatus(self.detector.name, write=lambda _: None, remove=lambda: None),
            clock=clock,
        )

    def add_segment(self, *, tasks: tuple[str, ...] = ("video_queue",), **changes: Any) -> Task:
        """Record the clip, its manifest beside it; its task."""
        path = self.video.segment(SEGMENT)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clip())
        looks = tuple(MotionLook(t=2 + number / 5, area=0.03, boxes=()) for number in range(10))
        manifest = Manifest(
            segment_id=SEGMENT,
            camera="front",
            event_id="front-20261120T101430000Z",
            trigger="motion",
            started_at=STARTED,
            duration_seconds=6.0,
            filename=self.video.segment_filename(SEGMENT),
            size_bytes=path.stat().st_size,
            video=VideoInfo(codec="h264", width=640, height=360, fps=15),
            motion=looks,
            tasks=tasks,
        ).model_copy(update=changes)
        write_manifest(self.video.manifest(SEGMENT), manifest)
        return task_for(manifest, queued_at=STARTED)

    @property
    def lines(self) -> list[dict[str, Any]]:
        path = self.video.root / f"{DETECTIONS_LOG}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def line(self) -> dict[str, Any]:
        (line,) = self.lines
        return line
