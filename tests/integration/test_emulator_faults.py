"""Every fault as a client sees it: what ends it, after how long, and what it gets instead."""

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.support.clips import make_clip
from tests.support.emulator import Emulator, EmulatorError
from tests.support.rtsp_client import PlainClient, Seen, Watcher, count, pts_of
from tests.support.waiting import wait_until

CAMERA = "front"
SOUND = "hall"
BOTH = [CAMERA, SOUND]


@pytest.fixture(scope="module")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One camera without and one with sound."""
    folder = tmp_path_factory.mktemp("clips")
    clips = {
        CAMERA: make_clip(folder / "front.mp4", seconds=2),
        SOUND: make_clip(folder / "hall.mp4", seconds=2, audio=True),
    }
    with Emulator(clips) as emulator:
        yield emulator


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Iterator[Emulator]:
    """The cameras, mended again after each test."""
    yield shared_emulator
    for camera in BOTH:
        shared_emulator.mend(camera)


def jumps_of(packets: Sequence[Seen]) -> list[float]:
    """By how much the time of the pictures leaps where it does not go on as it should."""
    gaps = [later - earlier for earlier, later in pairwise(pts_of(packets))]
    return [round(gap) for gap in gaps if abs(gap) > 5]


@pytest.mark.parametrize("fault", ["drop", "gone", "refuse"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_closed_connection_ends_the_stream_without_an_error(emulator: Emulator, fault: str, transport: str) -> None:
    """FFmpeg raises nothing: a client that waits for an exception waits for ever."""
    with Watcher(emulator.url(CAMERA), transport=transport) as client:
        client.wait_for(count("video", 5))
        emulator.misbehave(CAMERA, fault)

        assert client.wait_until_ended() == "end of stream"


def test_a_reset_connection_is_reset(emulator: Emulator) -> None:
    """Not closed in order: what was under way is lost."""
    with PlainClient(emulator.port, CAMERA) as client:
        client.play()
        client.hear_packet()
        emulator.misbehave(CAMERA, "reset")

        assert client.how_it_ended() == "reset"


def test_only_the_clients_of_the_faulty_camera_are_dropped(emulator: Emulator) -> None:
    """Cameras share the port, not their fate."""
    with Watcher(emulator.url(CAMERA)) as dropped, Watcher(emulator.url(SOUND)) as kept:
        dropped.wait_for(count("video", 3))
        before = len(kept.wait_for(count("video", 3)))
        emulator.misbehave(CAMERA, "drop")
        dropped.wait_until_ended()

        kept.wait_for(count("video", before + 10))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("gone", "HTTPNotFoundError"),
        ("refuse", "ConnectionRefusedError"),
        ("unauthorized", "HTTPUnauthorizedError"),
    ],
)
def test_a_camera_that_turns_clients_away_is_told_at_once(emulator: Emulator, fault: str, error: str) -> None:
    """Each refusal has its own error, and the camera comes back when the fault is over."""
    emulator.misbehave(CAMERA, fault, seconds=1.5)
    with Watcher(emulator.url(CAMERA)) as client:
        assert client.wait_until_ended() == error
    time.sleep(2.0)

    with Watcher(emulator.url(CAMERA)) as client:
        client.wait_for(count("video", 3))


def test_a_hanging_camera_accepts_and_never_answers(emulator: Emulator) -> None:
    """FFmpeg calls it invalid data, after the whole time limit for opening."""
    emulator.misbehave(CAMERA, "hang")
    asked = time.monotonic()
    with Watcher(emulator.url(CAMERA)) as client:
        error = client.wait_until_ended()

    assert error == "InvalidDataError"
    assert time.monotonic() - asked > 4.5


@pytest.mark.parametrize("fault", ["stall", "hang"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_stalled_stream_ends_after_twice_the_read_timeout(emulator: Emulator, fault: str, transport: str) -> None:
    """At the first expiry FFmpeg hands out the frame that it held back; only the second raises."""
    with Watcher(emulator.url(CAMERA), transport=transport) as client:
        client.wait_for(count("video", 5))
        emulator.misbehave(CAMERA, fault)
        stalled = time.monotonic()
        error = client.wait_until_ended()

    assert error in {"ExitError", "OSError"}
    assert time.monotonic() - stalled > 1.5


def test_after_a_short_stall_the_pictures_of_that_time_are_missing(emulator: Emulator) -> None:
    """The camera's clock runs on; no exception tells of the gap."""
    with Watcher(emulator.url(CAMERA), read_seconds=10) as client:
        before = len(client.wait_for(count("video", 5)))
        emulator.misbehave(CAMERA, "stall", seconds=1.5)
        packets = client.wait_for(count("video", before + 25))

    gaps = [later - earlier for earlier, later in pairwise(pts_of(packets))]
    assert 1.3 < max(gaps) < 3.0
    assert sum(gap > 0.2 for gap in gaps) == 1


