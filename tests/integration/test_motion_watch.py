"""Motion detection on compressed video: codecs, damage, overload, and a thread that ends."""

import logging
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from threading import Event, get_ident

import pytest

from capture_service.metrics import MOTION_DROPPED
from capture_service.motion import MotionSeen
from capture_service.motion_looker import Looker, LookPacer
from capture_service.motion_watch import MotionWatch, PacketQueue
from capture_service.packets import Packet, VideoFormat
from shared_utils.config.schema import MotionConfig
from tests.support.clips import make_clip
from tests.support.motion_clips import looks_at, still_clip, video_of
from tests.support.waiting import wait_until

PATIENCE_SECONDS = 30.0


def later(packets: list[Packet], seconds: float) -> list[Packet]:
    """The same packets, sent again afterwards."""
    ticks = round(seconds / packets[0].time_base)
    return [replace(packet, pts=packet.pts + ticks, dts=packet.dts + ticks) for packet in packets]


def take_all(video_format: VideoFormat, packets: list[Packet]) -> list[MotionSeen]:
    seen: list[MotionSeen] = []
    looker = Looker("camera", MotionConfig(), video_format, seen.append)
    for packet in packets:
        looker.take(packet)
    return seen


def moving_times(seen: list[MotionSeen]) -> list[float]:
    return [look.t for look in seen if look.moving]


@pytest.fixture(scope="module")
def block_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 s; a block crosses the room from 4 to 7 s."""
    return make_clip(tmp_path_factory.mktemp("clip") / "block.mp4", seconds=8, moving=[(4, 7)])


@pytest.mark.parametrize("in_band", [False, True])
@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_motion_is_seen_where_it_is_in_every_codec(tmp_path: Path, codec: str, b_frames: int, in_band: bool) -> None:
    """Cameras send H.264 or H.265, with B-frames or not, and parameter sets in the SDP or in the stream."""
    clip = make_clip(tmp_path / "c.mp4", seconds=8, moving=[(4, 7)], codec=codec, b_frames=b_frames, width=480)

    times = moving_times(take_all(*video_of(clip, in_band=in_band)))

    assert 4.0 <= times[0] <= 4.7
    assert 6.6 <= times[-1] <= 7.3
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("grain", "brightness", "bit_rate"),
    [(2, 1.0, 400_000), (10, 0.3, 200_000), (10, 0.3, 4_000_000), (20, 0.5, 150_000)],
)
def test_a_still_grainy_scene_through_a_codec_does_not_move(
    tmp_path: Path, grain: float, brightness: float, bit_rate: int
) -> None:
    """A codec turns grain into crawling blocks and lets the picture pump at every keyframe."""
    clip = still_clip(tmp_path / "still.mp4", seconds=30, grain=grain, brightness=brightness, bit_rate=bit_rate)

    assert moving_times(looks_at(clip)) == []


def test_a_stream_joined_in_the_middle_of_a_gop_is_looked_at_from_the_next_keyframe(block_clip: Path) -> None:
    """Joining a camera at any moment is normal; what cannot be decoded must not look like motion."""
    video_format, packets = video_of(block_clip)

    seen = take_all(video_format, packets[7:])

    assert seen[0].t == pytest.approx(1.0)
    assert moving_times(seen)[0] == pytest.approx(4.2, abs=0.5)


def test_damaged_packets_are_said_once_and_are_no_motion(block_clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A lossy network damages packets all the time. Detection goes on at the next keyframe."""
    video_format, packets = video_of(block_clip)
    damaged = [
        replace(packet, data=b"\xff" * len(packet.data)) if number in {20, 21, 35} else packet
        for number, packet in enumerate(packets)
    ]

    with caplog.at_level(logging.WARNING):
        times = moving_times(take_all(video_format, damaged))

    assert 4.0 <= times[0] <= 4.7
    assert times[-1] <= 7.3
    assert caplog.text.count("cannot decode") == 1
    assert "recording is not affected" in caplog.text


def test_a_changed_resolution_is_a_new_scene(tmp_path: Path) -> None:
    """The camera was set to another resolution while it sent: boxes follow, and nothing is taken for motion."""
    first_format, first = video_of(make_clip(tmp_path / "1.mp4", seconds=4), in_band=True)
    _, second = video_of(make_clip(tmp_path / "2.mp4", seconds=8, width=320, height=240, moving=[(4, 7)]), in_band=True)

    seen = take_all(first_format, [*first, *later(second, 4.0)])

    times = moving_times(seen)
    assert 8.0 <= times[0] <= 8.7
    assert all(box[2] <= 320 and box[3] <= 240 for look in seen for box in look.boxes)


