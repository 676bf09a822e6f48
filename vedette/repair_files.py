"""Mending the video folder: leftovers are adopted as capture adopts them, the rest is moved out of the way."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from capture_service.camera_lock import CameraLock
from capture_service.errors import CameraTakenError
from capture_service.retention_faces import is_orphaned
from capture_service.salvage import Salvage
from capture_service.store import SegmentStore
from shared_utils.clock import Clock
from shared_utils.config import Config
from shared_utils.errors import SegmentError
from shared_utils.outbox import Outbox
from shared_utils.queue import TaskQueue
from shared_utils.segments import parse_segment_id, read_manifest
from shared_utils.tasks import task_for
from vedette.checks.flaws import Flaw
from vedette.checks.footage import Footage
from vedette.repair_set_aside import SetAside


class _KeepsEverything:
    """In place of retention: a repair deletes nothing."""

    def load(self) -> None:
        """Nothing to know."""

    def make_room(self, writing: Collection[str]) -> None:
        """No."""

    def note_new(self, segment_id: str, size_bytes: int) -> None:
        """The capture service finds it at its next start."""


@dataclass(frozen=True, slots=True)
class FileRepair:
    """What can be done about flaws of files. Every method looks once more first, and says what it did, if anything."""

    config: Config
    clock: Clock
    queues: Mapping[str, TaskQueue] | None
    aside: SetAside

    def adopt_leftovers(self, camera: str) -> list[str]:
        """Bring to their end all segments that a camera's recording has left. Raises StorageError.

        Nothing is done while a capture service records the camera: what looks like a leftover may be in the making.
        """
        video, adopted = self.config.video, []
        outbox = Outbox(video, self.queues or {}, self.clock)
        store = SegmentStore(video, outbox, _KeepsEverything(), lambda: None)
        lock = CameraLock(video, camera)
        try:
            lock.acquire()
        except CameraTakenError:
            return []
        try:
            before = set(outbox.waiting())
            known = self.config.cameras.get(camera)
            Salvage(video, store).adopt_all(camera, known.queues if known else ())
            adopted = [segment for segment in outbox.waiting() if segment not in before]
        finally:
            lock.release()
        if self.queues is not None:
            for segment in adopted:
                outbox.send(segment)
        return [f"segment {segment} has its manifest" for segment in adopted]

    def set_aside(self, flaw: Flaw) -> str | None:
        """Move a file out of the way if it is still as wrong as it was. Raises OSError."""
        if not flaw.path.exists() or flaw not in self._flaws_now(flaw.path):
            return None
        return f"moved to {self._moved(flaw.path, f'{flaw.kind} {flaw.detail}'.strip())}"

    def set_picture_aside(self, flaw: Flaw) -> str | None:
        """A picture that must not be seen. Raises OSError."""
        return f"moved to {self._moved(flaw.path, flaw.kind.value)}" if flaw.path.exists() else None

    def delete_faces(self, flaw: Flaw) -> str | None:
        """Faces whose footage is gone; set aside, they would outlive it all the same. Raises OSError."""
        if not flaw.path.exists() or not is_orphaned(self.config.video, flaw.path):
            return None
        flaw.path.unlink(missing_ok=True)
        return "deleted"

    def send(self, flaw: Flaw) -> str | None:
        """Have a waiting manifest's tasks queued. Raises QueueUnavailableError and StorageError."""
        if self.queues is None or not Outbox(self.config.video, self.queues, self.clock).send(flaw.path.stem):
            return None
        return "its tasks are queued, and it lies beside its segment"

    def settle_double(self, flaw: Flaw) -> str | None:
        """Of two manifests of a segment the one beside it stays. Raises QueueUnavailableError and OSError."""
        if self.queues is None:
            return None
        manifest = read_manifest(flaw.path)
        for name in manifest.tasks:
            if name in self.queues:
                self.queues[name].push(task_for(manifest, self.clock.now()))
        return self.set_aside(flaw)

    def _flaws_now(self, path: Path) -> list[Flaw]:
        return Footage(self.config.video, self.clock).flaws_now(path)

    def _moved(self, path: Path, reason: str) -> Path:
        return self.aside.move(path, reason).relative_to(self.config.video_dir)


def camera_of(path: Path) -> str | None:
    """The camera that a leftover is of; None if it bears no segment's name."""
    try:
        return parse_segment_id(path.name.partition(".")[0])[0]
    except SegmentError:
        return None
