"""The emulator as a server: passwords, the protocol's errors, bad clients, starting and stopping."""

import time
from base64 import b64encode
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.clips import make_clip
from tests.support.emulator import Emulator, EmulatorError
from tests.support.rtsp_client import PlainClient, Watcher, count, nonce_of, pts_of
from tests.support.services import run_to_its_end

TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=2)


@pytest.fixture(scope="module")
def camera(clip: Path) -> Iterator[Emulator]:
    with Emulator({"front": clip}) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def locked_camera(clip: Path) -> Iterator[Emulator]:
    with Emulator({"front": clip}, user="owner", password="correct-horse") as emulator:
        yield emulator


@pytest.fixture
def client(camera: Emulator) -> Iterator[PlainClient]:
    with PlainClient(camera.port, "front") as plain:
        yield plain


def test_the_right_password_opens_the_camera(locked_camera: Emulator) -> None:
    """PyAV chooses Digest, and the password is not in the process's arguments or log."""
    with Watcher(locked_camera.url("front")) as client:
        client.wait_for(count("video", 5))

    arguments = Path(f"/proc/{locked_camera.pid}/cmdline").read_bytes()
    assert b"correct-horse" not in arguments
    assert "correct-horse" not in locked_camera.log


@pytest.mark.parametrize("login", ["", "owner:wrong@", "other:correct-horse@"])
def test_a_wrong_password_is_told_at_once(locked_camera: Emulator, login: str) -> None:
    """401, so that a client can say what is wrong rather than try for ever."""
    with Watcher(f"rtsp://{login}127.0.0.1:{locked_camera.port}/front") as client:
        error = client.wait_until_ended()

    assert error == "HTTPUnauthorizedError"


def test_basic_and_digest_are_both_offered_and_basic_works(locked_camera: Emulator) -> None:
    """Old clients know Basic only."""
    with PlainClient(locked_camera.port, "front") as client:
        refused = client.ask("DESCRIBE")
        token = b64encode(b"owner:correct-horse").decode()
        accepted = client.ask("DESCRIBE", Authorization=f"Basic {token}")

    assert (refused.status, accepted.status) == (401, 200)
    assert refused.body == ""
    assert "m=video" in accepted.body


def test_every_connection_gets_its_own_nonce(locked_camera: Emulator) -> None:
    """A recorded answer must not open the camera again."""
    request = b"DESCRIBE rtsp://h/front RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    nonces = set()
    for _ in range(2):
        with PlainClient(locked_camera.port, "front") as client:
            client.say(request)
            nonces.add(nonce_of(client.read_head()))

    assert len(nonces - {""}) == 2


def test_malformed_requests_get_400_and_the_connection_goes_on(client: PlainClient) -> None:
    """One bad line must not cost a client its stream."""
    client.say(b"HELLO\r\n\r\n")
    first = client.hear()
    client.say(b"DESCRIBE rtsp://h/front RTSP/1.0\r\nno colon here\r\n\r\n")
    second = client.hear()

    assert (first.status, second.status) == (400, 400)
    assert client.ask("DESCRIBE").status == 200


def test_noise_costs_only_the_client_that_sends_it(camera: Emulator) -> None:
    """The server drops it and serves the others."""
    with PlainClient(camera.port, "front") as noisy:
        noisy.say(b"\xff" * 40_000)

        assert noisy.hear().status == 400
        assert noisy.how_it_ended() != "still open"
    with Watcher(camera.url("front")) as watcher:
        watcher.wait_for(count("video", 5))


def test_the_methods_answer_as_the_protocol_says(client: PlainClient) -> None:
    """Clients send these to see what a camera can do and to keep their session."""
    assert "PLAY" in client.ask("OPTIONS", "*").headers["public"]
    assert client.ask("DESCRIBE").headers["content-type"] == "application/sdp"
    assert client.ask("SETUP", f"{client.url}/trackID=0", Transport=TCP).headers["transport"] == TCP
    assert client.ask("PLAY").status == 200
    assert client.ask("GET_PARAMETER").status == 200
    assert client.ask("SET_PARAMETER").status == 200
    assert client.ask("TEARDOWN").status == 200
    assert client.how_it_ended() == "closed"


