"""Each way in which a camera cannot be used is told apart, with what to do and without the password."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_utils.clock import SystemClock
from shared_utils.config import CameraConfig
from shared_utils.config.schema import Config
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from vedette.checks.camera import Limits, StreamSeen, check_camera, judge
from vedette.checks.everything import examine_cameras, same_address
from vedette.checks.finding import Finding, Level

PASSWORD = "hunter2secret"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("clips")
    usual = make_clip(folder / "usual.mp4", seconds=4, width=320, height=180, gop_seconds=1, audio=True)
    rare = make_clip(folder / "rare.mp4", seconds=7, width=320, height=180, gop_seconds=7)
    with Emulator({"usual": usual, "rare": rare}, user="viewer", password=PASSWORD) as running:
        yield running


def camera(url: str) -> CameraConfig:
    return CameraConfig.model_validate({"url": url})


def look(url: str, watch_seconds: float = 10.0, open_seconds: float = 5.0) -> list[Finding]:
    return check_camera("door", camera(url), SystemClock(), Limits(open_seconds, 2.0, watch_seconds))


def test_a_good_camera_is_described(emulator: Emulator) -> None:
    found = look(emulator.url("usual"))

    assert [finding.level for finding in found] == [Level.OK]
    assert found[0].text == "h264 320x180, 15 frames/s, a keyframe every 1.0 s, sound aac"


def test_a_long_keyframe_interval_is_a_warning_with_the_setting_to_change(emulator: Emulator) -> None:
    """Segments can be cut at keyframes only, and new viewers wait for one."""
    found = look(emulator.url("rare"), watch_seconds=3.0)

    assert [finding.level for finding in found] == [Level.OK, Level.WARNING]
    assert "keyframe interval" in found[1].fix


@pytest.mark.parametrize(
    ("path", "login", "text", "fix"),
    [
        ("usual", f"viewer:{PASSWORD}x@", "wrong user name or password", "cameras.door.url"),
        ("usual", "", "wrong user name or password", "cameras.door.url"),
        ("cellar", f"viewer:{PASSWORD}@", "no such path on the camera", "the path at the end of cameras.door.url"),
    ],
)
def test_what_the_camera_answers_is_told_in_words(
    emulator: Emulator, path: str, login: str, text: str, fix: str
) -> None:
    found = look(f"rtsp://{login}127.0.0.1:{emulator.port}/{path}")

    assert [finding.level for finding in found] == [Level.PROBLEM]
    assert text in found[0].text
    assert fix in found[0].fix
    assert PASSWORD not in found[0].text + found[0].fix


def test_a_closed_port_is_told() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port meanwhile
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        found = look(f"rtsp://viewer:{PASSWORD}@127.0.0.1:{port}/")

    assert found[0].text == "connection refused"


def test_a_silent_camera_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = look(f"rtsp://viewer:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/", open_seconds=1.0)

    assert found[0].text == "no answer within 1 s"


def test_an_unknown_host_is_told() -> None:
    found = look(f"rtsp://viewer:{PASSWORD}@no-such-camera.invalid/")

    assert found[0].text == "unknown host name"


def test_pictures_that_stop_while_sound_goes_on_do_not_hold_up_the_check(emulator: Emulator) -> None:
    """The read time limit never fires while any packet comes."""
    emulator.misbehave("usual", "video_stops")
    try:
        found = look(emulator.url("usual"), watch_seconds=2.0)
    finally:
        emulator.mend("usual")

    assert found[0].text == "it accepts the connection but sends no picture"


def test_every_camera_is_looked_at_and_reported_in_order(emulator: Emulator) -> None:
    """A silent one must not hide the others."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        urls = {
            "silent": f"rtsp://127.0.0.1:{silent.getsockname()[1]}/",
            "good": emulator.url("usual"),
            "wrong": emulator.url("cellar"),
        }
        config = Config.model_validate({"cameras": {name: {"url": url} for name, url in urls.items()}})
        found = examine_cameras(config, SystemClock(), limits=Limits(open_seconds=3.0))

    assert [(finding.subject, finding.level) for finding in found] == [
        ("camera silent", Level.PROBLEM),
        ("camera good", Level.OK),
        ("camera wrong", Level.PROBLEM),
    ]


def seen(codec: str = "h264", audio: str | None = None, keyframe_seconds: float | None = 2.0) -> StreamSeen:
    return StreamSeen(codec, 1920, 1080, 15.0, audio, keyframe_seconds, 10.0)


@pytest.mark.parametrize(
    ("stream", "levels"),
    [
        (seen(), [Level.OK]),
        (seen("hevc", "aac"), [Level.OK]),
        (seen("mjpeg"), [Level.PROBLEM]),
        (seen(keyframe_seconds=5.1), [Level.OK, Level.WARNING]),
        (seen(keyframe_seconds=None), [Level.OK, Level.WARNING]),
        (seen(audio="pcm_mulaw"), [Level.OK, Level.WARNING]),
    ],
)
def test_what_a_stream_means_for_recording(stream: StreamSeen, levels: list[Level]) -> None:
    assert [finding.level for finding in judge("door", stream, camera("rtsp://10.0.0.5/"))] == levels


def test_two_cameras_with_one_address_are_a_warning() -> None:
    """Two settings for one view make sense; more often a line was copied and not changed."""
    url = f"rtsp://viewer:{PASSWORD}@10.0.0.5/"
    cameras = {"door": {"url": url}, "gate": {"url": url}, "yard": {"url": "rtsp://10.0.0.6/"}}

    found = same_address(Config.model_validate({"cameras": cameras}))

    assert [(finding.level, finding.text) for finding in found] == [
        (Level.WARNING, "door and gate have the same address")
    ]


def test_a_clip_shows_its_keyframe_interval(tmp_path: Path) -> None:
    """Measured from timestamps, so that a file gives what a stream would."""
    import av

    from vedette.checks.camera import measure

    with av.open(str(make_clip(tmp_path / "clip.mp4", seconds=7, width=320, height=180, gop_seconds=2))) as clip:
        measured = measure(clip, SystemClock(), 10.0)

    assert measured.keyframe_seconds == pytest.approx(2.0)
    assert measured.fps == pytest.approx(15.0)
