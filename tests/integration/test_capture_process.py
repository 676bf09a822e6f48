"""The capture service as the process that users run, with emulated cameras and a real Redis."""

import itertools
import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.segments import VideoDir
from shared_utils.status import read_status
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.packets import contents_of
from tests.support.redis_server import RedisServer
from tests.support.services import manifests, run_to_its_end, service, write_config
from tests.support.waiting import wait_until

NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=8, audio=True, width=320, height=180)


def status_of(video: Path, camera: str = "cam") -> dict[str, Any]:
    """What the service says about a camera; empty until it says something."""
    found = read_status(VideoDir(video).status, SystemClock().now())
    return next((dict(one["cameras"][camera]) for one in found if one["service"] == "capture_service"), {})


def gaps(video: Path) -> list[dict[str, Any]]:
    log = video / "gaps_log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def log_of(folder: Path) -> str:
    return (folder / "capture_service.log").read_text()


def part_files(video: Path) -> list[Path]:
    return [path for path in video.rglob("*.mp4.part") if path.stat().st_size > 0]


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        taken: list[socket.socket] = []
        stop = threading.Event()

        def take() -> None:
            while not stop.is_set():
                try:
                    taken.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()
            for connection in taken:
                connection.close()


@contextmanager
def recording(folder: Path, clip: Path, redis_url: str = NO_REDIS, *, segment_seconds: float = 2) -> Iterator[Emulator]:
    """The service records a camera that shows this clip, from its start on, while the block runs."""
    with Emulator({"cam": clip}) as emulator:
        camera = {"url": emulator.url("cam"), "record": "continuous", "segment_seconds": segment_seconds}
        config = write_config(folder / "vedette.yml", {"cam": camera})
        with service("capture_service", config, folder / "video", REDIS_URL=redis_url):
            yield emulator


def test_motion_is_recorded_queued_and_put_beside_its_segment(tmp_path: Path, own_redis: RedisServer) -> None:
    """The way of one event through the whole service: first second included, tasks on the list, manifest in place."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=40, moving=[(14, 17)], audio=True)
    video = tmp_path / "video"
    with Emulator({"cam": clip}, wait_for_client=True) as emulator:
        config = write_config(
            tmp_path / "vedette.yml",
            {"cam": {"url": emulator.url("cam"), "segment_seconds": 4, "pre_roll_seconds": 3, "post_roll_seconds": 2}},
        )
        with service("capture_service", config, video, REDIS_URL=own_redis.url):
            wait_until("motion is recorded", lambda: bool(part_files(video)), 40)
            wait_until("the event is over", lambda: not part_files(video), 30)

    found = manifests(video, "cam")
    contents = [contents_of(VideoDir(video).segment(one.segment_id)) for one in found]
    assert len(found) >= 2
    assert all(one.starts_with_keyframe and one.decoded == len(one.video) for one in contents)
    assert {one.trigger for one in found} == {"motion"}
    assert len({one.event_id for one in found}) == 1
    for before, after in itertools.pairwise(found):
        joint = after.started_at - before.started_at - timedelta(seconds=before.duration_seconds)
        assert abs(joint) < timedelta(seconds=0.3)
    # 3 s of motion, 3 s before and 2 s after, and whole GOPs
    assert 8.0 <= sum(one.duration_seconds for one in found) <= 14.0
    looks = [look.t for one in found[:1] for look in one.motion]
    assert 2.5 <= looks[0] <= 4.5
    with Redis.from_url(own_redis.url, decode_responses=True) as redis:
        tasks = [json.loads(task) for task in redis.lrange("video_queue", 0, -1)]
    assert sorted(task["id"] for task in tasks) == [one.segment_id for one in found]
    assert all(VideoDir(video).manifest(one.segment_id).exists() for one in found)


def test_killed_in_the_middle_of_a_segment_about_a_second_is_lost(tmp_path: Path) -> None:
    """With a keyframe every four seconds, and without anybody who cleans up: the next start does."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=12, gop_seconds=4, audio=True, width=320, height=180)
    video = tmp_path / "video"
    with Emulator({"cam": clip}, wait_for_client=True) as emulator:
        config = write_config(tmp_path / "vedette.yml", {"cam": {"url": emulator.url("cam"), "record": "continuous"}})
        with service("capture_service", config, video, REDIS_URL=NO_REDIS) as process:
            wait_until("a segment is written", lambda: bool(part_files(video)), 30)
            time.sleep(6.3)
            process.send_signal(signal.SIGKILL)
            killed_at = SystemClock().now()
            process.wait()
        assert manifests(video) == []
        with service("capture_service", config, video, REDIS_URL=NO_REDIS):
            wait_until("the segment is salvaged", lambda: bool(manifests(video)), 30)

    salvaged = manifests(video)[0]
    contents = contents_of(VideoDir(video).segment(salvaged.segment_id))
    lost = (killed_at - salvaged.started_at).total_seconds() - salvaged.duration_seconds
    assert contents.decoded == len(contents.video) > 60
    assert lost <= 1.1
    assert not part_files(video)


