"""The smaller pure parts of capture: looks, parameter sets, rates, gaps, explanations."""

import socket
import threading
import time
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import av
import pytest

from capture_service.camera_state import RateMeter
from capture_service.connection import VideoWatchdog
from capture_service.errors import CameraLostError, CameraUnreachableError
from capture_service.gaps import GapWatch
from capture_service.looks import LookBook
from capture_service.motion import MotionSeen
from capture_service.packets import Received
from capture_service.parameter_sets import FormatWatch, annex_b, is_hevc_in_h264, parameter_sets
from capture_service.rtsp_failures import explain
from tests.support.clips import make_clip
from tests.support.fixed_clock import FixedClock
from tests.support.packets import footage, stream_of


def seen(t: float, *, moving: bool = True) -> MotionSeen:
    return MotionSeen(t, moving=moving, area=0.1 if moving else 0.0, boxes=((1, 2, 3, 4),) if moving else ())


def test_a_manifest_gets_the_looks_of_its_own_segment_only() -> None:
    """`t` counts from the segment's start; what lies on the joint belongs to the later segment."""
    book = LookBook()
    for t in (9.9, 10.0, 12.5, 20.0):
        book.add(seen(t))
    book.add(seen(15.0, moving=False))

    looks = book.between(10.0, 20.0)

    assert [look.t for look in looks] == [0.0, 2.5]


def test_waiting_for_looks_ends_when_they_come_or_when_the_time_is_up() -> None:
    """A detector that is stuck must not keep segments from being analysed."""
    book = LookBook()
    late = threading.Timer(0.1, lambda: book.add(seen(30.0, moving=False)))
    late.start()

    came = book.wait_until(29.9, timeout_seconds=10)
    did_not_come = book.wait_until(31.0, timeout_seconds=0.05)

    late.join()
    assert came
    assert not did_not_come


def test_nobody_waits_for_a_detector_that_has_stopped() -> None:
    """Stopping the service would take seconds longer for nothing."""
    book = LookBook()
    began = time.monotonic()

    book.close()

    assert book.wait_until(99.0, timeout_seconds=30)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_other_parameter_sets_are_another_format(tmp_path: Path, codec: str) -> None:
    """The only sign of a changed resolution is in the keyframes; the decoder would find out too late."""
    small = footage(make_clip(tmp_path / "small.mp4", seconds=1, width=320, height=180, codec=codec))
    large = footage(make_clip(tmp_path / "large.mp4", seconds=1, width=640, height=360, codec=codec))
    keyframes = [next(p for p in film.packets if p.is_keyframe) for film in (small, large)]
    sets = [parameter_sets(film.stream.video.codec, p.data) for film, p in zip((small, large), keyframes, strict=True)]
    watch = FormatWatch(replace(small.stream.video, extradata=annex_b(sets[0])))

    changes = [watch.look(keyframe) for keyframe in (keyframes[0], keyframes[1], keyframes[1])]

    assert len(sets[0]) >= 2
    assert changes == [False, True, False]
    assert (watch.current.width, watch.current.height) == (640, 360)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_noise_that_looks_like_parameter_sets_is_no_new_format(tmp_path: Path, codec: str) -> None:
    """A camera with failing memory would begin a segment and a motion detector with every second of its noise."""
    film = footage(make_clip(tmp_path / "clip.mp4", seconds=1, codec=codec))
    watch = FormatWatch(film.stream.video)
    keyframe = next(packet for packet in film.packets if packet.is_keyframe)
    watch.look(keyframe)
    before = watch.current
    noise = {"libx264": (0x67, 0x68), "libx265": (0x40, 0x42, 0x44)}[codec]
    sets = b"".join(b"\0\0\0\1" + bytes([head]) + b"\x01noise" * 20 for head in noise)

    changed = watch.look(replace(keyframe, data=sets + b"\0\0\0\1\x65" + b"noise" * 200))

    assert not changed
    assert watch.current == before
    assert not watch.look(keyframe)


