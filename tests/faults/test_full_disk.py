"""A disk that is really full: recording ends where it must, comes back by itself, and leaves nothing half-written."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shared_utils.clock import SystemClock
from shared_utils.segments import VideoDir
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.packets import contents_of
from tests.support.redis_server import RedisServer
from tests.support.services import REPOSITORY, manifests, service, write_config
from tests.support.waiting import wait_until
from vedette.checks.footage import check_footage

DISK_BYTES = 16_000_000
NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 16 MB in memory, which the administrator alone may mount."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root only")
    folder = tmp_path / "video"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted here: the container forbids it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About half a megabyte a second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, seconds=4, noise=40, bit_rate=4_000_000, moving=[(0, 4)])


def fill(disk: Path) -> Path:
    """Take all space but a little."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(64 * 1024))
    return ballast


def assert_whole(video: Path) -> None:
    for manifest in manifests(video):
        contents = contents_of(VideoDir(video).segment(manifest.segment_id))
        assert contents.decoded == len(contents.video) > 0
    report = check_footage(VideoDir(video), SystemClock())
    assert all(flaw.harmless for flaw in report.flaws), report


@pytest.mark.timeout(150)
def test_recording_comes_back_by_itself_when_a_full_disk_has_room_again(
    tmp_path: Path, small_disk: Path, clip: Path
) -> None:
    """Nobody restarts a service for it; what was recorded up to that moment is kept, and the rest is a logged gap."""
    with Emulator({"cam": clip}) as emulator:
        camera = {"url": emulator.url("cam"), "record": "continuous", "segment_seconds": 3}
        config = write_config(tmp_path / "vedette.yml", {"cam": camera}, storage={"keep_free_gb": 0})
        with service("capture_service", config, small_disk, REDIS_URL=NO_REDIS) as capture:
            wait_until("a segment is recorded", lambda: len(manifests(small_disk)) > 0)
            ballast = fill(small_disk)
            time.sleep(5)
            before = len(manifests(small_disk))
            ballast.unlink()
            wait_until("new segments are recorded", lambda: len(manifests(small_disk)) >= before + 2)

    gaps = [json.loads(line) for line in (small_disk / "gaps_log.jsonl").read_text().splitlines()]
    assert capture.returncode == 0
    assert [gap["reason"] for gap in gaps] == ["the disk did not take the video"]
    assert not list(small_disk.rglob("*.part"))
    assert_whole(small_disk)


@pytest.mark.timeout(150)
def test_a_service_that_starts_on_a_full_disk_makes_room_and_records(
    tmp_path: Path, small_disk: Path, clip: Path
) -> None:
    """Killed by the very disk that is full, it finds a leftover that it cannot finish before old segments are gone."""
    with Emulator({"cam": clip}) as emulator:
        camera = {"url": emulator.url("cam"), "record": "continuous", "segment_seconds": 2}
        limits = {"keep_free_gb": 0.002, "max_disk_usage_gb": 1}
        config = write_config(tmp_path / "vedette.yml", {"cam": camera}, storage=limits)
        with service("capture_service", config, small_disk, REDIS_URL=NO_REDIS) as capture:
            wait_until("old segments are there", lambda: len(manifests(small_disk)) > 3)
            wait_until("a segment is written", lambda: any(p.stat().st_size > 3e5 for p in small_disk.rglob("*.part")))
            capture.kill()
            capture.wait()
        fill(small_disk)
        known = {manifest.segment_id for manifest in manifests(small_disk)}
        with service("capture_service", config, small_disk, REDIS_URL=NO_REDIS) as capture:
            wait_until(
                "new segments are recorded",
                lambda: len({manifest.segment_id for manifest in manifests(small_disk)} - known) > 1,
            )

    assert capture.returncode == 0
    assert not list(small_disk.rglob("*.part"))
    assert_whole(small_disk)


@pytest.mark.timeout(150)
def test_a_worker_on_a_full_disk_waits_and_then_writes_each_line_once(
    tmp_path: Path, small_disk: Path, clip: Path, own_redis: RedisServer
) -> None:
    """A torn or missing line would say that a segment was looked at when nobody will look again."""
    worker = [sys.executable, "-m", "tests.support.object_worker_process", own_redis.url, str(small_disk)]
    with Emulator({"cam": clip}) as emulator:
        camera = {"url": emulator.url("cam"), "record": "continuous", "segment_seconds": 2}
        config = write_config(tmp_path / "vedette.yml", {"cam": camera}, storage={"keep_free_gb": 0})
        with service("capture_service", config, small_disk, REDIS_URL=own_redis.url):
            wait_until("segments are recorded", lambda: len(manifests(small_disk)) > 3)
    ballast, log = fill(small_disk), small_disk / "detections_log.jsonl"
    with (tmp_path / "worker.log").open("wb") as output:
        process = subprocess.Popen(worker, cwd=REPOSITORY, stdout=output, stderr=output)
    try:
        wait_until("the worker meets the full disk", lambda: b"postponed" in (tmp_path / "worker.log").read_bytes())
        while_full = log.read_bytes() if log.exists() else b""
        ballast.unlink()
        segments = [manifest.segment_id for manifest in manifests(small_disk)]
        wait_until(
            "every line is written", lambda: log.exists() and len(log.read_bytes().splitlines()) >= len(segments)
        )
    finally:
        process.terminate()
        process.wait(60)

    assert process.returncode == 0
    assert while_full == b""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert sorted(line["segment_id"] for line in lines) == segments
    assert all(line["ok"] for line in lines)