# FFmpeg takes a jump further back than a minute before its start for a wrap of the 32 bits: 13 hours forwards.
@pytest.mark.parametrize(("camera", "seconds"), [(SOUND, 100), (CAMERA, -20)])
def test_a_timestamp_jump_reaches_the_client_and_lasts(emulator: Emulator, camera: str, seconds: float) -> None:
    """Also with sound, where FFmpeg corrects times by the camera's sender reports."""
    with Watcher(emulator.url(camera)) as client:
        client.wait_for(count("video", 5))
        emulator.misbehave(camera, "timestamp_jump", by_seconds=seconds)
        client.wait_for(lambda packets: bool(jumps_of(packets)))
        before = sum(packet.kind == "video" for packet in client.packets)
        packets = client.wait_for(count("video", before + 90))  # longer than between two sender reports

    assert jumps_of(packets) == [pytest.approx(seconds, abs=2)]


def test_when_the_video_stops_the_sound_goes_on(emulator: Emulator) -> None:
    """A client's read timeout does not fire then: it needs a watchdog on the pictures alone."""
    with Watcher(emulator.url(SOUND)) as client:
        client.wait_for(count("video", 5))
        emulator.misbehave(SOUND, "video_stops")
        time.sleep(0.5)
        before = client.packets
        packets = client.wait_for(count("audio", sum(one.kind == "audio" for one in before) + 40))

    pictures = [sum(one.kind == "video" for one in seen) for seen in (before, packets)]
    assert pictures[1] - pictures[0] <= 1


def test_garbage_in_the_payload_reaches_the_decoder_and_passes(emulator: Emulator) -> None:
    """The stream stays open; after the fault, pictures can be decoded from the next keyframe on."""
    with Watcher(emulator.url(CAMERA), decode=True, read_seconds=10) as client:
        client.wait_for(lambda packets: any(packet.width for packet in packets))
        emulator.misbehave(CAMERA, "garbage", share=0.6)
        client.wait_for(lambda packets: any(packet.is_damaged for packet in packets))
        emulator.mend(CAMERA)
        before = len(client.packets)
        client.wait_for(lambda packets: sum(packet.width > 0 for packet in packets[before:]) > 10)


def test_garbage_in_the_framing_hides_packets_from_the_client(emulator: Emulator) -> None:
    """A client has to find the next packet by itself, and some are lost on the way."""
    with PlainClient(emulator.port, CAMERA) as client:
        client.play()
        client.hear_packet()
        emulator.misbehave(CAMERA, "garbage", where="framing")
        emulator.mend(CAMERA)
        heads = [client.read_raw(4) for _ in range(100)]

    assert any(head[:1] != b"$" for head in heads)


def test_a_changed_resolution_comes_in_band_and_goes_again(emulator: Emulator) -> None:
    """The stream goes on without a gap; only the parameter sets tell of the new size."""
    with Watcher(emulator.url(CAMERA), decode=True) as client:
        client.wait_for(lambda packets: any(packet.width == 640 for packet in packets))
        emulator.misbehave(CAMERA, "change_resolution")
        client.wait_for(lambda packets: any(packet.width == 320 for packet in packets))
        status = emulator.status()["cameras"][CAMERA]
        emulator.mend(CAMERA)
        before = len(client.packets)
        packets = client.wait_for(lambda packets: any(packet.width == 640 for packet in packets[before + 1 :]))

    gaps = [later - earlier for earlier, later in pairwise(pts_of(packets))]
    assert (status["width"], status["height"]) == (320, 180)
    assert max(gaps) < 0.1
    assert min(gaps) > 0.03


def test_a_camera_can_change_to_a_clip_of_the_testers_choice(tmp_path: Path) -> None:
    """CAMERA=A,B: also upwards, and with another picture."""
    one = make_clip(tmp_path / "one.mp4", seconds=1, width=320, height=180)
    two = make_clip(tmp_path / "two.mp4", seconds=1, width=640, height=360)
    with Emulator({CAMERA: f"{one},{two}"}) as emulator, Watcher(emulator.url(CAMERA), decode=True) as client:
        client.wait_for(lambda packets: any(packet.width == 320 for packet in packets))
        emulator.misbehave(CAMERA, "change_resolution")

        client.wait_for(lambda packets: any(packet.width == 640 for packet in packets))


