"""Redis is killed, frozen, full, read-only or emptied while segments come and go: they wait, each is analysed once."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
from redis import Redis

from shared_utils.tasks import VIDEO_QUEUE
from tests.faults.conftest import FaultRow
from tests.support.redis_server import RedisServer
from tests.support.rig import CAMERAS, Rig, Tally
from tests.support.services import REPOSITORY, manifests, part_sizes
from tests.support.waiting import wait_until

# What a supervisor waits before it kills; see vedette/run_services.py and docker-compose.yml.
CAPTURE_STOP_SECONDS = 15.0  # it gets 20
WORKER_GRACE_SECONDS = 60.0


FAULTS = {
    "killed": RedisServer.killed,
    "out of memory": RedisServer.full,
    "read-only": RedisServer.read_only,
    "frozen": RedisServer.frozen,
}


def wait_while_recording(rig: Rig, seconds: float) -> None:
    """Each camera cuts a segment every 2 s, so counting them is waiting: it also proves that recording goes on."""
    rig.wait_for_segments(max(len(CAMERAS), round(seconds * len(CAMERAS) / 2)))


def assert_nothing_lost(rig: Rig, tally: Tally) -> None:
    """Recording never waits for Redis: what each camera showed is one span without a gap."""
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments
    assert [rig.gaps_seconds(name) for name in CAMERAS] == [[], [], []]
    assert rig.logged_gaps() == []
    rig.assert_whole()


@pytest.mark.timeout(300)
def test_whatever_happens_to_redis_and_to_workers_each_segment_has_one_line(rig: Rig, fault_row: FaultRow) -> None:
    """Killed, full, read-only and frozen, one after the other, with workers that are frozen and killed as well."""
    with rig:
        wait_until("something is analysed", lambda: len(rig.lines()) > 0)
        with rig.redis.killed():
            wait_while_recording(rig, 4)
        with rig.redis.full():
            wait_while_recording(rig, 4)
        rig.workers[0].send_signal(signal.SIGSTOP)  # for longer than its lease of 2 s
        with rig.redis.read_only():
            wait_while_recording(rig, 4)
        with rig.redis.frozen():
            rig.kill_worker(1)
            wait_while_recording(rig, 4)
        rig.workers[0].send_signal(signal.SIGCONT)
        rig.start_worker()
        tally = rig.finish()

    assert_nothing_lost(rig, tally)
    fault_row("Redis killed, full, read-only and frozen in turn; a worker killed, one frozen", tally, 0.0)


@pytest.mark.endurance
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ("killed", 0),
        ("killed", 20),
        ("killed", 90),
        ("read-only", 20),
        ("out of memory", 20),
        ("frozen", 40),  # beyond every time limit of a socket
    ],
)
def test_an_absence_of_redis_costs_delay_and_nothing_else(
    rig: Rig, fault_row: FaultRow, fault: str, seconds: float
) -> None:
    """However long it lasts: manifests wait in the outbox, workers wait for their tasks, cameras wait for nobody."""
    with rig:
        wait_until("something is analysed", lambda: len(rig.lines()) > 0)
        with FAULTS[fault](rig.redis):
            if seconds:
                wait_while_recording(rig, seconds)
        rig.wait_for_segments(6)
        tally = rig.finish()

    assert_nothing_lost(rig, tally)
    fault_row(f"Redis {fault}, {'back at once' if not seconds else f'for {seconds:.0f} s'}", tally, 0.0)


@pytest.mark.endurance
@pytest.mark.timeout(240)
def test_a_kill_of_redis_loses_no_task_that_was_pushed(rig: Rig, fault_row: FaultRow) -> None:
    """A manifest beside its segment says that its tasks are queued; nobody would ever push them again."""
    with rig:
        for worker in rig.workers:  # so that what is pushed stays in Redis, and nothing but Redis
            worker.send_signal(signal.SIGSTOP)
        for _ in range(5):
            known = set(rig.video.segments.rglob("*.json"))
            wait_until("a segment is queued", lambda: set(rig.video.segments.rglob("*.json")) > known)  # noqa: B023
            rig.redis.kill()  # in the moment after the push
            rig.redis.start()
        for worker in rig.workers:
            worker.send_signal(signal.SIGCONT)
        tally = rig.finish()

    assert_nothing_lost(rig, tally)
    fault_row("Redis killed 5 times, each right after a push", tally, 0.0)


@pytest.mark.timeout(240)
def test_what_redis_has_forgotten_is_queued_again_by_a_repair(rig: Rig, fault_row: FaultRow) -> None:
    """Its volume was deleted, or its disk died: manifests and log lines still tell which segments nobody has seen."""
    repair = [sys.executable, "-m", "vedette", "check", "--deep", "--repair", "--json"]
    with rig, Redis.from_url(rig.redis.url) as client:
        wait_until("something is analysed", lambda: len(rig.lines()) > 0)
        for worker in rig.workers:
            worker.send_signal(signal.SIGSTOP)
        rig.wait_for_segments(6)
        wait_until("tasks wait in Redis", lambda: int(client.llen(VIDEO_QUEUE)) >= 3)
        client.flushall()
        for worker in rig.workers:
            worker.send_signal(signal.SIGCONT)
        rig.wait_for_segments(6)
        forgotten = without_a_line(rig)
        environment = os.environ | {"REDIS_URL": rig.redis.url}
        repair += ["--config", str(rig.config), "--video-dir", str(rig.video.root)]
        subprocess.run(repair, cwd=REPOSITORY, env=environment, check=False, stdout=subprocess.DEVNULL)
        tally = rig.finish()

    assert len(forgotten) >= 3, "without tasks that were lost, there was nothing to repair"
    assert_nothing_lost(rig, tally)
    fault_row("Redis emptied while tasks waited, then vedette check --deep --repair", tally, 0.0)


def without_a_line(rig: Rig) -> set[str]:
    """Segments whose manifest says that they were queued, and which have no result."""
    done = {line["segment_id"] for line in rig.lines()}
    return {path.stem for path in rig.video.segments.rglob("*.json")} - done


@pytest.mark.timeout(150)
def test_services_stop_in_time_although_redis_and_a_camera_are_frozen(tmp_path: Path, own_redis: RedisServer) -> None:
    """Otherwise they are killed, and a segment that was being written is cut off."""
    rig = Rig(tmp_path / "rig", own_redis, camera={"segment_seconds": 30})
    with rig:
        started = rig.folder / "workers.log"
        wait_until(
            "the workers wait for tasks", lambda: started.read_text().count("waits for tasks") == len(rig.workers)
        )
        wait_until("all are recorded", lambda: len(written(rig)) == len(CAMERAS))
        own_redis.freeze()
        rig.emulator.freeze()
        wait_until("the freeze is noticed", lambda: rig.capture is not None and are_still(rig))
        assert rig.capture is not None
        services = (rig.capture, *rig.workers)
        for process in services:
            process.send_signal(signal.SIGTERM)

        rig.capture.wait(CAPTURE_STOP_SECONDS)
        for worker in rig.workers:
            worker.wait(WORKER_GRACE_SECONDS)

        own_redis.thaw()

    assert [process.returncode for process in services] == [0, 0, 0]
    assert sorted(manifest.camera for manifest in manifests(rig.video.root)) == sorted(CAMERAS)
    assert not list(rig.video.root.rglob("*.part"))


def written(rig: Rig) -> dict[Path, int]:
    """The part files that hold video already, and their sizes."""
    return {path: size for path, size in part_sizes(rig.video.root).items() if size > 20_000}


def are_still(rig: Rig) -> bool:
    """Whether no video has come for a moment."""
    before = written(rig)
    Event().wait(0.7)  # more than a fragment lasts
    return written(rig) == before
