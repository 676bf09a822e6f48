"""A camera whose first seconds are not as they should be."""

from pathlib import Path

import pytest

from shared_utils.segments import VideoDir
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.packets import contents_of
from tests.support.services import manifests, service, write_config
from tests.support.waiting import wait_until

NO_REDIS = "redis://127.0.0.1:1/0"


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
            wait_until("the camera is opened", lambda: "no video yet" in log.read_text())
            emulator.mend("cam")
            wait_until("it is recorded", lambda: len(manifests(video)) > 1)

    assert "ERROR" not in log.read_text()
    assert not (video / "gaps_log.jsonl").exists()
    first = manifests(video)[0]
    assert (first.video.width, first.video.height) == (320, 180)
    assert contents_of(VideoDir(video).segment(first.segment_id)).decoded > 40