def test_h265_in_a_stream_of_h264_is_recognised_and_h264_never_is(tmp_path: Path) -> None:
    """Some cameras change their codec under a client that plays; no keyframe would ever end the segment."""
    hevc = footage(make_clip(tmp_path / "hevc.mp4", seconds=2, codec="libx265"))
    h264 = footage(make_clip(tmp_path / "h264.mp4", seconds=2))

    assert all(is_hevc_in_h264("h264", packet.data) == packet.is_keyframe for packet in hevc.packets)
    assert is_hevc_in_h264("h264", b"\0\0\1\x02\x01\xd0\0\0\1\x60\x01\0\x18\x40\x01")  # aggregated, after a frame
    assert not any(is_hevc_in_h264("hevc", packet.data) for packet in hevc.packets)
    assert not any(is_hevc_in_h264("h264", packet.data) for packet in h264.packets)


def test_a_keyframe_without_parameter_sets_changes_nothing(tmp_path: Path) -> None:
    """Some cameras send them once, in the SDP."""
    film = footage(make_clip(tmp_path / "clip.mp4", seconds=1, width=320, height=180))
    keyframe = next(packet for packet in film.packets if packet.is_keyframe)
    sets = parameter_sets("h264", keyframe.data)
    bare = replace(keyframe, data=keyframe.data.replace(annex_b(sets[:1]), b"").replace(annex_b(sets[1:]), b""))
    watch = FormatWatch(replace(film.stream.video, extradata=annex_b(sets)))

    changed = watch.look(bare)

    assert len(bare.data) < len(keyframe.data)
    assert not changed


@pytest.mark.parametrize("in_band", [True, False])
def test_a_camera_that_sent_no_picture_while_it_was_opened_gets_its_size_later(tmp_path: Path, in_band: bool) -> None:
    """MP4 takes no stream of 0 x 0 pixels, and the disk would be blamed for it until the encoder is set anew."""
    film = footage(make_clip(tmp_path / "clip.mp4", seconds=1, width=320, height=180))
    keyframe = next(packet for packet in film.packets if packet.is_keyframe)
    sets = parameter_sets("h264", keyframe.data)
    bare = replace(keyframe, data=keyframe.data.replace(annex_b(sets[:1]), b"").replace(annex_b(sets[1:]), b""))
    watch = FormatWatch(replace(film.stream.video, width=0, height=0, extradata=annex_b(sets)))

    changes = [watch.look(keyframe if in_band else bare) for _ in range(2)]

    assert changes == [True, False]
    assert (watch.current.width, watch.current.height) == (320, 180)


def test_what_a_camera_really_sends_is_measured_by_its_own_times() -> None:
    """People check here whether the camera does what they set."""
    meter = RateMeter()
    for packet in stream_of(30.0, gop=2.0, fps=10):
        meter.add(packet)

    rates = meter.rates()

    assert rates.fps == pytest.approx(10.0)
    assert rates.bitrate_kbps == pytest.approx(8.0)
    assert rates.keyframe_seconds == pytest.approx(2.0)


def test_sound_does_not_count_as_a_sign_of_life() -> None:
    """A camera whose picture froze must be connected again even if it still sends sound."""
    clock = FixedClock()
    watchdog = VideoWatchdog("cam", 10, clock)
    sound = Received("audio", b"", 0, 0, 0, Fraction(1, 16000), is_keyframe=True, arrived=0.0)
    clock.advance(9)
    watchdog.note(sound)
    clock.advance(2)

    with pytest.raises(CameraLostError, match="no video for 10 s"):
        watchdog.note(sound)


def test_a_hiccup_is_no_gap() -> None:
    """A log full of hiccups is not read."""
    clock = FixedClock()
    watch = GapWatch("cam", clock)
    watch.video(is_keyframe=True)
    clock.advance(1.9)

    assert watch.video(is_keyframe=True) is None


