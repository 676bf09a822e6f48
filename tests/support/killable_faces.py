"""The face worker to be killed at every step of its task; `tests.support.killable` tells how."""

import shutil
from pathlib import Path

from face_worker.analysis import WorkerOptions, face_worker
from face_worker.engines import Engines
from face_worker.pipeline import Options
from shared_utils.analysis.showing import Showing
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import SystemClock
from shared_utils.logs import FACES_LOG, ResultLog
from shared_utils.segments import VideoDir
from shared_utils.tasks import FACE_QUEUE, task_for
from tests.support.face_engines import BlockEngine, unit
from tests.support.face_site import enrol
from tests.support.killable import CAMERA, VIDEO, Scenario, queue_at, work_until_done
from tests.support.services import manifests

LEAST_FACE_PX = 8  # the clip is small


def one_face_task(folder: Path, url: str) -> None:
    """A gallery with one person, and a segment of them that is queued."""
    shutil.copytree(folder.parent / "whole" / VIDEO, folder / VIDEO)
    enrol(VideoDir(folder / VIDEO), {"Anna": unit(0)})
    queue_at(url, FACE_QUEUE).push(task_for(manifests(folder / VIDEO)[0], SystemClock().now()))


def name_faces(folder: Path, url: str) -> None:
    """A worker, until nothing is left to be done."""
    video, clock, engine = VideoDir(folder / VIDEO), SystemClock(), BlockEngine()
    showing = Showing(open_cameras=frozenset({CAMERA}))
    worker = face_worker(
        video,
        ResultLog(video.root, FACES_LOG, clock),
        Engines(engine, BlockEngine),
        options=WorkerOptions(Options(least_face_px=LEAST_FACE_PX), showing=showing),
        status=WorkerStatus(engine.name, write=lambda _: None, remove=lambda: None),
        clock=clock,
    )
    work_until_done(url, FACE_QUEUE, worker.handle, worker.give_up)


FACE_SCENARIOS = {"faces": Scenario(one_face_task, name_faces, name_faces, every_thread=False, queue=FACE_QUEUE)}
