"""The whole chain on real footage: emulator, capture, Redis, object worker, each as its own process."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.redis_server import RedisServer
from tests.support.services import manifests, recorded_spans, service, write_config
from tests.support.waiting import wait_until

WATCHED_SECONDS = 142.0
STILL_SECONDS = 300.0
# The annotations were made at two looks a second.
EDGE = timedelta(seconds=0.5)

PEOPLE_CLIPS = {
    "room": "one-by-one-person-detection.mp4",
    "road": "vtest.mp4",
    "street": "people-walking.mp4",
    "garden": "night-walk.mp4",
}


def intervals_with_people(media: Path, clip: str) -> Sequence[tuple[float, float]]:
    """Seconds of the clip in which somebody is to be seen; a clip that never is empty is one interval."""
    notes = json.loads((media / "videos" / "annotations.json").read_text())[clip]
    return notes.get("person_visible") or [(0.0, WATCHED_SECONDS - 12)]


def lines_of(video: Path) -> list[dict[str, object]]:
    log = video / "detections_log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_interval_with_people_is_recorded_from_its_first_second_and_named(
    tmp_path: Path, media_dir: Path, models_dir: Path, own_redis: RedisServer
) -> None:
    """What Vedette is for. Four cameras at once, the clips as the cameras' pictures, in real time."""
    clips = {camera: media_dir / "videos" / clip for camera, clip in PEOPLE_CLIPS.items()}
    video, redis_url = tmp_path / "video", own_redis.url
    with Emulator(clips, wait_for_client=True) as emulator:
        config = write_config(
            tmp_path / "vedette.yml",
            {camera: {"url": emulator.url(camera)} for camera in clips},
            models_dir=str(models_dir),
        )
        with service("video_worker", config, video, REDIS_URL=redis_url):
            with service("capture_service", config, video, REDIS_URL=redis_url):
                wait_until(
                    "every camera plays",
                    lambda: all(one["position_seconds"] > 1 for one in emulator.status()["cameras"].values()),
                    30,
                )
                now, status = datetime.now(UTC), emulator.status()["cameras"]
                began = {camera: now - timedelta(seconds=status[camera]["position_seconds"]) for camera in clips}
                time.sleep(WATCHED_SECONDS)
            wait_until("every segment has its line", lambda: len(lines_of(video)) >= len(manifests(video)), seconds=400)

    for camera, clip in PEOPLE_CLIPS.items():
        spans = recorded_spans(video, camera)
        for first, last in intervals_with_people(media_dir, clip):
            start = began[camera] + timedelta(seconds=first) + (EDGE if first else timedelta(seconds=1))
            end = began[camera] + timedelta(seconds=last) - EDGE
            assert any(a <= start and end <= b for a, b in spans), (
                f"{camera}: people from {first} to {last} s are not inside one recorded span; recorded were "
                f"{[((a - began[camera]).total_seconds(), (b - began[camera]).total_seconds()) for a, b in spans]}"
            )
    lines = lines_of(video)
    assert len({line["segment_id"] for line in lines}) == len(lines) == len(manifests(video))
    for camera in PEOPLE_CLIPS:
        assert any("person" in str(line["detected"]) for line in lines if line["camera"] == camera), camera
    room = [line for line in lines if line["camera"] == "room" and line["ok"]]
    named = [line for line in room if "person" in str(line["detected"])]
    assert len(named) >= 0.8 * len(room)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_static_scene_records_nothing_for_five_minutes(tmp_path: Path, fresh_redis_url: str) -> None:
    """A camera that records an empty, noisy room fills the disk and teaches its owner to ignore it."""
    still = make_clip(tmp_path / "still.mp4", seconds=20, width=1280, height=720, noise=4, gop_seconds=2.0)
    video = tmp_path / "video"
    with Emulator({"still": still}) as emulator:
        config = write_config(tmp_path / "vedette.yml", {"still": {"url": emulator.url("still")}})
        with service("capture_service", config, video, REDIS_URL=fresh_redis_url) as capture:
            time.sleep(STILL_SECONDS)
            running = capture.poll() is None
            statuses = [json.loads(path.read_text()) for path in (video / "status").glob("capture_service*.json")]

    assert running
    assert statuses[0]["cameras"]["still"]["state"] == "streaming"
    assert manifests(video) == []
    assert not list(video.rglob("*.mp4*"))


def test_a_service_with_a_wrong_configuration_ends_with_two_and_says_why(tmp_path: Path) -> None:
    """A supervisor must be able to tell a mistake from a failure."""
    config = tmp_path / "vedette.yml"
    config.write_text("cameras:\n  front:\n    url: rtsp://127.0.0.1/x\n    segment_second: 30\n")

    with service("capture_service", config, tmp_path / "video") as capture:
        code = capture.wait(30)

    said = (tmp_path / "capture_service.log").read_text()
    assert code == 2
    assert "cameras.front.segment_second" in said
    assert "segment_seconds" in said
