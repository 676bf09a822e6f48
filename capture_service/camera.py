"""One camera: connect, read, and connect again, for as long as the service runs. Its thread owns the connection."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from capture_service.camera_lock import CameraLock
from capture_service.camera_state import CameraState
from capture_service.connection import Connection, MotionFinderMaker
from capture_service.errors import CameraTakenError, CaptureError
from capture_service.gaps import Gap, GapWatch
from capture_service.metrics import RECONNECTS
from capture_service.reconnect import InterruptedEvent, Reconnect
from capture_service.salvage import Salvage
from capture_service.segment_chain import Surroundings
from capture_service.source import Source
from shared_utils.config.schema import CameraConfig
from shared_utils.errors import StorageError

log = logging.getLogger(__name__)

SourceMaker = Callable[[str, CameraConfig], Source]


class Camera:
    """Captures one camera. What goes wrong with it stays with it."""

    def __init__(  # noqa: PLR0917  the world is passed in
        self,
        name: str,
        config: CameraConfig,
        around: Surroundings,
        salvage: Salvage,
        make_source: SourceMaker,
        make_finder: MotionFinderMaker,
    ) -> None:
        self.name = name
        self.state = CameraState(name)
        self._config, self._around, self._salvage = config, around, salvage
        self._make_source, self._make_finder = make_source, make_finder
        self._lock = CameraLock(around.video, name)
        self._gaps = GapWatch(name, around.clock)
        self._reconnect = Reconnect()
        self._connection: Connection | None = None
        self._interrupted = InterruptedEvent(around.clock)
        self._salvaged = False
        self._connected_before = False
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self._run, name=f"camera-{self.name}", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End the recording now, whatever the camera does. Returns soon."""
        self._stop.set()
        connection = self._connection
        if connection is not None:
            connection.finish()

    def wait(self, timeout_seconds: float) -> bool:
        """Whether the thread has ended. A camera that hangs is waited for by nobody: the process ends without it."""
        if self._thread is None:
            return True
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            self._tell(self._gaps.stop())  # it hangs, and will not come to say so itself
            return False
        return True

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                began = self._around.clock.monotonic()
                error = self._capture_once()
                self._stop.wait(self._reconnect.pause_after(error, self._around.clock.monotonic() - began))
        finally:
            self._tell(self._gaps.stop())
            self._lock.release()

    def _capture_once(self) -> Exception | None:
        """From connecting to losing the camera; what ended it."""
        try:
            self._own()
            self._read()
        except (CaptureError, StorageError) as error:
            self._lost(error, getattr(error, "reason", None) or str(error))
            return error
        except Exception as error:
            log.exception("camera %s: capture failed by an error nobody expected; it is tried again", self.name)
            self.state.became("away", "internal error")
            self._gaps.failed("internal error")
            return error
        return None

    def _own(self) -> None:
        """Be the only one to record this camera, and finish what the one before could not."""
        if not self._salvaged:
            self._around.require_folder()
        self._lock.acquire()
        if not self._salvaged:
            self._salvaged = True  # whatever comes of it: no leftover may keep its camera from being recorded
            tasks = self._config.queues
            self._salvage.adopt_all(self.name, tasks, lambda segment: self._around.committer.unfinished(segment, tasks))

    def _read(self) -> None:
        source = self._make_source(self.name, self._config)
        connection = Connection(self.name, self._config, source, self._around, self.state)
        if self._interrupted.is_resumed:
            connection.resume_event()
        self._connection = connection
        if self._stop.is_set():
            return
        moved_before = self.state.last_motion_at
        try:
            connection.run(self._stop, self._make_finder, self._video_came)
        finally:
            self._connection = None
            self._interrupted.connection_ended(
                event_goes_on=connection.event_goes_on, motion_was_seen=self.state.last_motion_at != moved_before
            )

    def _video_came(self, is_keyframe: bool) -> None:
        self.state.last_packet_at = self._around.clock.now()
        self._tell(self._gaps.video(is_keyframe=is_keyframe))
        if self.state.connection != "streaming":
            self.state.became("streaming")
            log.info("camera %s: streaming", self.name)
            if self._connected_before:
                self.state.reconnects += 1
                RECONNECTS.labels(self.name).inc()
            self._connected_before = True

    def _lost(self, error: Exception, reason: str) -> None:
        if not isinstance(error, CameraTakenError):  # then another process has the video, and knows its gaps
            self._gaps.failed(reason)
        if self.state.became("away", reason):
            log.warning("%s", error)

    def _tell(self, gap: Gap | None) -> None:
        if gap is not None:
            log.warning(
                "camera %s: no video from %s to %s: %s",
                self.name, gap.start.isoformat(timespec="seconds"), gap.end.isoformat(timespec="seconds"), gap.reason,
            )  # fmt: skip
            self._around.committer.gap(gap)
