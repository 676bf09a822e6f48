"""The compose stack on a real engine: what a user types, and what must come of it (`make test-compose`)."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import wait_until
from vedette.loopback import free_port
from vedette.missing_models import find_any_pack

REPO = Path(__file__).resolve().parents[2]
DEMO_URL = "rtsp://emulator:8554/demo"
SERVICES = ("redis", "emulator", "capture", "video-worker", "face-worker")
PACK = find_any_pack(Path(os.environ.get("MODELS_DIR", "models")))
needs_faces = pytest.mark.skipif(PACK is None, reason="no InsightFace pack in MODELS_DIR (vedette models list)")
# Building takes minutes on two cores, and so does the first event of the demo scene.
pytestmark = [pytest.mark.compose, pytest.mark.timeout(1500)]


class Stack:
    """A copy of the repository with its own `.env`, run by docker compose under a name of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = f"vedette-test-{secrets.token_hex(3)}"
        self.video = folder / "video"

    def compose(self, *arguments: str, check: bool = True, timeout: float = 900) -> str:
        command = ["docker", "compose", "--project-name", self.project, "--profile", "demo", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def redis(self, *words: str) -> str:
        return self.compose("exec", "-T", "redis", "redis-cli", *words).strip()

    def ids(self, service: str) -> list[str]:
        return self.compose("ps", "-q", service).split()

    def log_lines(self, log: str = "detections_log") -> list[dict[str, Any]]:
        path = self.video / f"{log}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def copy_of_the_repository(folder: Path) -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        if (REPO / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, folder / name)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no Docker engine answers on this machine")
    folder = tmp_path_factory.mktemp("stack")
    copy_of_the_repository(folder)
    example = (folder / ".env.example").read_text()
    settings = {
        "RTSP_URL": DEMO_URL,
        "REDIS_PORT": str(free_port()),
        "REDIS_PASSWORD": secrets.token_urlsafe(18),
        "MODELS_DIR": os.environ.get("MODELS_DIR", "./models"),
        "VEDETTE_FACES__MODEL": PACK or "buffalo_l",
    }
    kept = [line for line in example.splitlines() if line.split("=")[0] not in settings]
    (folder / ".env").write_text("\n".join([*kept, *(f"{key}={value}" for key, value in settings.items()), ""]))
    stack = Stack(folder)
    try:
        stack.compose("build")
        stack.compose("up", "-d", *SERVICES)
        yield stack
    finally:
        (folder / "compose.log").write_text(stack.compose("logs", "--no-color", check=False))
        stack.compose("down", "--volumes", "--timeout", "20", check=False)


def test_a_moving_person_in_front_of_a_camera_becomes_a_line_in_the_log(stack: Stack) -> None:
    """The whole chain in containers: emulator, capture, Redis, worker."""
    wait_until("the first line in detections_log.jsonl", lambda: bool(stack.log_lines()), 420)

    line = stack.log_lines()[0]

    assert list(line)[:5] == ["ok", "filename", "detected", "count", "timestamp"]
    assert line["ok"] is True
    assert "person" in line["detected"]
    assert next(stack.video.rglob(line["filename"])).stat().st_size > 0


def test_waiting_tasks_can_be_read_with_redis_cli(stack: Stack) -> None:
    """A user looks at the queue with nothing but `redis-cli`."""
    stack.compose("stop", "video-worker")
    wait_until("a task waits while no worker runs", lambda: stack.redis("llen", "video_queue") != "0", 300)

    task = json.loads(stack.redis("lrange", "video_queue", "-1", "-1"))

    assert {"id", "schema", "filename", "camera", "started_at", "queued_at"} <= set(task)
    assert (stack.video / task["filename"]).is_file()


