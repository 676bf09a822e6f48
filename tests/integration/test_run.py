"""`vedette run` as a process of its own, with stand-ins for the services and a real Redis."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from shared_utils.queue import connect, dead_letter_json
from shared_utils.segments import segment_id
from shared_utils.tasks import Task
from tests.support.stand_in_services import write_stand_ins
from tests.support.waiting import wait_until
from vedette.embedded_redis import RedisServerMissingError, find_redis_server

PATIENCE_SECONDS = 60.0


class Run:
    """A `vedette` command in its own folder."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.video = folder / "video"
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "vedette", *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.append(process)
        return process

    def finish(self, *arguments: str, **environment: str) -> tuple[int, str]:
        process = self.start(*arguments, **environment)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, output

    def events(self) -> list[str]:
        path = self.video / "events.txt"
        return path.read_text().splitlines() if path.exists() else []

    def pid_of(self, service: str, start: int = 0) -> int:
        """The process id of the n-th start of a stand-in; waits for it."""
        starts: list[int] = []

        def started() -> bool:
            starts[:] = [int(e.split()[1]) for e in self.events() if e.startswith(service) and e.endswith("started")]
            return len(starts) > start

        wait_until(f"{service} is started", started)
        return starts[start]

    def clean_up(self) -> None:
        for process in self._processes:
            with process:
                process.kill()


@pytest.fixture
def vedette(tmp_path: Path) -> Iterator[Run]:
    """A folder with one camera configured, and no Redis named."""
    try:
        find_redis_server(tmp_path)
    except RedisServerMissingError as error:
        pytest.skip(str(error))
    run = Run(tmp_path, write_stand_ins(tmp_path / "stand-ins"))
    (tmp_path / "vedette.yml").write_text(
        "cameras: {front: {url: 'rtsp://admin:hunter2-secret@127.0.0.1/live', analyses: [objects]}}\n"
    )
    yield run
    run.clean_up()


def without_pids(events: list[str]) -> list[str]:
    return [" ".join(word for word in event.split() if not word.isdigit()) for event in events]


def test_a_run_with_a_duration_analyses_what_capture_queued_at_its_end(vedette: Run) -> None:
    """The segment that was open is the one that people wait for."""
    code, output = vedette.finish("run", "--duration", "2", STAND_IN_QUEUE="1")

    assert code == 0, output
    events = without_pids(vedette.events())
    assert set(events[:2]) == {"worker started", "capture started"}
    assert events[2:] == [
        "capture ended",
        "worker analysed front-20261120T101500123Z",
        "worker ended",
    ]


def test_only_what_is_asked_for_is_started(vedette: Run) -> None:
    """No objects in any `analyses`: no model is loaded, no memory taken."""
    camera = "{url: 'rtsp://10.0.0.5/live', analyses: [faces], privacy: blur}"
    (vedette.folder / "vedette.yml").write_text(f"cameras: {{front: {camera}}}\n")

    code, output = vedette.finish("run", "--duration", "0.5")

    assert code == 0, output
    assert {event.rpartition(" ")[0] for event in without_pids(vedette.events())} == {"capture", "face worker"}
    assert "the tasks of front wait in privacy_queue" in output


def test_a_face_worker_that_waits_for_its_weights_is_not_waited_for(vedette: Run) -> None:
    """Without them its tasks are never done: every end of a run would take a minute longer, for nothing."""
    (vedette.folder / "vedette.yml").write_text("cameras: {front: {url: 'rtsp://10.0.0.5/live', analyses: [faces]}}\n")
    began = time.monotonic()

    code, output = vedette.finish("run", "--duration", "1", STAND_IN_QUEUE="face_queue")
    _, status = vedette.finish("status", "--json")

    assert code == 0, output
    assert time.monotonic() - began < 30, output
    assert "Until then nobody is recognised" in output
    [missing] = [text for text in json.loads(status)["models_missing"] if "buffalo_l" in text]
    assert "vedette models fetch buffalo_l" in missing


def test_ctrl_c_stops_in_order_with_exit_code_0(vedette: Run) -> None:
    """It is how most people end it."""
    run = vedette.start("run")
    wait_until("both services are started", lambda: len(vedette.events()) == 2)

    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=PATIENCE_SECONDS)

    assert run.returncode == 0, output
    assert without_pids(vedette.events())[2:] == ["capture ended", "worker ended"]


def test_a_second_ctrl_c_does_not_wait(vedette: Run) -> None:
    """A hanging camera driver would hold the first one up for its whole grace."""
    run = vedette.start("run", STAND_IN_CAPTURE="hang")
    capture = psutil.Process(vedette.pid_of("capture"))
    began = time.monotonic()

    run.send_signal(signal.SIGINT)
    log = vedette.folder / "logs" / "vedette.log"
    wait_until("it says that it stops", lambda: log.exists() and "stopping: " in log.read_text())
    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=PATIENCE_SECONDS)

    assert time.monotonic() - began < 18, output  # capture alone has a grace of 20 s
    assert not capture.is_running()


def test_a_service_that_refuses_ends_the_run_with_2_and_its_reason(vedette: Run) -> None:
    """And without the password that the reason holds."""
    code, output = vedette.finish("run", STAND_IN_CAPTURE="refuse")

    assert code == 2
    assert "capture_service refuses to run" in output
    assert "rtsp://admin:***@10.0.0.5/live is no address" in output
    assert "hunter2" not in output
    assert "hunter2" not in "".join(path.read_text() for path in (vedette.folder / "logs").iterdir())
    assert "Traceback" not in output


