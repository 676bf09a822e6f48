"""A worker that looks at nothing and writes each line: `python -m tests.support.line_worker_process URL VIDEO`.

For tests with so many segments that analysing them would take the time, and not what is tested.
"""

import sys
from pathlib import Path

from shared_utils.clock import SystemClock, to_iso
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.process import set_up_logging, stop_on_signals
from shared_utils.queue import TaskQueue, connect
from shared_utils.queue_worker import QueueWorker
from shared_utils.tasks import VIDEO_QUEUE, Task
from tests.support.object_worker_process import QUICK


def main(url: str, video_dir: str) -> None:
    set_up_logging("warning")
    stop, clock = stop_on_signals(), SystemClock()
    results = ResultLog(Path(video_dir), DETECTIONS_LOG, clock)

    def write_line(task: Task, error: str | None = None) -> None:
        results.record({
            "ok": error is None,
            "filename": Path(task.filename).name,
            "detected": [],
            "count": 0,
            "timestamp": to_iso(clock.now()),
            "segment_id": task.segment_id,
            "camera": task.camera,
            "started_at": to_iso(task.started_at),
            "model": "none",
        })  # fmt: skip

    QueueWorker(TaskQueue(connect(url), VIDEO_QUEUE, clock), write_line, write_line, QUICK).run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
