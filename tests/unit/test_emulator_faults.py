"""What faults do to packets and to the camera's clock."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rtsp_emulator import rtp
from rtsp_emulator.clips import load_clip
from rtsp_emulator.faults import AT_ONCE, Fault, FaultBoard, FaultOrder
from rtsp_emulator.media_clock import MediaClock
from rtsp_emulator.rtp import Packetiser
from rtsp_emulator.spoiling import NOISE_BYTES, Spoiler
from tests.support.clips import make_clip

NOW = 100.0


def spoiler_with(**order: object) -> Spoiler:
    faults = FaultBoard()
    faults.begin(FaultOrder.model_validate(order), NOW)
    return Spoiler(faults, random.Random(3))


def rtp_packet(timestamp: int, payload: bytes = b"x" * 100) -> bytes:
    return b"\x80\x60\x00\x01" + timestamp.to_bytes(4, "big") + b"ssrc" + payload


@pytest.fixture
def packets(tmp_path: Path) -> list[bytes]:
    """Everything that one second of a camera sends, the sender report first."""
    clip = load_clip(make_clip(tmp_path / "clip.mp4", seconds=1))
    packetiser = Packetiser(clip.video, 96)
    packetiser.begin()
    sent = [packet for unit in clip.units for packet in packetiser.packets(unit, 0)]
    packetiser.close()
    return sent


def test_packets_fit_into_a_datagram_and_begin_with_a_sender_report(packets: list[bytes]) -> None:
    """Larger ones would be fragmented; without the report no client knows the camera's time."""
    assert rtp.is_sender_report(packets[0])
    assert max(map(len, packets)) <= rtp.PACKET_BYTES
    timestamps = sorted({rtp.timestamp_of(packet) for packet in packets[1:]})
    assert len(timestamps) == 15
    assert timestamps[-1] - timestamps[0] == 14 * 6000


def test_a_lasting_fault_ends_by_itself_or_when_mended() -> None:
    """Both are used in tests."""
    faults = FaultBoard()
    faults.begin(FaultOrder(fault=Fault.STALL, seconds=5), NOW)
    faults.begin(FaultOrder(fault=Fault.HANG), NOW)

    assert faults.holds(Fault.STALL, NOW + 4.9)
    assert not faults.holds(Fault.STALL, NOW + 5.0)
    assert faults.holds(Fault.HANG, NOW + 10_000)
    assert [line["fault"] for line in faults.report(NOW + 1)] == ["stall", "hang"]
    faults.mend(Fault.HANG)
    assert not faults.holds(Fault.HANG, NOW)


@pytest.mark.parametrize("fault", sorted(AT_ONCE))
def test_what_happens_at_once_takes_no_duration(fault: Fault) -> None:
    """A tester who gives one expects something that will not come."""
    with pytest.raises(ValidationError, match="seconds"):
        FaultOrder(fault=fault, seconds=3)


@pytest.mark.parametrize("parameter", [{"share": 0.5}, {"by_seconds": 3.0}, {"where": "framing"}, {"speed": 0.2}])
def test_a_parameter_of_another_fault_is_refused(parameter: dict[str, object]) -> None:
    """It would otherwise be silently without effect."""
    with pytest.raises(ValidationError, match=next(iter(parameter))):
        FaultOrder.model_validate({"fault": "stall"} | parameter)


@given(st.integers(min_value=0, max_value=2**32 - 1), st.floats(min_value=-20_000, max_value=20_000))
def test_a_jump_moves_timestamps_within_their_32_bits(timestamp: int, seconds: float) -> None:
    """RTP's clock wraps, also when it jumps backwards below zero."""
    (moved,) = rtp.shifted([rtp_packet(timestamp)], seconds, 90_000)

    assert rtp.timestamp_of(moved) == (timestamp + round(seconds * 90_000)) % 2**32
    assert moved[8:] == rtp_packet(timestamp)[8:]


def test_a_jump_moves_the_wall_clock_of_sender_reports_as_well(packets: list[bytes]) -> None:
    """Otherwise a client with sound undoes the jump at the next report."""
    (report,) = rtp.shifted(packets[:1], 100, 90_000)

    ntp_seconds = [int.from_bytes(packet[8:12], "big") for packet in (packets[0], report)]
    assert ntp_seconds[1] - ntp_seconds[0] == 100
    assert rtp.timestamp_of(report) == (rtp.timestamp_of(packets[0]) + 9_000_000) % 2**32


def test_garbage_keeps_headers_and_reports_and_replaces_payloads(packets: list[bytes]) -> None:
    """The client still believes in the packets, and its decoder gets noise."""
    spoiled = spoiler_with(fault="garbage").spoil("video", packets, 90_000, NOW)

    assert [packet[:12] for packet in spoiled] == [packet[:12] for packet in packets]
    assert spoiled[0] == packets[0]
    assert all(one != two for one, two in zip(spoiled[1:], packets[1:], strict=True))


def test_loss_takes_about_its_share_of_the_packets() -> None:
    """And leaves the others as they are, in order."""
    packets = [rtp_packet(number) for number in range(1000)]

    left = spoiler_with(fault="loss", share=0.2).spoil("video", packets, 90_000, NOW)

    assert 700 < len(left) < 900
    assert left == [packet for packet in packets if packet in set(left)]


def test_frozen_timestamps_repeat_the_first_and_go_on_after_the_fault() -> None:
    """As cheap cameras do when their encoder restarts."""
    spoiler = spoiler_with(fault="frozen_timestamps", seconds=5)

    sent = [spoiler.spoil("video", [rtp_packet(tick)], 90_000, NOW + tick / 1000) for tick in (1000, 2000, 3000, 6000)]

    assert [rtp.timestamp_of(packet) for (packet,) in sent] == [1000, 1000, 1000, 6000]


def test_noise_between_packets_comes_only_where_the_framing_is_to_break() -> None:
    """The two variants of garbage are different tests for a client."""
    assert len(spoiler_with(fault="garbage", where="framing").noise(NOW)) == NOISE_BYTES
    assert spoiler_with(fault="garbage").noise(NOW) == b""


def test_a_slow_camera_falls_behind_and_does_not_catch_up() -> None:
    """The time it has lost stays lost: its pictures come late from then on."""
    clock = MediaClock()
    clock.begin(NOW)
    clock.run_at(0.5, NOW + 10)
    clock.run_at(1.0, NOW + 20)

    assert clock.media_time(NOW + 30) == pytest.approx(25)
    assert clock.wall_time(25) == pytest.approx(NOW + 30)
