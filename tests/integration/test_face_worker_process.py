"""The face worker as the process that users run, on a real Redis."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared_utils.clock import SystemClock
from shared_utils.faces.pack import PACKS_DIR
from shared_utils.queue import TaskQueue, connect
from shared_utils.segments import VideoDir
from shared_utils.tasks import FACE_QUEUE, Task
from tests.support.as_segment import as_mp4, existing
from tests.support.services import run_to_its_end, service, write_config
from tests.support.waiting import wait_until

PACK = "local_mbf"
SEGMENT = "front-20261120T101500000Z"
CAMERA = {"front": {"url": "rtsp://127.0.0.1:1/front", "analyses": ["faces"]}}


@pytest.fixture
def video(tmp_path: Path) -> VideoDir:
    video = VideoDir(tmp_path / "video")
    video.segments.mkdir(parents=True)
    return video


@pytest.fixture
def queue(fresh_redis_url: str) -> TaskQueue:
    return TaskQueue(connect(fresh_redis_url), FACE_QUEUE, SystemClock())


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def status_of(video: VideoDir) -> Mapping[str, Any]:
    """What the worker says of itself; empty while it says nothing."""
    return next((json.loads(path.read_text()) for path in video.status.glob("face_worker@*.json")), {})


def health_at(port: int) -> Mapping[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))


def lines(video: VideoDir) -> list[dict[str, Any]]:
    path = video.root / "faces_log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.long
def test_without_weights_the_tasks_wait_and_are_done_when_the_weights_come(  # noqa: PLR0917  what pytest passes in
    video: VideoDir, queue: TaskQueue, fresh_redis_url: str, tmp_path: Path, models_dir: Path, media_dir: Path
) -> None:
    """A fresh machine: recording goes on, nothing fails, and nobody has to start anything again."""
    pack = existing(models_dir / PACKS_DIR / PACK)
    clip = as_mp4(existing(media_dir / "videos" / "head-pose-face-detection-female.gif"), tmp_path)
    video.segment(SEGMENT).parent.mkdir(parents=True)
    video.segment(SEGMENT).write_bytes(clip.read_bytes())
    started = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
    filename = video.segment_filename(SEGMENT)
    queue.push(Task(id=SEGMENT, filename=filename, camera="front", started_at=started, queued_at=started))
    port, models = free_port(), tmp_path / "models"
    config = write_config(tmp_path / "vedette.yml", CAMERA, faces={"model": PACK}, metrics={"port": port})

    with service("face_worker", config, video.root, REDIS_URL=fresh_redis_url, MODELS_DIR=str(models)) as process:
        wait_until("it says what it waits for", lambda: "waiting for weights" in status_of(video).get("state", ""), 60)
        assert PACK in health_at(port)["reasons"]["weights"]
        assert (queue.depth().waiting, lines(video)) == (1, [])

        (models / PACKS_DIR).mkdir(parents=True)
        (models / PACKS_DIR / PACK).symlink_to(pack)
        wait_until("the task is done", lambda: bool(lines(video)), 90)
        wait_until("its health says so", lambda: health_at(port)["ok"] is True, 10)

    (line,) = lines(video)
    assert (line["ok"], line["model"], line["detected"], line["count"]) == (True, PACK, ["unknown"], 1)
    assert video.appearances(SEGMENT, PACK).is_file()
    assert process.returncode == 0
    assert "looking again every 30 s" in (tmp_path / "face_worker.log").read_text()


def test_a_missing_gpu_ends_the_service_with_2(video: VideoDir, tmp_path: Path, models_dir: Path) -> None:
    """Asked for and not there is a mistake in the configuration, never a silent run on the CPU."""
    existing(models_dir / PACKS_DIR / PACK)
    config = write_config(tmp_path / "vedette.yml", CAMERA, faces={"model": PACK, "device": "tensorrt"})
    arguments = ("--config", str(config), "--video-dir", str(video.root))

    ended = run_to_its_end("face_worker", *arguments, environment={"MODELS_DIR": str(models_dir)})

    assert ended.returncode == 2, ended.stderr
    assert "faces.device is 'tensorrt'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_pack_that_is_none_ends_the_service_with_1(video: VideoDir, tmp_path: Path) -> None:
    """The message names the folder and what belongs into it."""
    (tmp_path / "models" / PACKS_DIR / "mine").mkdir(parents=True)
    config = write_config(tmp_path / "vedette.yml", CAMERA, faces={"model": "mine"})
    arguments = ("--config", str(config), "--video-dir", str(video.root))

    ended = run_to_its_end("face_worker", *arguments, environment={"MODELS_DIR": str(tmp_path / "models")})

    assert ended.returncode == 1, ended.stderr
    assert "it must hold one detector, but there are 0" in ended.stderr
    assert "Traceback" not in ended.stderr