@pytest.mark.parametrize(("codec", "other"), [("libx264", "hevc"), ("libx265", "h264")])
def test_a_changed_codec_ends_the_streams_and_is_told_to_those_who_come_next(
    tmp_path: Path, codec: str, other: str
) -> None:
    """As a camera does whose settings are changed; sound is none of its business."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=2, codec=codec, audio=True, width=320, height=180)
    with Emulator({CAMERA: clip}) as emulator:
        told_before = codecs_of(emulator)
        with Watcher(emulator.url(CAMERA)) as client:
            client.wait_for(count("video", 5))
            emulator.misbehave(CAMERA, "change_codec")
            ended = client.wait_until_ended()
        told = codecs_of(emulator)
        with Watcher(emulator.url(CAMERA), decode=True) as client:
            client.wait_for(lambda packets: any(packet.width == 320 for packet in packets))
            client.wait_for(count("audio", 5))
            emulator.mend(CAMERA)
            client.wait_until_ended()
        told_after = codecs_of(emulator)

    assert ended == "end of stream"
    assert told == [other, "aac"]
    assert told_before == told_after == ["h264" if other == "hevc" else "hevc", "aac"]


def test_some_cameras_change_their_codec_under_a_client_that_plays(emulator: Emulator) -> None:
    """It gets packets that no decoder of the old codec makes anything of, and never a keyframe again."""
    with Watcher(emulator.url(CAMERA)) as client:
        client.wait_for(count("video", 5))
        emulator.misbehave(CAMERA, "change_codec", closes=False)
        wait_until("the codec has changed", lambda: emulator.status()["cameras"][CAMERA]["codec"] == "hevc")
        before = len(client.packets)
        packets = client.wait_for(lambda packets: len(packets) > before + 40)

        told = codecs_of(emulator)
        emulator.mend(CAMERA)
        wait_until("the codec is the old one", lambda: emulator.status()["cameras"][CAMERA]["codec"] == "h264")

    assert told == ["hevc"]
    assert not any(packet.is_keyframe for packet in packets[before + 2 :])


def codecs_of(emulator: Emulator) -> list[str]:
    """What a client that comes now is told."""
    with av.open(emulator.url(CAMERA), options={"rtsp_transport": "tcp"}, timeout=(5, 5)) as container:
        return [stream.codec_context.codec.canonical_name for stream in container.streams]


def test_a_slow_camera_sends_fewer_pictures_in_the_same_time(emulator: Emulator) -> None:
    """Its pictures come ever later, with their timestamps as far apart as before."""
    with Watcher(emulator.url(CAMERA)) as client:
        client.wait_for(count("video", 5))
        emulator.misbehave(CAMERA, "slow", speed=0.25)
        before = len(client.wait_for(count("video", 10)))
        packets = client.wait_for(count("video", before + 10))

    shown = sum(pts_of(packets)[-1:]) - sum(pts_of(packets)[-9:-8])
    took = packets[-1].arrived - packets[-9].arrived
    assert shown == pytest.approx(8 / 15, abs=0.01)
    assert took > 2 * shown


def test_lost_packets_damage_pictures_and_keep_the_stream_open(emulator: Emulator) -> None:
    """As on a bad radio link."""
    with Watcher(emulator.url(CAMERA)) as client:
        before = len(client.wait_for(count("video", 5)))
        emulator.misbehave(CAMERA, "loss", share=0.5)
        packets = client.wait_for(count("video", before + 20))

    assert any(later - earlier > 0.1 for earlier, later in pairwise(pts_of(packets)))


def test_frozen_timestamps_repeat_while_pictures_go_on(emulator: Emulator) -> None:
    """A recorder that trusts them would write a file of no length."""
    with Watcher(emulator.url(CAMERA)) as client:
        client.wait_for(count("video", 15))
        emulator.misbehave(CAMERA, "frozen_timestamps")

        client.wait_for(lambda packets: len(set(pts_of(packets)[-10:])) == 1)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"fault": "explode"}, "'drop', 'reset'"),
        ({"fault": "stall", "secnds": 3}, "secnds"),
        ({"fault": "stall", "share": 0.5}, "stall takes no share"),
        ({"fault": "stall", "seconds": -1}, "greater than 0"),
    ],
)
def test_a_wrong_order_is_refused_with_what_is_wrong(emulator: Emulator, order: dict[str, object], words: str) -> None:
    """A test that misspells its fault must fail there, and not pass because nothing happened."""
    with pytest.raises(EmulatorError, match=words) as refused:
        emulator.misbehave(CAMERA, **order)  # type: ignore[arg-type]  # wrong on purpose

    assert " 400 " in str(refused.value)


def test_orders_to_an_unknown_camera_name_the_known_ones(emulator: Emulator) -> None:
    """The usual slip is the name."""
    with pytest.raises(EmulatorError, match="there are front, hall"):
        emulator.misbehave("frnt", "drop")


def test_status_tells_what_holds_and_for_how_long(emulator: Emulator) -> None:
    """People who play with faults by hand see there what they have done."""
    emulator.misbehave(CAMERA, "stall", seconds=60)
    emulator.misbehave(CAMERA, "loss", share=0.5)

    faults = {fault["fault"]: fault for fault in emulator.status()["cameras"][CAMERA]["faults"]}
    assert 50 < faults["stall"]["seconds_left"] <= 60
    assert faults["loss"] == {"fault": "loss", "share": 0.5, "seconds_left": None}
    assert emulator.mend(CAMERA, "stall")["faults"] == [faults["loss"]]
