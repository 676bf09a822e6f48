"""The object worker as the process that users run, on a real Redis."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.queue import TaskQueue, connect
from shared_utils.segments import VideoDir
from shared_utils.tasks import VIDEO_QUEUE, Task
from tests.support.clips import make_clip
from tests.support.services import REPOSITORY, run_to_its_end, service, write_config
from tests.support.waiting import wait_until

SEGMENTS = [f"front-20261120T10150{number}000Z" for number in range(4)]
CAMERA = {"front": {"url": "rtsp://127.0.0.1:1/front"}}


@pytest.fixture
def video(tmp_path: Path) -> VideoDir:
    video = VideoDir(tmp_path / "video")
    video.segments.mkdir(parents=True)
    return video


@pytest.fixture
def queue(fresh_redis_url: str) -> TaskQueue:
    return TaskQueue(connect(fresh_redis_url), VIDEO_QUEUE, SystemClock())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return write_config(tmp_path / "vedette.yml", CAMERA)


def add_segment(video: VideoDir, segment: str) -> Task:
    path = video.segment(segment)
    path.parent.mkdir(parents=True, exist_ok=True)
    make_clip(path, seconds=2, moving=[(0, 2)])
    return task_of(video, segment)


def task_of(video: VideoDir, segment: str) -> Task:
    started = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
    filename = video.segment_filename(segment)
    return Task(id=segment, filename=filename, camera="front", started_at=started, queued_at=started)


def lines(video: VideoDir) -> list[dict[str, Any]]:
    path = video.root / "detections_log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def statuses(video: VideoDir) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in video.status.glob("video_worker@*.json")]


def is_settled(queue: TaskQueue) -> bool:
    depth = queue.depth()
    return (depth.waiting, depth.in_work) == (0, 0)


@contextmanager
def block_finders(arguments: Sequence[Sequence[str]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers that find the block of our clips, one for each list of arguments; killed at the end."""
    command = [sys.executable, "-m", "tests.support.object_worker_process"]
    processes = [subprocess.Popen([*command, *one], cwd=REPOSITORY) for one in arguments]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_the_service_analyses_what_is_queued_and_stops_when_told(
    video: VideoDir, queue: TaskQueue, config: Path, fresh_redis_url: str
) -> None:
    """Without any weights, as on a fresh machine: the lines say that HOG looked."""
    queue.push(add_segment(video, SEGMENTS[0]))
    environment = {"REDIS_URL": fresh_redis_url, "MODELS_DIR": str(config.parent / "models")}

    with service("video_worker", config, video.root, **environment) as process:
        wait_until("the task is settled", lambda: bool(lines(video)) and is_settled(queue), 60)
        wait_until("the status says so", lambda: [one["done"] for one in statuses(video)] == [1], 20)
        (status,) = statuses(video)

    (line,) = lines(video)
    assert (line["ok"], line["model"], line["segment_id"]) == (True, "hog", SEGMENTS[0])
    assert (status["model"], status["state"]) == ("hog", "waiting")
    assert status["last"]["segment_id"] == SEGMENTS[0]
    assert video.snapshot(SEGMENTS[0]).exists()
    assert process.returncode == 0
    assert statuses(video) == []


def tried(config: Path, video: VideoDir, **environment: str) -> tuple[int, str]:
    """The exit code of the service that cannot start, and what it said."""
    arguments = ("--config", str(config), "--video-dir", str(video.root))
    ended = run_to_its_end("video_worker", *arguments, environment=environment)
    return ended.returncode, ended.stderr


def test_weights_that_are_no_weights_end_the_service_with_1(video: VideoDir, config: Path) -> None:
    """The message names the file and the cure; nobody has to read a traceback."""
    weights = config.parent / "models" / "yolov8n.onnx"
    weights.write_text("<html>Not Found</html>")

    code, said = tried(config, video, MODELS_DIR=str(weights.parent), REDIS_URL="redis://127.0.0.1:1/0")

    assert code == 1
    assert f"{weights} is not usable: ONNX Runtime cannot load it" in said
    assert "vedette models fetch" in said
    assert "Traceback" not in said


def test_a_missing_gpu_ends_the_service_with_1(video: VideoDir, config: Path) -> None:
    """Asked for and not there is an error, never a silent run on the CPU."""
    write_config(config, CAMERA, objects={"device": "cuda"})
    (config.parent / "models" / "yolov8n.onnx").write_bytes(b"never read")

    code, said = tried(config, video, MODELS_DIR=str(config.parent / "models"))

    assert code == 1
    assert "objects.device is 'cuda'" in said
    assert "Traceback" not in said


def test_a_label_with_a_typing_error_ends_the_service_with_2(video: VideoDir, config: Path) -> None:
    """It is a mistake in the configuration: the file must be changed, starting again does not help."""
    write_config(config, CAMERA, objects={"model": "hog", "labels": ["persn"]})

    code, said = tried(config, video)

    assert code == 2
    assert "did you mean 'person'?" in said


def test_a_worker_killed_between_line_and_settling_leaves_one_line(
    video: VideoDir, queue: TaskQueue, fresh_redis_url: str, tmp_path: Path
) -> None:
    """The task comes again, to a worker that must find out that it is done."""
    halted = tmp_path / "halted"
    queue.push(add_segment(video, SEGMENTS[0]))
    with block_finders([[fresh_redis_url, str(video.root), str(halted)]]) as (victim,):
        wait_until("the line is written", halted.exists, 60)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert not is_settled(queue)

    with block_finders([[fresh_redis_url, str(video.root)]]):
        wait_until("another worker settles it", lambda: is_settled(queue), 60)

    assert [(line["segment_id"], line["ok"]) for line in lines(video)] == [(SEGMENTS[0], True)]
    assert queue.depth().dead == 0


def test_two_workers_with_the_same_tasks_write_one_line_each(
    video: VideoDir, queue: TaskQueue, fresh_redis_url: str
) -> None:
    """A worker that was frozen goes on with a task that another one has taken over."""
    tasks = [add_segment(video, segment) for segment in SEGMENTS]
    with Redis.from_url(fresh_redis_url) as redis:
        for task in tasks:
            redis.lpush(VIDEO_QUEUE, task.to_json(), task.to_json())

    with block_finders([[fresh_redis_url, str(video.root)]] * 2):
        wait_until("all is settled", lambda: is_settled(queue), 60)

    assert sorted(line["segment_id"] for line in lines(video)) == SEGMENTS
    assert all(line["ok"] for line in lines(video))


def test_a_broken_segment_among_good_ones_delays_nobody(
    video: VideoDir, queue: TaskQueue, fresh_redis_url: str
) -> None:
    """It is not tried again: it would be just as broken."""
    video.segment(SEGMENTS[0]).parent.mkdir(parents=True)
    video.segment(SEGMENTS[0]).write_bytes(b"")
    queue.push(task_of(video, SEGMENTS[0]))
    queue.push(add_segment(video, SEGMENTS[1]))

    with block_finders([[fresh_redis_url, str(video.root)]]):
        wait_until("all is settled", lambda: is_settled(queue), 60)

    assert {line["segment_id"]: line["ok"] for line in lines(video)} == {SEGMENTS[0]: False, SEGMENTS[1]: True}
    assert queue.depth().dead == 0
