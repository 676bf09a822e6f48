"""Redis is killed, frozen, full or read-only while segments come and go: they wait, and each is analysed once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.redis_server import RedisServer
from tests.support.services import REPOSITORY, manifests, service, write_config
from tests.support.waiting import wait_until

# What a supervisor waits before it kills; see vedette/run_services.py and docker-compose.yml.
CAPTURE_STOP_SECONDS = 15.0  # it gets 20
WORKER_GRACE_SECONDS = 60.0


@contextmanager
def workers(count: int, url: str, video: Path, log: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    command = [sys.executable, "-m", "tests.support.object_worker_process", url, str(video)]
    with log.open("ab") as output:
        processes = [subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output) for _ in range(count)]
        try:
            yield processes
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(WORKER_GRACE_SECONDS)


def lines(video: Path) -> list[dict[str, Any]]:
    log = video / "detections_log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def segments_with_a_line(video: Path) -> list[str]:
    return sorted(line["segment_id"] for line in lines(video))


@pytest.mark.timeout(150)
def test_whatever_happens_to_redis_and_to_workers_each_segment_has_one_line(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    """Killed, full, read-only and frozen, one after the other, with workers that are killed and frozen as well."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=8, width=320, height=180, moving=[(0, 8)])
    video = tmp_path / "video"
    with Emulator({"cam": clip}) as emulator, Redis.from_url(own_redis.url) as redis:
        camera = {"url": emulator.url("cam"), "record": "continuous", "segment_seconds": 2}
        config = write_config(tmp_path / "vedette.yml", {"cam": camera}, storage={"keep_free_gb": 0})
        with workers(2, own_redis.url, video, tmp_path / "workers.log") as two:
            with service("capture_service", config, video, REDIS_URL=own_redis.url) as capture:
                wait_until("something is analysed", lambda: len(lines(video)) > 0)
                own_redis.kill()
                time.sleep(5)
                own_redis.start()
                redis.config_set("maxmemory", "1")
                time.sleep(5)
                redis.config_set("maxmemory", "0")
                two[0].send_signal(signal.SIGSTOP)  # longer than its lease of 2 s
                redis.replicaof("127.0.0.1", "1")
                time.sleep(5)
                redis.replicaof("NO", "ONE")
                assert own_redis.process is not None
                os.kill(own_redis.process.pid, signal.SIGSTOP)
                time.sleep(5)
                os.kill(own_redis.process.pid, signal.SIGCONT)
                two[0].send_signal(signal.SIGCONT)
            wait_until("every segment has its line", lambda: len(lines(video)) >= len(manifests(video)))

        assert capture.returncode == 0
        assert [process.returncode for process in two] == [0, 0]
        assert len(manifests(video)) > 8
        assert segments_with_a_line(video) == [manifest.segment_id for manifest in manifests(video)]
        assert all(line["ok"] for line in lines(video))
        assert redis.llen("video_queue:dead") == 0
        recorded = sum(manifest.duration_seconds for manifest in manifests(video))
        first, last = manifests(video)[0], manifests(video)[-1]
        spanned = (last.started_at - first.started_at).total_seconds() + last.duration_seconds
        assert recorded == pytest.approx(spanned, abs=0.5), "recording never waits for Redis"


@pytest.mark.timeout(150)
def test_services_stop_in_time_although_redis_and_a_camera_are_frozen(tmp_path: Path, own_redis: RedisServer) -> None:
    """Otherwise they are killed, and a segment that was being written is cut off."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=8, width=320, height=180)
    video = tmp_path / "video"
    with Emulator({"cam": clip}) as emulator:
        camera = {"url": emulator.url("cam"), "record": "continuous"}
        config = write_config(tmp_path / "vedette.yml", {"cam": camera}, storage={"keep_free_gb": 0})
        with (
            workers(1, own_redis.url, video, tmp_path / "workers.log") as one,
            service("capture_service", config, video, REDIS_URL=own_redis.url) as capture,
        ):
            wait_until("a segment is written", lambda: any(p.stat().st_size > 20_000 for p in video.rglob("*.part")))
            assert own_redis.process is not None
            os.kill(own_redis.process.pid, signal.SIGSTOP)
            emulator.freeze()
            time.sleep(1)
            for process in (capture, *one):
                process.send_signal(signal.SIGTERM)

            capture.wait(CAPTURE_STOP_SECONDS)
            one[0].wait(WORKER_GRACE_SECONDS)

            os.kill(own_redis.process.pid, signal.SIGCONT)

    assert (capture.returncode, one[0].returncode) == (0, 0)
    assert len(manifests(video)) == 1
    assert not list(video.rglob("*.part"))
