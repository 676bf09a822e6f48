"""What clients get from the emulator's cameras when nothing goes wrong."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from rtsp_emulator.rtp import is_rtcp
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.rtsp_client import PlainClient, Watcher, count, pts_of
from tests.support.sound_clip import make_clip_with_sound
from tests.support.uneven_clip import SPACINGS_SECONDS, make_uneven_clip

FPS = 15
FRAME = 1 / FPS


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One camera of each kind, each of a clip of two seconds, so that the loop comes soon."""
    folder = tmp_path_factory.mktemp("clips")
    clips = {
        "h264": make_clip(folder / "h264.mp4", seconds=2, fps=FPS),
        "h265": make_clip(folder / "h265.mp4", seconds=2, fps=FPS, codec="libx265"),
        "sound": make_clip(folder / "sound.mp4", seconds=2, fps=FPS, audio=True),
        "pcma": make_clip_with_sound(folder / "pcma.mov", "pcm_alaw", 8000),
        "opus": make_clip_with_sound(folder / "opus.mkv", "libopus", 48000),
        "b-frames": make_clip(folder / "b-frames.mp4", seconds=2, fps=FPS, b_frames=2),
    }
    with Emulator(clips) as emulator:
        yield emulator


def is_whole_frames(gap: float) -> bool:
    return gap > 0 and abs(gap / FRAME - round(gap / FRAME)) < 0.02


@pytest.mark.parametrize("camera", ["h264", "h265", "sound"])
def test_frames_are_evenly_spaced_across_the_loop(cameras: Emulator, camera: str) -> None:
    """A jump at the loop would look like a fault of the camera to everything that is tested with it."""
    with Watcher(cameras.url(camera)) as client:
        packets = client.wait_for(count("video", 38))

    gaps = [later - earlier for earlier, later in pairwise(pts_of(packets))]
    assert max(gaps) - min(gaps) < 0.001
    assert gaps[0] == pytest.approx(FRAME, abs=0.001)


@pytest.mark.parametrize("camera", ["h264", "h265", "sound"])
def test_cameras_can_be_watched_over_udp(cameras: Emulator, camera: str) -> None:
    """Datagrams may be lost on a busy machine; what arrives has the right times."""
    with Watcher(cameras.url(camera), transport="udp", decode=True) as client:
        packets = client.wait_for(count("video", 38))

    gaps = [later - earlier for earlier, later in pairwise(pts_of(packets))]
    assert all(is_whole_frames(gap) for gap in gaps)
    assert any(packet.width == 640 for packet in packets)


def test_sound_goes_on_across_the_loop(cameras: Emulator) -> None:
    """Its times only grow, and a loop costs less than two blocks of it."""
    with Watcher(cameras.url("sound")) as client:
        packets = client.wait_for(count("audio", 48))

    gaps = [later - earlier for earlier, later in pairwise(pts_of(packets, "audio"))]
    assert min(gaps) > 0.06
    assert max(gaps) < 3 * 1024 / 16000


@pytest.mark.parametrize(("camera", "codec"), [("pcma", "pcm_alaw"), ("opus", "opus"), ("sound", "aac")])
def test_sound_is_sent_as_it_is_in_the_codecs_of_cameras(cameras: Emulator, camera: str, codec: str) -> None:
    """Door stations speak PCMA, newer cameras AAC or Opus."""
    with Watcher(cameras.url(camera)) as client:
        packets = client.wait_for(count("audio", 20))

    assert cameras.status()["cameras"][camera]["audio"] == codec
    assert all(later > earlier for earlier, later in pairwise(pts_of(packets, "audio")))


def test_b_frames_are_shown_in_order_across_the_loop(cameras: Emulator) -> None:
    """They are sent in another order than they are shown in, and the loop must not mix rounds."""
    with Watcher(cameras.url("b-frames"), decode=True) as client:
        packets = client.wait_for(count("video", 45))

    times = sorted(pts_of(packets))[5:-5]  # at either end, pictures are missing that were sent before or come later
    from_keyframe = packets[next(number for number, packet in enumerate(packets) if packet.is_keyframe) :]
    assert pts_of(packets) != sorted(pts_of(packets))
    assert all(later - earlier == pytest.approx(FRAME, abs=0.001) for earlier, later in pairwise(times))
    assert not any(packet.is_damaged for packet in from_keyframe)


