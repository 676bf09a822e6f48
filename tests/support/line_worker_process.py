"""A worker that looks at nothing and writes each line: `python -m tests.support.line_worker_process URL VIDEO`.

For tests with so many segments that analysing them would take the time, and not what is tested.
"""

import sys
from pathlib import Path

from shared_utils.clock import SystemClock
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.process import set_up_logging, stop_on_signals
from shared_utils.queue import TaskQueue, connect
from shared_utils.queue_worker import QueueWorker
from shared_utils.result_line import Subject, error_line, ok_line
from shared_utils.tasks import VIDEO_QUEUE, Task
from tests.support.object_worker_process import QUICK


def main(url: str, video_dir: str) -> None:
    set_up_logging("warning")
    stop, clock = stop_on_signals(), SystemClock()
    results = ResultLog(Path(video_dir), DETECTIONS_LOG, clock)

    def write_line(task: Task, error: str | None = None) -> None:
        subject, now = Subject(task, "none", None), clock.now()
        if error is None:
            results.record(ok_line(subject, [], count=0, own={}, now=now))
        else:
            results.record(error_line(subject, error, own={}, now=now))

    QueueWorker(TaskQueue(connect(url), VIDEO_QUEUE, clock), write_line, write_line, QUICK).run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
