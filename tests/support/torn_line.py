"""A log line of which a kill or a power cut has left the beginning only."""

from shared_utils.clock import SystemClock
from shared_utils.logs import DETECTIONS_LOG, JsonlLog, to_bytes
from shared_utils.result_line import Subject, failed_line
from shared_utils.segments import Manifest, VideoDir
from shared_utils.tasks import task_for
from tests.support.detectors import BlockDetector


def tear_line(video: VideoDir, manifest: Manifest) -> None:
    """As a worker leaves it that was killed while it wrote the result of this segment."""
    clock = SystemClock()
    log = JsonlLog(video.root, DETECTIONS_LOG, clock)
    subject = Subject(task_for(manifest, clock.now()), BlockDetector().name, manifest.event_id)
    line = to_bytes(failed_line(subject, "objects", "this line is torn", now=clock.now()))
    with log.locked(), log.files.current.open("ab") as file:
        file.write(line[: len(line) * 2 // 3])
