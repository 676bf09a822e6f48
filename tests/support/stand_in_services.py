"""Small stand-ins for `capture_service` and the workers, for tests of what supervises the real ones.

`write_stand_ins` puts packages of those names into a folder; with PYTHONPATH set to it they are found first. They note
in `events.txt` below the video folder when they start and end. What they do besides is told by environment variables:
`STAND_IN_CAPTURE=refuse` ends with 2, `=crash` ends with 1, `=hang` ignores SIGTERM; `STAND_IN_QUEUE=1` has capture
push a task when it stops, as the real one does for a segment that was open, and the object worker take it; for
`STAND_IN_QUEUE=face_queue` it is a task of that queue, which the face worker leaves alone.
"""

import os
from pathlib import Path

_HEAD = """
import argparse, os, signal, sys
from pathlib import Path
from threading import Event

parser = argparse.ArgumentParser()
parser.add_argument("--config")
parser.add_argument("--video-dir", type=Path)
options = parser.parse_args()
stop = Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())

def note(text):
    with (options.video_dir / "events.txt").open("a") as events:
        events.write(f"{text}\\n")
    print(text, flush=True)

def queue():
    from shared_utils.clock import SystemClock
    from shared_utils.queue import TaskQueue, connect
    name = "face_queue" if os.environ.get("STAND_IN_QUEUE") == "face_queue" else "video_queue"
    return TaskQueue(connect(os.environ["REDIS_URL"]), name, SystemClock())
"""

_CAPTURE = """
behaviour = os.environ.get("STAND_IN_CAPTURE", "")
note(f"capture {os.getpid()} started")
if behaviour == "refuse":
    note("ERROR cameras.front.url: rtsp://admin:hunter2-secret@10.0.0.5/live is no address")
    sys.exit(2)
if behaviour == "crash":
    sys.exit(1)
if behaviour == "hang":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
stop.wait()
if os.environ.get("STAND_IN_QUEUE"):
    from datetime import UTC, datetime
    from shared_utils.tasks import Task
    now, name = datetime.now(UTC), "front-20261120T101500123Z"
    queue().push(Task(id=name, filename=f"{name}.mp4", camera="front", started_at=now, queued_at=now))
note("capture ended")
"""

_WORKER = """
note(f"worker {os.getpid()} started")
if os.environ.get("STAND_IN_QUEUE") == "1":
    from shared_utils.queue_worker import QueueWorker
    QueueWorker(queue(), lambda task: note(f"worker analysed {task.id}"), lambda task, error: None).run(stop)
stop.wait()
note("worker ended")
"""


_FACE_WORKER = """
note(f"face worker {os.getpid()} started")
stop.wait()
note("face worker ended")
"""


def write_stand_ins(folder: Path) -> dict[str, str]:
    """Write the packages; gives the environment that finds them and knows no other configuration."""
    for name, body in (("capture_service", _CAPTURE), ("video_worker", _WORKER), ("face_worker", _FACE_WORKER)):
        package = folder / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(_HEAD + body)
    repository = Path(__file__).resolve().parents[2]
    ours = ("VEDETTE_", "STAND_IN_", "RTSP_URL", "REDIS_URL", "VIDEO_DIR", "STATE_DIR", "MODELS_DIR")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    before = os.environ.get("PYTHONPATH", "")
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), str(repository), before)))}