def test_pause_stops_the_packets_and_play_brings_them_back(client: PlainClient) -> None:
    """The connection and its session stay."""
    client.play()

    assert client.hear_packet()
    assert client.ask("PAUSE").status == 200
    assert client.quiet_for(0.5)
    assert client.ask("PLAY").status == 200
    assert client.hear_packet()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("PLAY", "", {}, 455),
        ("DESCRIBE", "/../none", {}, 404),
        ("SETUP", "/trackID=7", {"Transport": TCP}, 404),
        ("SETUP", "/trackID=0", {"Transport": "RTP/AVP;multicast"}, 461),
        ("SETUP", "/trackID=0", {}, 461),
        ("PLAY", "", {"Session": "somebody-elses"}, 454),
        ("RECORD", "", {}, 405),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_status(
    camera: Emulator, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """The client can tell its own mistake from the camera's."""
    name = "nowhere" if status == 404 and method == "DESCRIBE" else "front"
    with PlainClient(camera.port, name) as client:
        assert client.ask(method, client.url + path, **headers).status == status


def test_a_silent_client_is_dropped_and_one_that_asks_is_kept(clip: Path) -> None:
    """A camera has few sessions; one that nobody uses must not hold a place."""
    with (
        Emulator({"front": clip}, arguments=["--session-timeout", "1.5"]) as emulator,
        PlainClient(emulator.port, "front") as talking,
        PlainClient(emulator.port, "front") as silent,
    ):
        silent.play()
        talking.play()
        for _ in range(5):
            time.sleep(0.5)
            assert talking.ask("GET_PARAMETER").status == 200
        assert silent.how_it_ended() != "still open"
        assert emulator.status()["cameras"]["front"]["viewers"] == 1


def test_a_client_that_does_not_read_is_dropped_and_hurts_nobody(tmp_path: Path) -> None:
    """Its packets would otherwise pile up in the camera's memory."""
    heavy = make_clip(tmp_path / "heavy.mp4", seconds=2, noise=60, width=1280, height=720, bit_rate=40_000_000)
    with (
        Emulator({"front": heavy}, arguments=["--write-buffer-kb", "64"]) as emulator,
        PlainClient(emulator.port, "front") as lazy,
        Watcher(emulator.url("front")) as reading,
    ):
        lazy.play()
        packets = reading.wait_for(lambda _packets: "does not read" in emulator.log)
        packets = reading.wait_for(count("video", len(packets) + 15))
        viewers = emulator.status()["cameras"]["front"]["viewers"]

    gaps = [later - earlier for earlier, later in pairwise(pts_of(packets))]
    assert viewers == 1
    assert max(gaps) < 0.1


def test_it_ends_soon_when_told_to_also_while_clients_watch(clip: Path) -> None:
    """Compose and the supervisor count on it."""
    emulator = Emulator({"front": clip})
    emulator.start()
    with Watcher(emulator.url("front")) as client, PlainClient(emulator.port, "front") as lazy:
        lazy.play()
        client.wait_for(count("video", 3))
        asked = time.monotonic()
        emulator.stop()
        took_seconds = time.monotonic() - asked

        assert client.wait_until_ended() == "end of stream"
    assert took_seconds < 3
    emulator.stop()


def test_after_a_power_cut_the_cameras_come_back_on_the_same_ports(clip: Path) -> None:
    """Clients reconnect to the address that they know."""
    emulator = Emulator({"front": clip})
    emulator.start()
    url = emulator.url("front")
    with Watcher(url) as client:
        client.wait_for(count("video", 3))
        emulator.kill()

        assert client.wait_until_ended() == "end of stream"
    emulator.start()
    with Watcher(url) as client:
        client.wait_for(count("video", 3))
    emulator.stop()


def test_a_frozen_camera_does_not_send_afterwards_what_it_missed(clip: Path) -> None:
    """Its clock has run on, as a real camera's would: the pictures of that time are lost."""
    with Emulator({"front": clip}) as emulator, Watcher(emulator.url("front"), read_seconds=6) as client:
        before = len(client.wait_for(count("video", 5)))
        emulator.freeze()
        time.sleep(2.5)
        emulator.thaw()
        packets = client.wait_for(count("video", before + 20))

    assert max(later - earlier for earlier, later in pairwise(pts_of(packets))) > 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["front"], "CAMERA=SOURCE"),
        (["front=/nowhere/clip.mp4"], "/nowhere/clip.mp4"),
        (["--user", "owner", "front=demo"], "--password"),
        (["--port", "99999", "front=demo"], "65535"),
        (["--device", "/dev/video0", "front"], "--backend gstreamer"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_to_write(arguments: list[str], words: str) -> None:
    """The message names the argument and a right one."""
    ended = run_to_its_end("rtsp_emulator", *arguments)

    assert ended.returncode == 2
    assert words in ended.stderr


def test_a_taken_port_is_named_in_the_error(clip: Path, camera: Emulator) -> None:
    """Two emulators on one port is the usual slip."""
    with pytest.raises(EmulatorError, match="address already in use"):
        Emulator({"front": clip}, arguments=["--port", str(camera.port)]).start()
