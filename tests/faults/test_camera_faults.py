"""One camera fails in every way it can, one after the other; those beside it lose not a frame."""

import json
import time
from pathlib import Path

import pytest

from shared_utils.segments import VideoDir
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.packets import contents_of
from tests.support.services import manifests, recorded_spans, service, write_config
from tests.support.waiting import wait_until

NO_REDIS = "redis://127.0.0.1:1/0"
FPS = 15
FAULTS = ("drop", "stall", "video_stops", "timestamp_jump", "hang", "garbage")
AT_ONCE = {"drop", "timestamp_jump"}


@pytest.mark.timeout(150)
def test_a_failing_camera_costs_the_others_nothing_and_its_gaps_say_why(tmp_path: Path) -> None:
    """All cameras share a process, a committer and a disk."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=8, fps=FPS, audio=True, width=320, height=180)
    video = tmp_path / "video"
    with Emulator({"bad": clip, "one": clip, "two": clip}) as emulator:
        camera = {"record": "continuous", "segment_seconds": 3, "stall_seconds": 2}
        cameras = {name: camera | {"url": emulator.url(name)} for name in ("bad", "one", "two")}
        config = write_config(tmp_path / "vedette.yml", cameras, storage={"keep_free_gb": 0})
        with service("capture_service", config, video, REDIS_URL=NO_REDIS) as capture:
            wait_until("all are recorded", lambda: len({manifest.camera for manifest in manifests(video)}) == 3)
            for fault in FAULTS:
                emulator.misbehave("bad", fault, **({} if fault in AT_ONCE else {"seconds": 3.0}))
                time.sleep(5)
            emulator.mend("bad")
            done = len(manifests(video, "bad"))
            wait_until("the camera is recorded again", lambda: len(manifests(video, "bad")) > done)

    reasons = [json.loads(line)["reason"] for line in (video / "gaps_log.jsonl").read_text().splitlines()]
    assert capture.returncode == 0
    assert reasons
    assert "disk" not in " ".join(reasons)
    for name in ("one", "two"):
        (start, end), *others = recorded_spans(video, name)
        frames = sum(
            contents_of(VideoDir(video).segment(manifest.segment_id)).decoded for manifest in manifests(video, name)
        )
        assert others == []
        assert frames == pytest.approx((end - start).total_seconds() * FPS, abs=2)
    assert not list(video.rglob("*.part"))


@pytest.mark.timeout(90)
def test_a_camera_that_sends_sound_alone_at_first_is_recorded_from_its_first_picture(tmp_path: Path) -> None:
    """What has no picture yet has no size, and MP4 takes no stream without one; the disk was blamed for it."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=8, audio=True, width=320, height=180)
    video = tmp_path / "video"
    with Emulator({"cam": clip}) as emulator:
        emulator.misbehave("cam", "video_stops")
        camera = {"url": emulator.url("cam"), "record": "continuous", "segment_seconds": 3, "stall_seconds": 20}
        config = write_config(tmp_path / "vedette.yml", {"cam": camera}, storage={"keep_free_gb": 0})
        log = tmp_path / "capture_service.log"
        with service("capture_service", config, video, REDIS_URL=NO_REDIS):
            wait_until("the camera is opened", lambda: "0x0" in log.read_text())
            emulator.mend("cam")
            wait_until("it is recorded", lambda: len(manifests(video)) > 1)

    assert "ERROR" not in log.read_text()
    assert not (video / "gaps_log.jsonl").exists()
    first = manifests(video)[0]
    assert (first.video.width, first.video.height) == (320, 180)
    assert contents_of(VideoDir(video).segment(first.segment_id)).decoded > 40