def test_two_workers_share_the_tasks_and_each_segment_has_one_line(stack: Stack) -> None:
    stack.compose("up", "-d", "--no-recreate", "--scale", "video-worker=2", "video-worker")
    wait_until("both workers are in the queue's set", lambda: stack.redis("scard", "video_queue:workers") == "2", 120)
    wait_until("the queue is empty", lambda: stack.redis("llen", "video_queue") == "0", 300)
    wait_until("a further line", lambda: len(stack.log_lines()) >= 2, 300)

    segments = [line["segment_id"] for line in stack.log_lines()]

    assert len(stack.ids("video-worker")) == 2
    assert len(segments) == len(set(segments))


def test_a_killed_worker_is_started_again_by_the_engine(stack: Stack) -> None:
    """`restart: always`, seen rather than believed. Only a death of the process itself counts for the engine."""
    container = stack.ids("video-worker")[0]
    before = inspect(container, "{{.RestartCount}}")
    process = int(inspect(container, "{{.State.Pid}}"))

    subprocess.run(["kill", "-9", str(process)], check=True)

    wait_until("the engine restarts it", lambda: inspect(container, "{{.RestartCount}}") != before, 60)
    wait_until("it runs", lambda: inspect(container, "{{.State.Running}}") == "true", 60)


def inspect(container: str, template: str) -> str:
    command = ["docker", "inspect", "-f", template, container]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@needs_faces
def test_a_stranger_in_front_of_a_camera_is_named_in_a_container_and_known_from_then_on(stack: Stack) -> None:
    """Recording, the gallery on its volume, and the log, from a user's own words."""
    wait_until("somebody is seen", lambda: any("unknown" in line["detected"] for line in faces_of(stack)), 420)

    stack.compose("run", "--rm", "faces", "unknown")
    stack.compose("run", "--rm", "faces", "name", "1", "Ann")
    people = stack.compose("run", "--rm", "faces", "list")

    assert "Ann" in people
    assert "Usage" in stack.compose("run", "--rm", "faces")
    assert any("Ann" in line["detected"] for line in faces_of(stack))
    assert (stack.video / "gallery" / "snapshot.npz").is_file()
    assert (stack.folder / "photos" / "unknown.png").read_bytes().startswith(b"\x89PNG")
    assert not (stack.video / "state").exists()  # the gallery is not on the shared folder


def test_without_weights_the_face_worker_waits_and_says_what_is_missing(stack: Stack) -> None:
    """Most people begin without: nothing may end, and nobody should have to guess."""
    name = f"{stack.project}-waiting"
    stack.compose("run", "-d", "--name", name, "-e", "VEDETTE_FACES__MODEL=buffalo_m", "face-worker")
    try:
        wait_until("it says what it waits for", lambda: "buffalo_m" in health_of(name), 120)
        told = health_of(name)

        assert "waiting for weights" in told
        assert inspect(name, "{{.State.Running}}") == "true"
    finally:
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=True)


def faces_of(stack: Stack) -> list[dict[str, Any]]:
    return stack.log_lines("faces_log")


def health_of(container: str) -> str:
    command = ["docker", "exec", container, "python", "-m", "shared_utils.health"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_every_service_reports_itself_healthy(stack: Stack) -> None:
    for service in SERVICES if PACK else SERVICES[:-1]:
        for container in stack.ids(service):
            wait_until(
                f"{service} is healthy",
                lambda container=container: inspect(container, "{{.State.Health.Status}}") == "healthy",  # type: ignore[misc]
                180,
            )


def test_no_service_runs_as_root_and_no_log_holds_the_password(stack: Stack) -> None:
    password = next(
        line.partition("=")[2]
        for line in (stack.folder / ".env").read_text().splitlines()
        if line.startswith("REDIS_PASSWORD=")
    )

    for service in SERVICES:
        assert stack.compose("exec", "-T", service, "id", "-u").strip() != "0", service

    assert password not in stack.compose("logs", "--no-color")


def test_stopping_closes_the_open_segment_and_leaves_nothing_half_written(stack: Stack) -> None:
    stack.compose("stop", "capture")

    assert not list((stack.video / "segments").rglob("*.part"))
