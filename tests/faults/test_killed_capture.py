"""Capture is killed again and again: what was recorded stays, and what was cut off is made whole."""

import random
import time
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import pytest

from shared_utils.clock import SystemClock
from shared_utils.segments import VideoDir
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.packets import contents_of
from tests.support.redis_server import RedisServer
from tests.support.services import manifests, recorded_spans, service, write_config
from tests.support.waiting import wait_until
from vedette.checks.footage import check_footage

KILLS = 5
MOST_LOST_SECONDS = 1.1


def are_recorded(clips: Collection[str], emulator: Emulator, video: Path) -> bool:
    """Whether something of each camera is in a file; what was cut off before is salvaged by then."""
    parts = [path.name for path in video.rglob("*.mp4.part") if path.stat().st_size > 3_000]
    viewers = {name: camera["viewers"] for name, camera in emulator.status()["cameras"].items()}
    return all(viewers[name] and any(part.startswith(name) for part in parts) for name in clips)


@pytest.mark.timeout(120)
def test_killed_at_any_moment_capture_loses_a_second_and_nothing_is_there_twice(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    """Cuts between segments, part files, drafts and manifests are all in the making when the kills come."""
    chance = random.Random(11)
    clips = {
        "one": make_clip(tmp_path / "one.mp4", seconds=8, audio=True, width=320, height=180),
        "two": make_clip(tmp_path / "two.mp4", seconds=8, gop_seconds=2, width=320, height=180),
    }
    video, killed_at = tmp_path / "video", list[datetime]()
    with Emulator(clips) as emulator:
        cameras = {
            name: {"url": emulator.url(name), "record": "continuous", "segment_seconds": 2, "analyses": ["objects"]}
            for name in clips
        }
        config = write_config(tmp_path / "vedette.yml", cameras, storage={"keep_free_gb": 0})
        for _ in range(KILLS):
            with service("capture_service", config, video, REDIS_URL=own_redis.url) as process:
                wait_until("both cameras are recorded", lambda: are_recorded(clips, emulator, video))
                time.sleep(chance.uniform(0.5, 3.0))
                process.kill()
                process.wait()
                killed_at.append(SystemClock().now())
        with service("capture_service", config, video, REDIS_URL=own_redis.url) as process:
            wait_until("both cameras are recorded", lambda: are_recorded(clips, emulator, video))
        assert process.returncode == 0

    for name in clips:
        spans = recorded_spans(video, name)
        for moment in killed_at:
            last = max(end for start, end in spans if start <= moment)
            assert (moment - last).total_seconds() <= MOST_LOST_SECONDS, f"{name}: killed at {moment}, spans {spans}"
    for manifest in manifests(video):
        contents = contents_of(VideoDir(video).segment(manifest.segment_id))
        assert contents.decoded == len(contents.video) > 0
        assert contents.duration_seconds == pytest.approx(manifest.duration_seconds, abs=0.1)
    assert not list(video.rglob("*.part"))
    report = check_footage(VideoDir(video), SystemClock())
    assert all(flaw.harmless for flaw in report.flaws), report
