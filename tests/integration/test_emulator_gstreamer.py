"""The GStreamer variant, where its system packages are installed: a second server that did not learn from ours."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import make_clip
from tests.support.emulator import REPOSITORY
from tests.support.rtsp_client import Watcher, count, pts_of
from tests.support.services import run_to_its_end

DEBIAN_BINDING = Path("/usr/lib/python3/dist-packages/gi")
FRAME = 1 / 15
TEST_PICTURE = """
import sys
from rtsp_emulator.gstreamer_server import GStreamerServer, encoding_launch, launch_factory, load_gstreamer
gstreamer = load_gstreamer()
server = GStreamerServer(gstreamer, {"desk": launch_factory(gstreamer, encoding_launch("videotestsrc is-live=true"))})
server.start()
print(f'{{"cameras": {{"desk": "rtsp://127.0.0.1:{server.port}/desk"}}}}', flush=True)
server.run()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which `gi` can be imported, also by a Python of the same version that is not Debian's."""
    folder = tmp_path / "binding"
    folder.mkdir()
    if importlib.util.find_spec("gi") is None and DEBIAN_BINDING.is_dir():
        (folder / "gi").symlink_to(DEBIAN_BINDING)  # of the whole dist-packages, only this
    environment = os.environ | {"PYTHONPATH": str(folder)}
    probe = "from rtsp_emulator.gstreamer_server import load_gstreamer; load_gstreamer()"
    tried = subprocess.run(
        [sys.executable, "-c", probe], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"GStreamer is not installed: {tried.stderr.strip().splitlines()[-1]}")
    return environment


@contextmanager
def running(arguments: list[str], environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    """What the server says when it is ready."""
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_clips_are_looped_with_even_spacing(tmp_path: Path, environment: dict[str, str], transport: str) -> None:
    """The same promise as the Python server's, for H.264 with sound and for H.265."""
    one = make_clip(tmp_path / "one.mp4", seconds=1, audio=True)
    two = make_clip(tmp_path / "two.mp4", seconds=1, codec="libx265")
    arguments = ["-m", "rtsp_emulator", "--backend", "gstreamer", "--port", "0", f"one={one}", f"two={two}"]

    with running(arguments, environment) as ready:
        for camera in ("one", "two"):
            with Watcher(ready["cameras"][camera], transport=transport) as client:
                packets = client.wait_for(count("video", 30))
            gaps = [later - earlier for earlier, later in pairwise(pts_of(packets)[1:])]
            assert all(abs(gap / FRAME - round(gap / FRAME)) < 0.02 for gap in gaps)
            assert sum(gap == pytest.approx(FRAME, abs=0.001) for gap in gaps) > 20


def test_it_asks_for_the_password(tmp_path: Path, environment: dict[str, str]) -> None:
    """By Digest, so that the password itself does not travel."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=1)
    environment |= {"RTSP_USER": "owner", "RTSP_PASSWORD": "correct-horse"}
    arguments = ["-m", "rtsp_emulator", "--backend", "gstreamer", "--port", "0", f"front={clip}"]

    with running(arguments, environment) as ready:
        url = ready["cameras"]["front"]
        with Watcher(url) as client:
            refused = client.wait_until_ended()
        with Watcher(url.replace("://", "://owner:correct-horse@")) as client:
            client.wait_for(count("video", 5))

    assert refused == "HTTPUnauthorizedError"


def test_raw_pictures_are_encoded_as_a_camera_would(environment: dict[str, str]) -> None:
    """The pipeline of a V4L2 device, with a test picture in the device's place."""
    with (
        running(["-c", TEST_PICTURE], environment) as ready,
        Watcher(ready["cameras"]["desk"], decode=True) as client,
    ):
        client.wait_for(lambda packets: sum(packet.width > 0 for packet in packets) > 5)


def test_a_device_that_is_none_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    """A webcam that is not plugged in is the usual case."""
    missing = tmp_path / "video9"
    arguments = ("--backend", "gstreamer", "--device", str(missing), "desk")

    ended = run_to_its_end("rtsp_emulator", *arguments, environment=environment)

    assert ended.returncode == 2
    assert f"{missing} is no V4L2 device" in ended.stderr


@pytest.mark.skipif(importlib.util.find_spec("gi") is not None, reason="GStreamer's binding is importable here")
def test_without_gstreamer_the_error_says_what_to_install() -> None:
    """The only backend that needs system packages must name them."""
    ended = run_to_its_end("rtsp_emulator", "--backend", "gstreamer", "front=demo")

    assert ended.returncode == 2
    assert "apt install python3-gi gir1.2-gst-rtsp-server-1.0" in ended.stderr