def test_a_killed_worker_and_a_killed_redis_come_back(vedette: Run) -> None:
    """On the same port, or every service would look for it in vain."""
    vedette.start("run")
    worker = vedette.pid_of("worker")
    vedette.pid_of("capture")
    endpoint = json.loads((vedette.video / "state" / "redis.json").read_text())
    with connect(endpoint["url"]) as redis:
        redis_pid = redis.info("server")["process_id"]

    os.kill(worker, signal.SIGKILL)
    os.kill(redis_pid, signal.SIGKILL)

    assert vedette.pid_of("worker", start=1) != worker

    def redis_is_back() -> bool:
        _, status = vedette.finish("status", "--json")
        told = json.loads(status)
        restarts = {service["name"]: service["restarts"] for service in told["services"]}
        return bool(told["redis"]["ok"] and restarts["redis"] == 1 and restarts["video_worker"] == 1)

    wait_until("Redis is back", redis_is_back)


def test_nothing_survives_a_killed_supervisor_and_the_next_run_starts(vedette: Run) -> None:
    """The kernel may kill the supervisor too."""
    run = vedette.start("run")
    services = [psutil.Process(vedette.pid_of(name)) for name in ("worker", "capture")]
    services += [child for child in psutil.Process(run.pid).children() if child not in services]

    run.kill()

    _, alive = psutil.wait_procs(services, timeout=PATIENCE_SECONDS)
    assert alive == []
    code, output = vedette.finish("run", "--duration", "0.5")
    assert code == 0, output


def test_two_runs_on_one_video_folder_are_refused(vedette: Run) -> None:
    """They would record everything twice and salvage each other's open segments."""
    first = vedette.start("run")
    vedette.pid_of("capture")

    code, output = vedette.finish("run", "--duration", "1")

    assert code == 1
    assert f"already runs on the video folder video (process {first.pid})" in " ".join(output.split())
    assert len(vedette.events()) == 2


def test_an_unwritable_video_folder_is_said_clearly(vedette: Run) -> None:
    """A wrong mount is the most common mistake of a first start."""
    (vedette.folder / "taken").touch()

    code, output = vedette.finish("run", "--video-dir", "taken/video")

    assert code == 1
    assert "The video folder taken/video cannot be written" in output
    assert "Traceback" not in output


def test_the_address_of_the_redis_is_for_this_user_alone_and_gone_after_the_run(vedette: Run) -> None:
    """Whoever reads the queue password can delete what waits for analysis."""
    vedette.start("run")
    vedette.pid_of("capture")
    path = vedette.video / "state" / "redis.json"

    mode = stat.S_IMODE(path.stat().st_mode)
    url = json.loads(path.read_text())["url"]

    assert mode == 0o600
    command_lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    password = url.split(":")[2].split("@")[0]
    assert not any(password in line for line in command_lines)


def test_a_reader_that_ends_early_does_not_end_the_run(vedette: Run) -> None:
    """`vedette run | head` shows the beginning; the recording goes on, and so do the log files."""
    run = vedette.start("run", "--duration", "4", STAND_IN_QUEUE="1")
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.close()

    assert run.wait(PATIENCE_SECONDS) == 0
    assert "worker ended" in (vedette.folder / "logs" / "video_worker.log").read_text()


def test_a_named_redis_is_used_and_none_started(vedette: Run, redis_url: str) -> None:
    """REDIS_URL says: there is one."""
    code, output = vedette.finish("run", "--duration", "0.5", REDIS_URL=redis_url)

    assert code == 0, output
    assert not (vedette.video / "state").exists()


def test_a_run_says_at_its_start_where_everything_goes(vedette: Run) -> None:
    """Who has just started it wants to know where to look."""
    code, output = vedette.finish("run", "--duration", "0.5")

    assert code == 0, output
    assert "recording into video, logs in logs" in output


def test_status_and_queue_say_when_nothing_runs(vedette: Run) -> None:
    """Redis is away then, and that is no crash."""
    code, status = vedette.finish("status")
    queue_code, queue = vedette.finish("queue", "show")

    assert code == 0
    assert "No 'vedette run' works on this folder" in status
    assert "Redis is away" in status
    assert queue_code == 1
    assert "No 'vedette run' works on video" in " ".join(queue.split())


def test_queue_shows_and_replays_on_the_redis_of_a_running_run(vedette: Run) -> None:
    """Nobody can be expected to know its port and password."""
    vedette.start("run")
    vedette.pid_of("capture")
    url = json.loads((vedette.video / "state" / "redis.json").read_text())["url"]
    moment = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
    name = segment_id("front", moment)
    task = Task(id=name, filename=f"{name}.mp4", camera="front", started_at=moment, queued_at=moment)
    letter = dead_letter_json(task, task.to_json(), error="no such file", attempts=3, worker="w", failed_at=moment)
    with connect(url) as redis:
        redis.lpush("video_queue:dead", letter)

    _, dead = vedette.finish("queue", "dead")
    code, replayed = vedette.finish("queue", "replay", "video_queue", name)
    _, shown = vedette.finish("queue", "show", "video_queue", "--json")

    assert "no such file" in dead
    assert code == 0, replayed
    assert json.loads(shown)["video_queue"]["next"][0]["id"] == name


def test_a_port_is_free_again_after_a_run(vedette: Run) -> None:
    """Redis must not stay behind."""
    run = vedette.start("run")
    vedette.pid_of("capture")
    url = json.loads((vedette.video / "state" / "redis.json").read_text())["url"]
    port = int(url.rpartition(":")[2].partition("/")[0])

    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=PATIENCE_SECONDS)

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert not (vedette.video / "state" / "redis.json").exists()