def test_a_lone_frame_in_the_middle_of_a_stall_does_not_end_the_gap() -> None:
    """FFmpeg hands out the frame it holds when its time limit expires first; the camera is still away."""
    clock = FixedClock()
    watch = GapWatch("cam", clock)
    watch.video(is_keyframe=True)
    clock.advance(5)
    lone = watch.video(is_keyframe=True)
    clock.advance(5)
    watch.failed("it stopped sending")
    clock.advance(5)
    first_back = watch.video(is_keyframe=True)
    clock.advance(0.1)

    gap = watch.video(is_keyframe=True)

    assert lone is None
    assert first_back is None
    assert gap is not None
    assert (gap.end - gap.start).total_seconds() == pytest.approx(15)
    assert gap.reason == "it stopped sending"


def test_a_lost_connection_is_a_gap_however_soon_it_is_back() -> None:
    """Its frames are missing, and the owner finds two events where there was one."""
    clock = FixedClock()
    watch = GapWatch("cam", clock)
    watch.video(is_keyframe=True)
    clock.advance(0.5)
    watch.failed("it ended the stream")
    clock.advance(0.5)
    watch.video(is_keyframe=True)
    clock.advance(0.1)

    gap = watch.video(is_keyframe=False)

    assert gap is not None
    assert (gap.end - gap.start).total_seconds() == pytest.approx(1.0)
    assert gap.reason == "it ended the stream"


def test_a_gap_lasts_until_the_first_keyframe() -> None:
    """What comes before it can neither be watched nor recorded."""
    clock = FixedClock()
    watch = GapWatch("cam", clock)
    watch.video(is_keyframe=True)
    watch.failed("it ended the stream")
    gaps = []
    for is_keyframe in (False, False, True, False):
        clock.advance(1)
        gaps.append(watch.video(is_keyframe=is_keyframe))

    assert gaps[:3] == [None, None, None]
    assert gaps[3] is not None
    assert (gaps[3].end - gaps[3].start).total_seconds() == 3


def test_a_gap_is_measured_by_the_clock_that_nobody_sets() -> None:
    """Setting the machine's clock is no loss of video."""
    clock = FixedClock()
    watch = GapWatch("cam", clock)
    watch.video(is_keyframe=True)
    clock.set(clock.now() + timedelta(hours=1))
    clock.advance(0.1)

    assert watch.video(is_keyframe=True) is None


def test_a_camera_that_never_came_has_its_gap_when_the_service_stops() -> None:
    """Otherwise a wrong password would leave no trace of what is missing."""
    clock = FixedClock()
    watch = GapWatch("cam", clock)
    watch.failed("wrong user name or password")
    clock.advance(60)

    gap = watch.stop()

    assert gap is not None
    assert gap.reason == "wrong user name or password"
    assert (gap.end - gap.start).total_seconds() == 60


def test_a_gap_at_the_end_is_told_once() -> None:
    """Both the thread of a camera that hangs and the one that has waited for it in vain want to tell it."""
    clock = FixedClock()
    watch = GapWatch("cam", clock)
    watch.failed("it stopped sending")
    clock.advance(60)

    told = [watch.stop(), watch.stop()]

    assert told[0] is not None
    assert told[1] is None


def test_an_error_of_a_camera_never_shows_its_password() -> None:
    """Messages end up in logs, in the status file and on the page."""
    url = "rtsp://admin:pa55word@127.0.0.1:9/stream"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        av.open(url.replace(":9/", f":{port}/"), timeout=(2, 2))
    except (av.FFmpegError, OSError) as error:
        failure = explain(error, "cam", url, waited_seconds=0.0, limit_seconds=5.0)
    told = CameraUnreachableError("cam", url, failure.reason, failure.advice)

    assert failure.reason == "connection refused"
    assert "pa55word" not in str(told) + told.reason + failure.advice
    assert "cameras.cam.url" in str(told)
