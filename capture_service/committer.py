"""The thread that finishes segments, so that no camera ever waits for a disk to confirm something."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import Empty, Full, Queue
from threading import Event, Thread

from capture_service.camera_lock import CameraLock
from capture_service.complaints import Complaints
from capture_service.draft import Draft, manifest_of
from capture_service.errors import CameraTakenError
from capture_service.gaps import Gap
from capture_service.looks import LookBook
from capture_service.metrics import GAPS, STORAGE_FAILURES, UNFINISHED
from capture_service.mp4_file import Measured
from capture_service.open_files import OpenFiles
from capture_service.salvage import Salvage
from capture_service.segment_writer import SegmentWriter
from capture_service.store import RoomMaker, SegmentStore
from shared_utils.clock import Clock
from shared_utils.errors import SegmentError, StorageError
from shared_utils.logs import JsonlLog
from shared_utils.segments import VideoDir, VideoInfo

log = logging.getLogger(__name__)

MAX_WAITING = 200
HAND_OVER_SECONDS = 0.5
LATE_LOOKS_SECONDS = 2.0  # how long a manifest waits for the last looks of its segment
TRY_AGAIN_SECONDS = 30.0
MAX_GAPS_KEPT = 1000  # that the disk did not take yet


@dataclass(frozen=True, slots=True)
class Recorded:
    """A segment that gets no more packets."""

    draft: Draft
    writer: SegmentWriter
    looks: LookBook
    ended: float  # monotonic seconds


class Committer:
    """Takes finished segments, failed segments and gaps over from the cameras, and finishes them in turn."""

    def __init__(  # noqa: PLR0917  the world is passed in
        self,
        video: VideoDir,
        store: SegmentStore,
        retention: RoomMaker,
        gaps_log: JsonlLog,
        open_files: OpenFiles,
        clock: Clock,
        require_folder: Callable[[], None] = lambda: None,
    ) -> None:
        """`require_folder` raises StorageError while the video folder is away: nothing is written meanwhile."""
        self._video, self._store, self._retention = video, store, retention
        self._gaps_log, self._open_files, self._clock = gaps_log, open_files, clock
        self._require_folder = require_folder
        self._salvage = Salvage(video, store)
        self._jobs: Queue[tuple[str, Callable[[], None]]] = Queue(MAX_WAITING)
        self._unfinished: dict[str, tuple[str, ...]] = {}  # segment id: its tasks
        self._gaps: deque[Gap] = deque(maxlen=MAX_GAPS_KEPT)  # not in the log yet
        self._try_again_at = 0.0
        self._due: deque[str] = deque()  # of the unfinished, those to be tried in this pass
        self._refused = False  # whether the disk refused one in this pass
        self._complaints = Complaints(clock)
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def stop(self, timeout_seconds: float) -> bool:
        """Finish what was handed over; False if that took too long. It is salvaged at the next start then."""
        self._stop.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def opening(self) -> None:
        """A segment begins: make room for it."""
        self._hand_over("making room", self._make_room)

    def finished(self, recorded: Recorded) -> None:
        """A segment has ended."""
        self._hand_over(f"segment {recorded.draft.segment_id}", partial(self._commit, recorded))

    def failed(self, draft: Draft) -> None:
        """The disk did not take a segment: save what is there, after making room."""
        STORAGE_FAILURES.labels(draft.camera).inc()
        self._hand_over(f"segment {draft.segment_id}", partial(self._save_failed, draft))

    def unfinished(self, segment: str, tasks: tuple[str, ...]) -> None:
        """A segment that could not be salvaged: make room, and try it until it succeeds."""
        self._hand_over(f"segment {segment}", partial(self._save, segment, tasks))

    def gap(self, gap: Gap) -> None:
        """Video was missing."""
        GAPS.labels(gap.camera).inc()
        self._hand_over(f"the gap of camera {gap.camera}", partial(self._log_gap, gap))

    def salvage(self, camera: str) -> None:
        """Finish what a camera that nobody records any more has left."""
        self._hand_over(f"salvaging the segments of {camera}", partial(self._salvage_abandoned, camera))

    def _hand_over(self, what: str, job: Callable[[], None]) -> None:
        try:
            self._jobs.put((what, job), timeout=HAND_OVER_SECONDS)
        except Full:
            log.error("%s was not finished: the disk is too slow. Segments are salvaged at the next start.", what)

    def _run(self) -> None:
        self._attempt("reading what is stored", self._retention.load)
        while not (self._stop.is_set() and self._jobs.empty() and not self._due):
            try:
                what, job = self._jobs.get(block=not self._due, timeout=0.2)
            except Empty:
                what = ""
            if what:
                self._attempt(what, job)
            elif self._due:  # one at a time: it takes a second, in which segments end
                self._attempt("finishing segments", self._adopt_next)
            if (self._unfinished or self._gaps) and self._clock.monotonic() >= self._try_again_at:
                self._attempt("finishing segments", self._catch_up)

    def _attempt(self, what: str, job: Callable[[], None]) -> None:
        try:
            job()
        except (StorageError, SegmentError) as error:
            log.log(logging.ERROR if self._complaints.is_news(str(error)) else logging.DEBUG, "%s", error)
        except Exception:
            log.exception("%s failed by an error nobody expected", what)

    def _make_room(self) -> None:
        self._require_folder()
        self._retention.make_room(self._open_files.segments())

    def _commit(self, recorded: Recorded) -> None:
        """The order of writing; see `store`."""
        draft, writer = recorded.draft, recorded.writer
        self._open_files.remove(draft.segment_id)
        if not writer.frames:
            writer.abandon()
            self._store.discard(draft.segment_id)
            return
        try:
            writer.close()
            self._require_folder()
            self._store.publish(draft.segment_id)
            waited = self._clock.monotonic() - recorded.ended
            recorded.looks.wait_until(writer.last_frame_seconds, LATE_LOOKS_SECONDS - waited)
            motion = recorded.looks.between(writer.start, writer.end)
            self._require_folder()  # it was waited
            self._store.queue(manifest_of(draft, _measured(writer), self._video, motion))
            self._try_again_at = 0.0  # a disk that took this one may take those that it refused before
        except (StorageError, OSError):
            self._later(draft)
            raise

    def _save_failed(self, draft: Draft) -> None:
        self._open_files.remove(draft.segment_id)
        self._save(draft.segment_id, draft.tasks)

    def _save(self, segment: str, tasks: tuple[str, ...]) -> None:
        self._unfinished[segment] = tasks
        self._try_again_at = 0.0  # now, even if there is no room to be made
        self._make_room()

    def _salvage_abandoned(self, camera: str) -> None:
        self._require_folder()
        lock = CameraLock(self._video, camera)
        try:
            lock.acquire()
        except CameraTakenError:
            return  # another process records it, and salvages it
        try:
            self._salvage.adopt_all(camera, ())
        finally:
            lock.release()

    def _log_gap(self, gap: Gap) -> None:
        self._gaps.append(gap)
        self._log_gaps()

    def _log_gaps(self) -> None:
        """What the disk does not take now is written when it takes segments again."""
        while self._gaps:
            self._require_folder()
            self._gaps_log.append(self._gaps[0].as_line())
            self._gaps.popleft()

    def _catch_up(self) -> None:
        self._try_again_at = self._clock.monotonic() + TRY_AGAIN_SECONDS
        self._require_folder()
        # Those that still wait for their turn keep it: commits that succeed begin a new pass each time.
        self._due.extend(segment for segment in self._unfinished if segment not in self._due)
        self._refused = False
        self._log_gaps()

    def _adopt_next(self) -> None:
        """One that the disk still refuses must not hold up the others: a small one fits where a big one does not."""
        segment = self._due.popleft()
        try:
            self._salvage.adopt(segment, self._unfinished[segment])
            self._require_folder()  # else nothing was found because nothing is there
            del self._unfinished[segment]
        except StorageError:
            if not self._refused:  # the first of them tells for all
                self._refused = True
                raise
        finally:
            UNFINISHED.set(len(self._unfinished))

    def _later(self, draft: Draft) -> None:
        self._unfinished[draft.segment_id] = draft.tasks
        self._try_again_at = self._clock.monotonic() + TRY_AGAIN_SECONDS
        UNFINISHED.set(len(self._unfinished))


def _measured(writer: SegmentWriter) -> Measured:
    """What the writer put into the file; nobody needs to read it for that."""
    fmt, audio = writer.stream.video, writer.stream.audio
    fps = writer.frames / writer.duration_seconds if writer.duration_seconds > 0 else fmt.fps
    info = VideoInfo(codec=fmt.codec, width=fmt.width, height=fmt.height, fps=round(fps, 3))
    return Measured(info, audio.codec if audio else None, writer.frames, writer.duration_seconds)
