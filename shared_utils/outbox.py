"""The outbox: manifests wait on disk until their tasks are queued, so that recording never waits for Redis.

Order of steps: the manifest is on disk in `video/outbox/`; its tasks are pushed; it is renamed to its place beside its
segment. Killed in between, all is done once more; the push guard of the queue makes that harmless.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread, Timer

from prometheus_client import Gauge

from shared_utils.backoff import Backoff
from shared_utils.clock import Clock
from shared_utils.durable import make_folder, rename_durably
from shared_utils.errors import SegmentError, StorageError
from shared_utils.queue import QueueUnavailableError, TaskQueue
from shared_utils.segments import Manifest, VideoDir, parse_segment_id, read_manifest, write_manifest
from shared_utils.tasks import task_for

log = logging.getLogger(__name__)

WAITING = Gauge("vedette_outbox_waiting", "Recorded segments whose tasks are not queued yet.")

LOOK_AGAIN_SECONDS = 60.0  # for manifests that somebody else put there, and for a disk that was full
LAST_PASS_SECONDS = 3.0  # what is still sent once we are to stop
HANGING_SECONDS = 1.0  # a Redis that neither answers nor refuses is not waited for any longer than that


class Outbox:
    """Puts manifests into the outbox and sends their tasks. It holds no state but what it complained about."""

    def __init__(self, video: VideoDir, queues: Mapping[str, TaskQueue], clock: Clock) -> None:
        self._video, self._queues, self._clock = video, queues, clock
        self._reported: set[str] = set()

    def put(self, manifest: Manifest) -> None:
        """Have the tasks of a segment sent; on disk when this returns. Raises StorageError."""
        path = self._video.waiting_manifest(manifest.segment_id)
        try:
            write_manifest(path, manifest)
        except OSError as error:
            raise _storage_error(path, error) from error

    def waiting(self) -> list[str]:
        """The segments whose manifests wait, the oldest first. Anything else in the folder is left alone."""
        starts = {}
        for path in self._video.outbox.glob("*.json"):
            try:
                starts[path.stem] = parse_segment_id(path.stem)[1]
            except SegmentError as error:
                self._report(path.stem, str(error))
        return sorted(starts, key=lambda segment: (starts[segment], segment))

    def send(self, segment_id: str) -> bool:
        """Push the tasks of one waiting manifest and move it beside its segment; whether that was done.

        A manifest that cannot be used is left where it is. Raises QueueUnavailableError and StorageError; it waits on
        then.
        """
        waiting = self._video.waiting_manifest(segment_id)
        try:
            manifest = self._usable(waiting)
        except SegmentError as error:
            if waiting.exists():  # else another process has sent it
                self._report(segment_id, str(error))
            return False
        for name in manifest.tasks:
            self._queues[name].push(task_for(manifest, self._clock.now()))
        try:
            self._move(waiting, self._video.manifest(segment_id))
        except FileNotFoundError:
            return False  # another process has sent it meanwhile
        except OSError as error:
            raise _storage_error(waiting, error) from error
        return True

    def send_all(self, stop: Event) -> int:
        """Send every waiting manifest, the oldest first, until `stop` is set; how many were sent.

        Raises QueueUnavailableError and StorageError; the rest waits on then.
        """
        segments = self.waiting()
        self._reported &= {path.stem for path in self._video.outbox.glob("*.json")}
        sent = 0
        try:
            for segment in segments:
                if stop.is_set():
                    break
                sent += self.send(segment)
        finally:
            WAITING.set(len(segments) - sent)
        return sent

    def _move(self, waiting: Path, target: Path) -> None:
        """The folder is there, because the segment is. It is made only for a manifest that is certainly still here:
        the whole video folder may have been unmounted while Redis was waited for.
        """
        try:
            rename_durably(waiting, target)
        except FileNotFoundError:
            if not waiting.exists():
                raise
            make_folder(target.parent)
            rename_durably(waiting, target)

    def _usable(self, path: Path) -> Manifest:
        manifest = read_manifest(path)
        if manifest.segment_id != path.stem:
            raise SegmentError(f"The manifest {path} is of another segment, {manifest.segment_id}.")
        unknown = [name for name in manifest.tasks if name not in self._queues]
        if unknown:
            raise SegmentError(
                f"The manifest {path} asks for {', '.join(unknown)}, but the queues are {', '.join(self._queues)}."
            )
        return manifest

    def _report(self, segment_id: str, problem: str) -> None:
        """Once for each file: it stays there, and every pass finds it again."""
        if segment_id not in self._reported:
            log.error("%s It stays in the outbox, and its segment is not analysed: mend it, or move it away.", problem)
        self._reported.add(segment_id)


class OutboxSender:
    """Sends the outbox from a thread of its own: all of it at the start, then whenever it is notified."""

    def __init__(self, outbox: Outbox, backoff: Backoff | None = None) -> None:
        self._outbox, self._backoff = outbox, backoff or Backoff(1.0, 30.0)
        self._stop, self._wake = Event(), Event()
        self._away = False
        self._thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """There is something to send. Returns at once; while Redis is away it changes nothing."""
        self._wake.set()

    def stop(self) -> None:
        """What waits now is sent yet, for a few seconds and unless Redis is away; the rest at the next start.

        A push that hangs is left behind: whether Redis got it or not, it is pushed again then, which is harmless.
        """
        self._stop.set()
        self._wake.set()
        if self._thread is None:
            return
        self._thread.join(LAST_PASS_SECONDS + HANGING_SECONDS)
        if self._thread.is_alive():
            log.warning("Redis does not answer; what waits in the outbox is sent at the next start")

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            if self._sent_all(self._stop):
                self._wake.wait(LOOK_AGAIN_SECONDS)
            else:
                self._stop.wait(self._backoff.next_pause())
        if not self._away:
            self._last_pass()

    def _last_pass(self) -> None:
        enough = Event()
        timer = Timer(LAST_PASS_SECONDS, enough.set)
        timer.start()
        self._sent_all(enough)
        timer.cancel()
        timer.join()

    def _sent_all(self, stop: Event) -> bool:
        """One pass; False if it is worth trying again soon."""
        try:
            sent = self._outbox.send_all(stop)
        except (QueueUnavailableError, StorageError) as error:
            if not self._away:
                log.warning("%s Segments wait in the outbox until then; recording goes on.", error)
            self._away = True
            return False
        except Exception:
            log.exception("sending the outbox failed; trying again")
            return False
        if self._away and sent:  # an outbox that retention has emptied says nothing about Redis
            log.info("the queues are back: %d waiting segments were sent", sent)
            self._away = False
        self._backoff.reset()
        return True


def _storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be written: {error.strerror or error}. "
        f"Check the free space and the permissions of {path.parent}."
    )