def test_while_redis_is_away_segments_wait_and_are_sent_when_it_is_back(
    tmp_path: Path, clip: Path, own_redis: RedisServer
) -> None:
    """Recording never waits for Redis, and nothing is forgotten."""
    video = tmp_path / "video"
    own_redis.stop()
    with recording(tmp_path, clip, own_redis.url):
        wait_until("segments wait", lambda: len(list(VideoDir(video).outbox.glob("*.json"))) >= 2, 30)
        own_redis.start()
        wait_until("the outbox is sent", lambda: len(manifests(video)) > 2 and _outbox_has_been_sent(video), 60)

    recorded = {one.segment_id for one in manifests(video)}
    with Redis.from_url(own_redis.url, decode_responses=True) as redis:
        queued = [json.loads(task)["id"] for task in redis.lrange("video_queue", 0, -1)]
    assert sorted(queued) == sorted(recorded)


def _outbox_has_been_sent(video: Path) -> bool:
    return len(list(VideoDir(video).segments.rglob("*.json"))) >= 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("drop", "it ended the stream"),
        ("reset", "it "),
        ("stall", "it stopped sending"),
        ("video_stops", "no video for 2 s"),
        ("gone", "no such path on the camera"),
    ],
)
def test_a_camera_that_fails_is_connected_again_and_its_gap_is_logged(
    tmp_path: Path, clip: Path, fault: str, reason: str
) -> None:
    """Whatever goes wrong with a camera: recording goes on as soon as it can, the other camera notices nothing."""
    video = tmp_path / "video"
    common = {"record": "continuous", "segment_seconds": 2, "stall_seconds": 2}
    lasting = {} if fault in {"drop", "reset"} else {"seconds": 5.0}
    with Emulator({"cam": clip, "other": clip}) as emulator:
        config = write_config(
            tmp_path / "vedette.yml", {name: {"url": emulator.url(name), **common} for name in ("cam", "other")}
        )
        with service("capture_service", config, video, REDIS_URL=NO_REDIS):
            wait_until("both cameras are recorded", lambda: len({one.camera for one in manifests(video)}) == 2, 40)
            emulator.misbehave("cam", fault, **lasting)
            if fault == "reset":
                time.sleep(0.5)
            wait_until("it is connected again", lambda: status_of(video).get("reconnects", 0) >= 1, 40)
            before = len(manifests(video, "cam"))
            wait_until("it is recorded again", lambda: len(manifests(video, "cam")) > before + 1, 30)
            log = log_of(tmp_path)
            others = status_of(video, "other")

    assert reason in log
    assert others["reconnects"] == 0
    if lasting:
        assert any(gap["camera"] == "cam" and reason in gap["reason"] for gap in gaps(video))
    for manifest in manifests(video):
        contents = contents_of(VideoDir(video).segment(manifest.segment_id))
        assert contents.starts_with_keyframe
        assert contents.decoded == len(contents.video)