def test_a_watch_looks_on_its_own_thread_until_it_is_stopped(block_clip: Path) -> None:
    """What takes the looks must know where they come from, and that none comes after `stop`."""
    video_format, packets = video_of(block_clip)
    seen: list[MotionSeen] = []
    threads = set()

    def on_look(look: MotionSeen) -> None:
        threads.add(get_ident())
        seen.append(look)

    watch = MotionWatch("camera", MotionConfig(), on_look)
    watch.start(video_format)
    for number in range(0, len(packets), 40):
        for packet in packets[number : number + 40]:
            watch.offer(packet)
        wait_until("the frames are looked at", lambda number=number: len(seen) >= min(40, (number + 30) // 3 - 1))  # type: ignore[misc]
    wait_until("all frames are looked at", lambda: len(seen) >= 40)
    watch.stop()
    watch.stop()
    watch.offer(packets[0])

    assert len(seen) == 40
    assert moving_times(seen)
    assert threads
    assert get_ident() not in threads


def test_a_watch_can_be_started_again(block_clip: Path) -> None:
    """The camera was connected again: a new format, a new time, a new scene."""
    video_format, packets = video_of(block_clip)
    seen: list[MotionSeen] = []
    watch = MotionWatch("camera", MotionConfig(), seen.append)

    for _ in range(2):
        before = len(seen)
        watch.start(video_format)
        for packet in packets[:30]:
            watch.offer(packet)
        wait_until("it looks on", lambda before=before: len(seen) >= before + 10)  # type: ignore[misc]
        watch.stop()

    assert [look.t for look in seen[:10]] == [look.t for look in seen[10:]]


def test_a_watch_that_is_behind_drops_up_to_a_keyframe_and_never_blocks(block_clip: Path) -> None:
    """Recording hands over packets in its own loop: it must not wait for an analysis, ever."""
    video_format, packets = video_of(block_clip)
    busy, go_on = Event(), Event()
    seen: list[MotionSeen] = []

    def on_look(look: MotionSeen) -> None:
        seen.append(look)
        busy.set()
        go_on.wait(PATIENCE_SECONDS)

    dropped_before = MOTION_DROPPED.labels("slow")._value.get()
    refused = 0
    watch = MotionWatch("slow", MotionConfig(), on_look)
    watch.start(video_format)
    watch.offer(packets[0])
    assert busy.wait(PATIENCE_SECONDS)
    for _ in range(20):  # 2400 packets offered to a watch that takes none; this returns, or the test times out
        refused += [watch.offer(packet) for packet in packets[1:]].count(False)
    dropped = MOTION_DROPPED.labels("slow")._value.get() - dropped_before
    go_on.set()
    wait_until("it has looked for a while", lambda: len(seen) >= 20)
    for packet in later(packets, 60.0):
        watch.offer(packet)
    wait_until("it looks at what came after", lambda: seen[-1].t > 60)
    watch.stop()

    assert dropped == refused == 20 * (len(packets) - 1) - 64


def test_stopping_does_not_wait_for_what_is_queued(block_clip: Path) -> None:
    """A service has little time to end, and a second of old packets is worth none of it."""
    video_format, packets = video_of(block_clip)
    seen: list[MotionSeen] = []
    first = Event()

    def on_look(look: MotionSeen) -> None:
        seen.append(look)
        first.set()
        time.sleep(0.05)

    watch = MotionWatch("camera", MotionConfig(), on_look)
    watch.start(video_format)
    for packet in packets[:60]:
        watch.offer(packet)
    assert first.wait(PATIENCE_SECONDS)
    watch.stop()

    assert len(seen) < 20


def test_an_error_in_one_look_does_not_end_the_watch(block_clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A camera whose detection died would silently record nothing any more."""
    video_format, packets = video_of(block_clip)
    seen: list[MotionSeen] = []

    def on_look(look: MotionSeen) -> None:
        if not seen:
            seen.append(look)
            raise ValueError("boom")
        seen.append(look)

    watch = MotionWatch("camera", MotionConfig(), on_look)
    watch.start(video_format)
    for packet in packets[:40]:
        watch.offer(packet)
    wait_until("it looks", lambda: len(seen) >= 5)
    watch.stop()

    assert "motion detection failed on one packet" in caplog.text
    assert seen[1].t == pytest.approx(1.0)


def test_a_codec_nobody_knows_is_said_and_disturbs_nothing(block_clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its owner must learn why everything is recorded: nobody can say when nothing moves."""
    video_format, packets = video_of(block_clip)
    watch = MotionWatch("camera", MotionConfig(), lambda _look: None)

    watch.start(replace(video_format, codec="nonsense"))
    wait_until("it is said", lambda: "Set the camera" in caplog.text)
    wait_until("nothing is taken any more", lambda: not watch.offer(packets[0]))
    watch.stop()

    assert "so all of it is recorded. Set the camera to H.264 or H.265" in caplog.text


def test_the_queue_is_bounded_in_bytes_too() -> None:
    """A 4K keyframe takes a megabyte: counting packets alone would not bound the memory."""
    queue = PacketQueue(max_packets=100, max_bytes=1000)
    small = Packet("video", b"x" * 300, 0, 0, 0, video_time_base(), False, 0.0)

    taken = [queue.put(replace(small, is_keyframe=number == 0)) for number in range(6)]

    assert taken == [True, True, True, False, False, False]


def test_after_dropping_only_a_keyframe_is_taken() -> None:
    """Frames after a hole cannot be decoded; feeding them would show garbage as motion."""
    queue = PacketQueue(max_packets=2, max_bytes=10**6)
    packet = Packet("video", b"x", 0, 0, 0, video_time_base(), False, 0.0)
    queue.put(replace(packet, is_keyframe=True))
    queue.put(packet)
    assert not queue.put(packet)

    queue.get()
    queue.get()

    assert not queue.put(packet)
    assert queue.put(replace(packet, is_keyframe=True))
    assert queue.put(packet)


@pytest.mark.parametrize("fps", [5, 10, 12.5, 15, 25, 29.97, 60])
def test_looks_come_as_often_as_asked_at_any_frame_rate(fps: float) -> None:
    """Twice as many would cost twice as much; half as many would miss people."""
    pacer = LookPacer(5.0)

    looks = sum(pacer.is_due(number / fps) for number in range(round(20 * fps)))

    assert 5 * 20 * 0.8 <= looks <= 5 * 20 * 1.05


def test_looks_go_on_after_a_jump_of_the_time() -> None:
    """A camera that sets its clock back must not go unwatched until the old time comes again."""
    pacer = LookPacer(5.0)
    assert pacer.is_due(1000.0)

    assert pacer.is_due(3.0)
    assert not pacer.is_due(3.1)
    assert pacer.is_due(3.2)
    assert pacer.is_due(500.0)


def video_time_base() -> Fraction:
    return Fraction(1, 90000)