def test_clients_know_the_cameras_time_from_the_first_packets_on(cameras: Emulator) -> None:
    """A sender report comes before the packets, so that footage can be stamped with the camera's own time."""
    with Watcher(cameras.url("h264")) as client:
        client.wait_for(count("video", 3))
        packets = client.wait_for(count("video", 10))

    assert all(packet.has_camera_time for packet in packets[1:])


def h264_types(packet: bytes) -> set[int]:
    """The types of the NAL units that an RTP packet carries: one, several together (24) or a part of one (28)."""
    payload, types = packet[12:], set()
    if payload[0] & 0x1F == 28:
        return {payload[1] & 0x1F}
    if payload[0] & 0x1F != 24:
        return {payload[0] & 0x1F}
    payload = payload[1:]
    while payload:
        types.add(payload[2] & 0x1F)
        payload = payload[2 + int.from_bytes(payload[:2], "big") :]
    return types


def test_clients_join_in_the_middle_of_a_gop(tmp_path: Path) -> None:
    """As with a real camera: the emulator does not wait with a keyframe for them."""
    clip = make_clip(tmp_path / "long-gop.mp4", seconds=6, gop_seconds=6)
    with Emulator({"front": clip}, start_seconds=1) as emulator, PlainClient(emulator.port, "front") as client:
        client.play()
        packets = [client.hear_packet() for _ in range(5)]
        status = emulator.status()["cameras"]["front"]

    part_of_a_p_frame = 1
    assert set().union(*(h264_types(packet) for packet in packets if not is_rtcp(packet))) == {part_of_a_p_frame}
    assert status["position_seconds"] > 1.0


def test_a_camera_can_wait_for_its_first_client(tmp_path: Path) -> None:
    """A test then knows which second of the clip is shown when."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=8)
    with Emulator({"front": clip}, wait_for_client=True) as emulator:
        before = emulator.status()["cameras"]["front"]
        with Watcher(emulator.url("front")) as client:
            packets = client.wait_for(count("video", FPS))
            after = emulator.status()["cameras"]["front"]

    assert (before["playing"], before["position_seconds"]) == (False, 0.0)
    assert packets[0].is_keyframe
    assert after["playing"]
    assert 0.5 < after["position_seconds"] < 8


def test_eight_clients_watch_one_camera(cameras: Emulator) -> None:
    """One clip is packetised once, for all of them."""
    clients = [Watcher(cameras.url("sound")) for _ in range(8)]
    for client in clients:
        client.__enter__()
    seen = [client.wait_for(count("video", 2 * FPS)) for client in clients]
    viewers = cameras.status()["cameras"]["sound"]["viewers"]
    for client in clients:
        client.__exit__(None, None, None)

    assert viewers == 8
    assert all(
        max(gaps) - min(gaps) < 0.001
        for gaps in ([later - earlier for earlier, later in pairwise(pts_of(packets))] for packets in seen)
    )


def test_the_clips_of_a_folder_follow_one_another(tmp_path: Path) -> None:
    """Without a gap, and with their own sizes: the parameter sets travel with the keyframes."""
    make_clip(tmp_path / "a.mp4", seconds=1)
    make_clip(tmp_path / "b.mp4", seconds=1, width=320, height=180)
    with Emulator({"front": tmp_path}) as emulator, Watcher(emulator.url("front"), decode=True) as client:
        packets = client.wait_for(count("video", 45))

    assert {packet.width for packet in packets} >= {320, 640}
    assert all(is_whole_frames(later - earlier) for earlier, later in pairwise(pts_of(packets)))


def test_variable_frame_rate_is_streamed_as_it_is(tmp_path: Path) -> None:
    """The uneven spacings reach the client, across the loop too."""
    clip = make_uneven_clip(tmp_path / "uneven.mp4")
    with Emulator({"road": clip}) as emulator, Watcher(emulator.url("road")) as client:
        packets = client.wait_for(count("video", 24))

    gaps = {round(later - earlier, 3) for earlier, later in pairwise(pts_of(packets))}
    assert gaps == set(SPACINGS_SECONDS)