def test_a_changed_resolution_begins_a_new_segment(tmp_path: Path) -> None:
    """Somebody changes the camera's settings while it is recorded."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=6, width=640, height=360)
    video = tmp_path / "video"
    with recording(tmp_path, clip, segment_seconds=10) as emulator:
        wait_until("it is recorded", lambda: bool(part_files(video)), 30)
        emulator.misbehave("cam", "change_resolution")
        wait_until("the change is seen", lambda: status_of(video).get("width") not in {None, 640}, 30)
        time.sleep(3.0)

    found = manifests(video)
    sizes = [(one.video.width, one.video.height) for one in found]
    assert sizes[0] == (640, 360)
    assert sizes[-1] != (640, 360)
    for one in found:
        contents = contents_of(VideoDir(video).segment(one.segment_id))
        assert contents.decoded == len(contents.video)


def test_a_camera_that_sets_its_clock_goes_on_being_recorded(tmp_path: Path, clip: Path) -> None:
    """Timestamps jump by an hour; the segments stay whole and short."""
    video = tmp_path / "video"
    with recording(tmp_path, clip) as emulator:
        wait_until("it is recorded", lambda: len(manifests(video)) >= 1, 30)
        emulator.misbehave("cam", "timestamp_jump", by_seconds=3600)
        before = len(manifests(video))
        wait_until("it goes on", lambda: len(manifests(video)) >= before + 3, 40)

    for one in manifests(video):
        contents = contents_of(VideoDir(video).segment(one.segment_id))
        assert contents.decoded == len(contents.video)
        assert contents.duration_seconds < 10


def test_what_is_wrong_with_a_camera_is_told_once_in_plain_words(tmp_path: Path, clip: Path) -> None:
    """Five cameras, five mistakes, and a sixth that is recorded all the same. No password appears anywhere."""
    video = tmp_path / "video"
    with (
        Emulator({"cam": clip}, user="admin", password="s3cret-word") as emulator,
        silent_port() as silent,
        socket.create_server(("127.0.0.1", 0)) as closed,
    ):
        port = closed.getsockname()[1]
        closed.close()
        login = "admin:wr0ng-word@"
        cameras = {
            "fine": emulator.url("cam"),
            "password": f"rtsp://{login}127.0.0.1:{emulator.port}/cam",
            "path": emulator.url("cam") + "-nothing",
            "host": f"rtsp://{login}no-such-host.invalid/cam",
            "silent": f"rtsp://{login}127.0.0.1:{silent}/cam",
            "closed": f"rtsp://{login}127.0.0.1:{port}/cam",
        }
        config = write_config(
            tmp_path / "vedette.yml",
            {name: {"url": url, "record": "continuous", "segment_seconds": 2} for name, url in cameras.items()},
        )
        with service("capture_service", config, video, REDIS_URL=NO_REDIS):
            wait_until(
                "each has its reason",
                lambda: all(status_of(video, n).get("reason") for n in cameras if n != "fine"),
                60,
            )
            wait_until("the good one is recorded", lambda: bool(manifests(video, "fine")), 30)
            time.sleep(2.0)
            reasons = {name: status_of(video, name)["reason"] for name in cameras}

    log = log_of(tmp_path)
    assert reasons == {
        "fine": None,
        "password": "wrong user name or password",
        "path": "no such path on the camera",
        "host": "unknown host name",
        "silent": "no answer within 5 s",
        "closed": "connection refused",
    }
    for name in cameras:
        assert log.count(f"Camera '{name}' cannot be opened") == (name != "fine")
    assert "cameras.closed.url" in log
    everything = log + "".join(path.read_text(errors="replace") for path in video.rglob("*.json*"))
    assert "wr0ng-word" not in everything
    assert "s3cret-word" not in everything


def test_the_service_stops_in_time_although_a_camera_hangs(tmp_path: Path, clip: Path) -> None:
    """FFmpeg cannot be interrupted; the segment is ended and the process leaves all the same."""
    video = tmp_path / "video"
    with Emulator({"cam": clip}) as emulator:
        config = write_config(
            tmp_path / "vedette.yml",
            {"cam": {"url": emulator.url("cam"), "record": "continuous", "stall_seconds": 60}},
        )
        with service("capture_service", config, video, REDIS_URL=NO_REDIS) as process:
            wait_until("it is recorded", lambda: bool(part_files(video)), 30)
            time.sleep(2.0)
            emulator.freeze()
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            code = process.wait(30)
            took = time.monotonic() - began

    (manifest,) = manifests(video)
    assert code == 0
    assert took < 12
    assert contents_of(VideoDir(video).segment(manifest.segment_id)).decoded > 15
    assert not part_files(video)


def test_a_camera_that_is_off_is_watched_but_not_recorded(tmp_path: Path, clip: Path) -> None:
    """`record: off` keeps the state without keeping video."""
    video = tmp_path / "video"
    with Emulator({"cam": clip}) as emulator:
        config = write_config(tmp_path / "vedette.yml", {"cam": {"url": emulator.url("cam"), "record": "off"}})
        with service("capture_service", config, video, REDIS_URL=NO_REDIS):
            wait_until("it streams", lambda: status_of(video).get("fps", 0) > 10, 30)
            status = status_of(video)

    assert status["state"] == "streaming"
    assert (status["codec"], status["width"], status["height"]) == ("h264", 320, 180)
    assert status["recording"] is False
    assert not list(video.rglob("*.mp4*"))


def test_udp_is_recorded_too(tmp_path: Path, clip: Path) -> None:
    """Some cameras speak nothing else."""
    video = tmp_path / "video"
    with Emulator({"cam": clip}) as emulator:
        config = write_config(
            tmp_path / "vedette.yml",
            {"cam": {"url": emulator.url("cam"), "transport": "udp", "record": "continuous", "segment_seconds": 2}},
        )
        with service("capture_service", config, video, REDIS_URL=NO_REDIS):
            wait_until("it is recorded", lambda: len(manifests(video)) >= 2, 40)

    assert contents_of(VideoDir(video).segment(manifests(video)[1].segment_id)).starts_with_keyframe


def test_a_video_folder_that_cannot_be_written_ends_the_service_with_the_fix(tmp_path: Path) -> None:
    """Better no start than a service that seems to record."""
    (tmp_path / "video").write_text("a file, not a folder")
    config = write_config(tmp_path / "vedette.yml", {"cam": {"url": "rtsp://127.0.0.1:1/cam"}})
    arguments = ("--config", str(config), "--video-dir", str(tmp_path / "video"))

    ended = run_to_its_end("capture_service", *arguments, environment={"REDIS_URL": NO_REDIS})

    assert ended.returncode == 1
    assert f"The video folder {tmp_path / 'video'} cannot be written" in ended.stderr
    assert "--video-dir" in ended.stderr


def test_sound_that_mp4_cannot_carry_is_left_out_and_said_so(tmp_path: Path, clip: Path) -> None:
    """G.711 is what many cameras send; their picture must be recorded all the same."""
    telephone = tmp_path / "telephone.mov"
    with av.open(str(clip)) as source, av.open(str(telephone), "w") as target:
        picture = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream("pcm_mulaw", rate=8000, layout="mono")
        for number in range(50):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1280), np.int16), format="s16", layout="mono")
            silence.sample_rate, silence.pts, silence.time_base = 8000, number * 1280, Fraction(1, 8000)
            target.mux(sound.encode(silence))
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = picture
                target.mux(packet)
    video = tmp_path / "video"
    with recording(tmp_path, telephone):
        wait_until("it is recorded", lambda: len(manifests(video)) >= 2, 40)

    assert manifests(video)[0].audio is None
    assert contents_of(VideoDir(video).segment(manifests(video)[0].segment_id)).decoded >= 30
    assert log_of(tmp_path).count("its sound (pcm_mulaw) cannot be put into MP4") == 1


def test_what_a_camera_of_the_past_left_is_salvaged(tmp_path: Path, clip: Path) -> None:
    """Somebody renames a camera after a crash; the last segment under the old name is not lost."""
    video = VideoDir(tmp_path / "video")
    old = "attic-20261120T101500123Z"
    video.segment(old).parent.mkdir(parents=True)
    shutil.copy(clip, video.segment(old))
    config = write_config(tmp_path / "vedette.yml", {"cam": {"url": "rtsp://127.0.0.1:1/cam"}})

    with service("capture_service", config, video.root, REDIS_URL=NO_REDIS):
        wait_until("it has its manifest", lambda: bool(manifests(video.root, "attic")), 30)

    assert manifests(video.root, "attic")[0].duration_seconds == pytest.approx(8.0, abs=0.1)
