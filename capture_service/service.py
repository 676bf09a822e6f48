"""The capture service: wires its parts together, starts them in order and stops them in time."""

import logging
from collections.abc import Iterable
from threading import Event

import cv2

from capture_service.camera import Camera
from capture_service.committer import Committer
from capture_service.motion_watch import MotionWatch
from capture_service.mp4_process import Mp4Process
from capture_service.open_files import OpenFiles
from capture_service.pyav_source import PyavSource
from capture_service.retention import Retention
from capture_service.salvage import AT_ONCE_SECONDS, Salvage
from capture_service.segment_chain import Surroundings
from capture_service.store import SegmentStore
from shared_utils.clock import Clock, SystemClock
from shared_utils.config import Config
from shared_utils.errors import StorageError
from shared_utils.folder_mark import FolderGuard
from shared_utils.logs import GAPS_LOG, JsonlLog
from shared_utils.outbox import Outbox, OutboxSender
from shared_utils.queue import TaskQueue, connect
from shared_utils.segments import VideoDir
from shared_utils.status import StatusFile
from shared_utils.tasks import QUEUES
from shared_utils.telemetry import HEALTH

log = logging.getLogger(__name__)

STATUS_SECONDS = 2.0
# Together below the 10 s that people and supervisors wait.
CAMERAS_STOP_SECONDS = 2.0
COMMIT_STOP_SECONDS = 4.0


def serve(config: Config, stop: Event, clock: Clock | None = None) -> None:
    """Capture every camera until `stop` is set. Raises StorageError if the video folder cannot be written."""
    # One look is a few milliseconds of work; OpenCV's own threads would only take the cores from recording.
    cv2.setNumThreads(1)
    check_writable(config.video)
    service = CaptureService(config, clock or SystemClock())
    service.start()
    try:
        service.watch(stop)
    finally:
        service.stop()


def check_writable(video: VideoDir) -> None:
    """Raises StorageError that names the folder and the fix."""
    for folder in (video.root, video.segments, video.outbox):
        probe = folder / ".write-check"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise StorageError(
                f"The video folder {folder} cannot be written: {error.strerror or error}. Give the user that runs "
                "Vedette write access to it, or name another folder with --video-dir or VIDEO_DIR."
            ) from error


class CaptureService:
    """All cameras of one process and what they share."""

    def __init__(self, config: Config, clock: Clock) -> None:
        video = config.video
        self._open_files = OpenFiles(clock)
        redis = connect(config.redis_url.get_secret_value())
        outbox = Outbox(video, {name: TaskQueue(redis, name, clock) for name in QUEUES}, clock)
        self._sender = OutboxSender(outbox)
        retention = Retention(video, config.storage, clock)
        self._store = SegmentStore(video, outbox, retention, self._sender.notify)
        gaps_log = JsonlLog(video.root, GAPS_LOG, clock)
        self._folder, self._clock = FolderGuard(video.root), clock
        require = self._folder.require
        self._committer = Committer(video, self._store, retention, gaps_log, self._open_files, clock, require)
        around = Surroundings(video, self._committer, self._open_files, clock, require)
        salvage = Salvage(video, self._store, mp4=Mp4Process(AT_ONCE_SECONDS), clock=clock)
        self._cameras = _cameras(config, around, salvage)
        self._video = video
        self._status = StatusFile(video.status, "capture_service", clock)
        self._away = False  # the video folder

    def start(self) -> None:
        """Raises StorageError if the video folder cannot be marked."""
        self._folder.begin(self._clock)
        self._open_files.start()
        self._committer.start()
        self._sender.start()
        for camera in self._cameras:
            camera.start()
        for name in _abandoned(self._video, {camera.name for camera in self._cameras}):
            self._committer.salvage(name)
        log.info("capturing %s", ", ".join(camera.name for camera in self._cameras))

    def watch(self, stop: Event) -> None:
        """Tell the state of the cameras until `stop` is set."""
        while True:
            self._tell_state()
            if stop.wait(STATUS_SECONDS):
                return

    def _tell_state(self) -> None:
        states = {camera.name: camera.state for camera in self._cameras}
        self._status.write({"cameras": {n: state.as_status(self._store.recorded(n)) for n, state in states.items()}})
        failing = [name for name, state in states.items() if state.storage_fails]
        trouble = self._folder_trouble()
        detail = trouble or f"the disk takes no video of {', '.join(failing)}"
        HEALTH.report("storage", ok=not failing and trouble is None, detail=detail)

    def _folder_trouble(self) -> str | None:
        """Why the video folder is away, if it is; told once in the log."""
        try:
            self._folder.require()
        except StorageError as error:
            if not self._away:
                log.error("%s Until then nothing is recorded.", error)
            self._away = True
            return str(error)
        if self._away:
            log.warning("the video folder is back; recording goes on")
        self._away = False
        return None

    def stop(self) -> None:
        """End the open segments and give them their manifests; what cannot be sent now waits in the outbox."""
        for camera in self._cameras:
            camera.ask_to_stop()
        _wait_for(self._cameras)
        if not self._committer.stop(COMMIT_STOP_SECONDS):
            log.error("the disk is too slow to finish all segments; they are salvaged at the next start")
        self._sender.stop()
        self._open_files.stop()
        self._status.remove()


def _cameras(config: Config, around: Surroundings, salvage: Salvage) -> list[Camera]:
    return [
        Camera(
            name,
            camera,
            around,
            salvage,
            lambda name, camera: PyavSource(name, camera, around.clock),
            MotionWatch,
        )
        for name, camera in config.cameras.items()
    ]


def _abandoned(video: VideoDir, configured: set[str]) -> list[str]:
    """Cameras that were recorded once and are not configured any more: what they left is salvaged too."""
    return sorted(
        folder.name for folder in video.segments.iterdir() if folder.is_dir() and folder.name not in configured
    )


def _wait_for(cameras: Iterable[Camera]) -> None:
    # Joined one after the other with a shared limit: those that are done cost nothing.
    left = CAMERAS_STOP_SECONDS
    for camera in cameras:
        if not camera.wait(left):
            log.warning("camera %s does not react; its connection ends with the process", camera.name)
            left = 0.1
