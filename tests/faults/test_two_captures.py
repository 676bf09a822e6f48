"""Two capture services on one video folder: one records, the other takes over when the first is gone."""

import shutil
import time
from pathlib import Path

import pytest

from shared_utils.clock import SystemClock
from shared_utils.segments import VideoDir
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.services import manifests, service, write_config
from tests.support.waiting import wait_until
from vedette.checks.footage import check_footage

NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.mark.timeout(120)
def test_the_second_of_two_services_takes_over_when_the_first_is_killed(tmp_path: Path) -> None:
    """Started twice by mistake, or for safety: neither may spoil what the other writes, nor invent a gap."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=8, width=320, height=180)
    video = tmp_path / "video"
    with Emulator({"cam": clip}) as emulator:
        camera = {"url": emulator.url("cam"), "record": "continuous", "segment_seconds": 2}
        config = write_config(tmp_path / "vedette.yml", {"cam": camera}, storage={"keep_free_gb": 0})
        (tmp_path / "other").mkdir()
        other = Path(shutil.copy(config, tmp_path / "other"))  # its log lies beside it
        with service("capture_service", config, video, REDIS_URL=NO_REDIS) as first:
            wait_until("the first records", lambda: len(manifests(video)) > 0)
            with service("capture_service", other, video, REDIS_URL=NO_REDIS) as second:
                said = tmp_path / "other" / "capture_service.log"
                wait_until("the second is told why", lambda: "recorded by another process" in said.read_text())
                time.sleep(3)
                first.kill()
                first.wait()
                killed_at = SystemClock().now()
                wait_until("the second records", lambda: manifests(video)[-1].started_at > killed_at)

    before = [manifest for manifest in manifests(video) if manifest.started_at < killed_at]
    ended = before[-1].started_at.timestamp() + before[-1].duration_seconds
    assert second.returncode == 0
    assert killed_at.timestamp() - ended < 1.1
    assert not (video / "gaps_log.jsonl").exists()
    assert not list(video.rglob("*.part"))
    report = check_footage(VideoDir(video), SystemClock())
    assert all(flaw.harmless for flaw in report.flaws), report
