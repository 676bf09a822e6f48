"""A video folder with a face worker on it, a gallery, and a segment through which a known face moves."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from face_worker.analysis import FaceWorker, WorkerOptions, face_worker
from face_worker.engines import Engine, Engines
from shared_utils.analysis.detections import Floats
from shared_utils.analysis.showing import Showing
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import SystemClock
from shared_utils.gallery.appearances import Appearance, read_appearances
from shared_utils.gallery.snapshot import (
    GallerySnapshot,
    KnownIdentity,
    ModelVectors,
    snapshot_path,
    write_snapshot,
)
from shared_utils.logs import FACES_LOG, ResultLog
from shared_utils.models import ModelMissingError
from shared_utils.segments import VideoDir
from shared_utils.tasks import FACE_QUEUE, Task
from tests.support.face_engines import BlindEngine, BlockEngine
from tests.support.worker_site import SEGMENT, WorkerSite

OPTIONS = WorkerOptions(showing=Showing(open_cameras=frozenset({"front"})))


def load(name: str) -> Engine:
    """The other packs of this site: one more that finds the block, and a blind one."""
    match name:
        case "block-2":
            return BlockEngine(name)
        case "blind":
            return BlindEngine(name)
        case _:
            raise ModelMissingError(name, Path("models"))


def enrol(video: VideoDir, people: dict[str, Floats], model: str | None = None, version: int = 1) -> None:
    """Write the snapshot of a gallery with one embedding for each of these people."""
    model = model or BlockEngine().embedding_model
    embeddings = np.stack(list(people.values()))
    none = np.zeros((0, embeddings.shape[1]), np.float32)
    vectors = ModelVectors(embeddings, np.arange(len(people), dtype=np.int32), none, np.zeros(0, np.int32))
    identities = tuple(KnownIdentity(f"id-of-{name.lower()}", name) for name in people)
    path = snapshot_path(video)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_snapshot(path, GallerySnapshot(version, "gallery", identities, {model: vectors}))


class FaceSite:
    """A marked video folder with a worker on it that knows the camera `front`; the gallery is empty."""

    def __init__(self, root: Path, engine: Engine | None = None) -> None:
        self._objects = WorkerSite(root)
        self.video, self.engine = self._objects.video, engine or BlockEngine()
        self.worker = self.worker_with(OPTIONS)

    def worker_with(self, options: WorkerOptions) -> FaceWorker:
        clock = SystemClock()
        return face_worker(
            self.video,
            ResultLog(self.video.root, FACES_LOG, clock),
            Engines(self.engine, load),
            options=options,
            status=WorkerStatus(self.engine.name, write=lambda _: None, remove=lambda: None),
            clock=clock,
        )

    def add_segment(self, *, tasks: tuple[str, ...] = (FACE_QUEUE,), **changes: Any) -> Task:
        """Record six seconds in which the face is there from 2 to 4; its task."""
        return self._objects.add_segment(tasks=tasks, **changes)

    def appearances(self, model: str = "block-faces") -> list[Appearance]:
        return read_appearances(self.video.appearances(SEGMENT, model))

    @property
    def lines(self) -> list[dict[str, Any]]:
        path = self.video.root / f"{FACES_LOG}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def line(self) -> dict[str, Any]:
        (line,) = self.lines
        return line
