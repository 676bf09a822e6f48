"""`vedette check --deep --repair`: mends what the check found, loses nothing, and can be killed at any moment.

Each deed is done by the code of the services, or moves something to `video/set-aside/`. Faces whose footage is gone are
the one thing that it deletes. It is told and added to
`video/repairs_log.jsonl`; killed between a deed and its line, the deed is done all the same.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from capture_service.names import part_path
from shared_utils.clock import Clock, to_iso
from shared_utils.config import Config
from shared_utils.errors import SegmentError, StorageError, TemporaryError, VedetteError
from shared_utils.logs import JsonlLog
from shared_utils.queue import TaskQueue
from vedette.checks.deep import DeepReport, queues_of
from vedette.checks.flaws import Flaw, FlawKind
from vedette.checks.footage import Progress
from vedette.checks.log_lines import ALL_LOGS, REPAIRS_LOG
from vedette.repair_files import FileRepair, camera_of
from vedette.repair_logs import mend_log
from vedette.repair_set_aside import SetAside
from vedette.repair_tasks import TaskRepair

log = logging.getLogger(__name__)

LOCK_NAME = ".repair.lock"
MOST_ROUNDS = 3  # what was moved away may show what lay behind it: a segment that has no manifest now
TASKS_TOLD_AT_ONCE = 200
_LOG_KINDS = {FlawKind.BAD_LINE, FlawKind.TORN_LINE, FlawKind.TWICE_LOGGED}


class RepairRunsError(VedetteError):
    """Another repair works on this folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"Another repair works on {folder}. Wait for it to end.")


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was mended."""

    kind: FlawKind
    about: str  # the file, the segment or the task
    done: str

    def to_json(self) -> dict[str, str]:
        return {"kind": self.kind.value, "about": self.about, "done": self.done}


def repair(
    config: Config,
    clock: Clock,
    check: Callable[[], DeepReport],
    mending: Callable[[], AbstractContextManager[Progress]] = lambda: nullcontext(lambda _done, _total: None),
) -> tuple[DeepReport, list[Deed]]:
    """Check, mend and check again until nothing is left to be done; what is wrong then, and all that was done.

    `mending` shows how far the mending is, between the checks. Raises RepairRunsError and StorageError.
    """
    deeds: list[Deed] = []
    with _alone(config.video_dir):
        for _ in range(MOST_ROUNDS):
            report = check()
            queues = None if report.queues_trouble else queues_of(config, clock)
            with mending() as progress:
                new = Repair(config, clock, queues, progress).mend(report.flaws)
            deeds += new
            if not new:
                return report, deeds
        return check(), deeds


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    if not folder.is_dir():
        yield
        return
    try:
        with FileLock(folder / LOCK_NAME, timeout=0):
            yield
    except Timeout as error:
        raise RepairRunsError(folder) from error
    except OSError as error:
        raise StorageError(f"The video folder {folder} cannot be written: {error}. Check its rights.") from error


class Repair:
    """Mends flaws, one kind after the other. One that cannot be mended now is left, and told by the next check."""

    def __init__(
        self, config: Config, clock: Clock, queues: Mapping[str, TaskQueue] | None, progress: Progress
    ) -> None:
        """Without queues only files are mended. `progress` is told how many tasks are queued again."""
        self._config, self._clock, self._progress = config, clock, progress
        self._aside = SetAside(config.video, clock)
        self._files = FileRepair(config, clock, queues, self._aside)
        self._tasks = TaskRepair(config, clock, queues) if queues is not None else None
        self._log = JsonlLog(config.video_dir, REPAIRS_LOG, clock)
        self._deeds: list[Deed] = []

    def mend(self, flaws: Sequence[Flaw]) -> list[Deed]:
        """What was done. Logs first: a line that is there counts when a task is missed."""
        by_kind: dict[FlawKind, list[Flaw]] = defaultdict(list)
        for flaw in flaws:
            by_kind[flaw.kind].append(flaw)
        self._mend_logs([flaw for flaw in flaws if flaw.kind in _LOG_KINDS])
        for kind in (FlawKind.BAD_MANIFEST, FlawKind.WRONG_PLACE, FlawKind.NO_SEGMENT):
            self._each(by_kind[kind], self._files.set_aside)
        self._each(by_kind[FlawKind.QUEUED_AND_WAITING], self._files.settle_double)
        self._each(by_kind[FlawKind.PRIVATE_PICTURE], self._files.set_picture_aside)
        self._each(by_kind[FlawKind.FACES_LEFT], self._files.delete_faces)
        self._adopt([*by_kind[FlawKind.NO_MANIFEST], *by_kind[FlawKind.HALF_WRITTEN]])
        self._each(
            [flaw for flaw in by_kind[FlawKind.HALF_WRITTEN] if self._is_no_leftover(flaw)], self._files.set_aside
        )
        self._each(by_kind[FlawKind.STILL_IN_OUTBOX], self._files.send)
        if self._tasks is not None:
            self._each(by_kind[FlawKind.WORKER_GONE] + by_kind[FlawKind.TASK_STUCK], self._tasks.put_back)
            self._each(by_kind[FlawKind.DEAD_WITHOUT_LINE], self._tasks.write_line)
            self._queue_again(by_kind[FlawKind.TASK_VANISHED], self._tasks)
        return self._deeds

    def _each(self, flaws: Sequence[Flaw], mend: Callable[[Flaw], str | None]) -> None:
        for flaw in flaws:
            about = flaw.detail if flaw.item else flaw.place(self._config.video_dir)
            with self._telling_failures(flaw.kind, about):
                if done := mend(flaw):
                    self._tell(flaw.kind, about, done)

    def _mend_logs(self, flaws: Sequence[Flaw]) -> None:
        for name in (*ALL_LOGS, REPAIRS_LOG):
            found = [flaw for flaw in flaws if flaw.path.name.startswith(name)]
            if not found:
                continue
            with self._telling_failures(found[0].kind, name):
                for done in mend_log(self._config.video, name, self._aside, self._clock):
                    self._tell(found[0].kind, name, done)

    def _adopt(self, flaws: Sequence[Flaw]) -> None:
        for camera in sorted({camera for flaw in flaws if (camera := camera_of(flaw.path))}):
            with self._telling_failures(FlawKind.NO_MANIFEST, f"camera {camera}"):
                for done in self._files.adopt_leftovers(camera):
                    self._tell(FlawKind.NO_MANIFEST, f"camera {camera}", done)

    def _is_no_leftover(self, flaw: Flaw) -> bool:
        """Whether salvage, of a repair or of the capture service, would never touch this."""
        path, video = flaw.path, self._config.video
        if path.parent == video.outbox or camera_of(path) is None:
            return True
        segment = path.name.partition(".")[0]
        orphan = path.suffix == ".repair" and not part_path(video, segment).exists()
        return orphan or video.segment(segment).parent != path.parent

    def _queue_again(self, flaws: Sequence[Flaw], tasks: TaskRepair) -> None:
        for queue in sorted({flaw.path.name for flaw in flaws}):
            segments = [flaw.item for flaw in flaws if flaw.path.name == queue]
            done: list[str] = []
            with self._telling_failures(FlawKind.TASK_VANISHED, queue):
                for number, segment in enumerate(tasks.queue_again(queue, segments), start=1):
                    done.append(segment)
                    self._progress(number, len(segments))
                    if len(done) == TASKS_TOLD_AT_ONCE:
                        self._tell_queued(queue, done)
            self._tell_queued(queue, done)

    def _tell_queued(self, queue: str, segments: list[str]) -> None:
        if segments:
            self._tell(FlawKind.TASK_VANISHED, queue, f"queued again: {', '.join(segments)}")
        segments.clear()

    @contextmanager
    def _telling_failures(self, kind: FlawKind, about: str) -> Iterator[None]:
        """One flaw that cannot be mended must not keep the others from it."""
        try:
            yield
        except (OSError, TemporaryError, SegmentError) as error:
            log.error("%s (%s) could not be mended: %s", kind.value, about, error)

    def _tell(self, kind: FlawKind, about: str, done: str) -> None:
        deed = Deed(kind, about, done)
        self._deeds.append(deed)
        line = {"schema": 1, "timestamp": to_iso(self._clock.now()), **deed.to_json()}
        with self._telling_failures(kind, about):
            self._log.append(line)
