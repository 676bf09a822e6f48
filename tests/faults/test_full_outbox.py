"""Capture starts with an outbox that a long outage has filled: it records at once, and each segment gets one line."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.segments import Manifest, VideoDir, VideoInfo, segment_id
from shared_utils.tasks import VIDEO_QUEUE
from tests.faults.conftest import FaultRow
from tests.support.clips import make_clip
from tests.support.redis_server import RedisServer
from tests.support.rig import CAMERAS, Rig
from tests.support.waiting import wait_until

SEGMENT_SECONDS = 2.0
SENDING_SECONDS = 600.0


def fill_outbox(video: VideoDir, count: int, clip: Path) -> None:
    """Segments of a camera that is not there any more, none of them queued; all are links to one file."""
    first = SystemClock().now() - timedelta(seconds=(count + 60) * SEGMENT_SECONDS)
    video.outbox.mkdir(parents=True)
    for number in range(count):
        started_at = first + timedelta(seconds=number * SEGMENT_SECONDS)
        segment = segment_id("old", started_at)
        video.segment(segment).parent.mkdir(parents=True, exist_ok=True)
        os.link(clip, video.segment(segment))
        manifest = Manifest(
            segment_id=segment,
            camera="old",
            event_id=segment,
            trigger="motion",
            started_at=started_at,
            duration_seconds=SEGMENT_SECONDS,
            filename=video.segment_filename(segment),
            size_bytes=clip.stat().st_size,
            video=VideoInfo(codec="h264", width=320, height=180, fps=15),
            tasks=(VIDEO_QUEUE,),
        )
        video.waiting_manifest(segment).write_bytes(manifest.to_json())


def waiting(video: VideoDir) -> int:
    """How many of the old segments are not queued yet."""
    return sum(1 for _ in video.outbox.glob("old-*.json"))


def recorded(video: VideoDir) -> list[int]:
    """How many segments each living camera has; cheaper to ask than for the manifests."""
    return [sum(1 for _ in (video.segments / name).rglob("*.mp4")) for name in CAMERAS]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.endurance)])
def test_a_full_outbox_delays_no_recording_and_is_sent_once_although_capture_is_killed_meanwhile(
    tmp_path: Path, own_redis: RedisServer, fault_row: FaultRow, count: int
) -> None:
    """After a weekend without Redis there are thousands; whoever waits for them first records nothing on Monday."""
    rig = Rig(tmp_path / "rig", own_redis, worker_command=("-m", "tests.support.line_worker_process"))
    clip = make_clip(tmp_path / "old.mp4", seconds=SEGMENT_SECONDS, width=320, height=180)
    fill_outbox(rig.video, count, clip)
    own_redis.freeze()
    with rig:
        wait_until("every camera is recorded", lambda: min(recorded(rig.video)) >= 2)
        waited = waiting(rig.video)
        own_redis.thaw()
        began = SystemClock().monotonic()
        wait_until("a part of it is sent", lambda: waiting(rig.video) <= 0.8 * count, SENDING_SECONDS)
        killed_at = rig.kill_capture()
        left = waiting(rig.video)
        rig.start_capture()
        wait_until("all of it is sent", lambda: waiting(rig.video) == 0, SENDING_SECONDS)
        sending_seconds = SystemClock().monotonic() - began
        more = [number + 2 for number in recorded(rig.video)]
        wait_until("recording goes on", lambda: all(a >= b for a, b in zip(recorded(rig.video), more, strict=True)))
        wait_until("the workers are through", lambda: queue_is_empty(own_redis), SENDING_SECONDS)
        lost = max(rig.lost_before_seconds(killed_at, name) for name in CAMERAS)
        tally = rig.finish()

    assert waited == count, "recording has begun before any of it was sent"
    assert 0 < left < count, "capture was killed in the middle of sending"
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments == count + sum(recorded(rig.video))
    assert lost <= 1.1
    assert max(len(rig.gaps_seconds(name)) for name in CAMERAS) <= 1, "of the kill"
    speed = count / sending_seconds
    fault_row(f"outbox of {count} at start, sent at {speed:.0f}/s; capture killed meanwhile", tally, lost)


def queue_is_empty(redis: RedisServer) -> bool:
    with Redis.from_url(redis.url) as client:
        return int(client.llen(VIDEO_QUEUE)) == 0
