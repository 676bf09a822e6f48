"""Motion detection at two speeds, on compressed video: what sleeps must miss nothing that lasts."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest

from capture_service.metrics import MOTION_IDLE
from capture_service.motion import MotionSeen
from capture_service.motion_looker import Looker
from capture_service.motion_speed import SpeedRule
from capture_service.motion_watch import MotionWatch
from capture_service.packets import Packet, VideoFormat
from shared_utils.config.schema import MotionConfig
from tests.support.capture_parts import camera_config, capture_parts, feed
from tests.support.clips import make_clip
from tests.support.motion_clips import video_of
from tests.support.packets import footage
from tests.support.paused_clips import FPS, Coding, flashes, frames_of, paused, write_clip
from tests.support.waiting import wait_until

SOON = SpeedRule(quiet_seconds=5.0)  # a quiet minute would make each test decode one


class Watched:
    """What a looker saw, and when it slept."""

    def __init__(self, video_format: VideoFormat, settings: MotionConfig | None = None, rule: SpeedRule = SOON) -> None:
        self.seen: list[MotionSeen] = []
        self.idle: list[float] = []  # times of the packets taken while idle
        self.looker = Looker("camera", settings or MotionConfig(), video_format, self.seen.append, rule=rule)

    def take(self, packets: list[Packet]) -> "Watched":
        for packet in packets:
            self.looker.take(packet)
            if self.looker.is_idle:
                self.idle.append(packet.dts_seconds)
        return self

    @property
    def moving(self) -> list[float]:
        return [look.t for look in self.seen if look.moving]


def events(times: list[float]) -> list[tuple[float, float]]:
    """The first and last look of each motion, without pauses of more than 2 s."""
    found: list[tuple[float, float]] = []
    for t in times:
        begin = found.pop()[0] if found and t - found[-1][1] <= 2.0 else t
        found.append((begin, t))
    return found


@pytest.fixture(scope="module")
def block_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 s, a keyframe every 2 s; a block crosses the room from 14.6 to 17 s."""
    return make_clip(
        tmp_path_factory.mktemp("clip") / "block.mp4", seconds=32, gop_seconds=2, moving=[(14.6, 17.0)], noise=2
    )


def without_size(packets: list[Packet]) -> list[Packet]:
    """The packets as a camera with a constant bitrate sends them: padded to one size, which the decoder ignores."""
    most = max(len(packet.data) for packet in packets if not packet.is_keyframe)
    return [replace(packet, data=packet.data + b"\0" * max(0, most - len(packet.data))) for packet in packets]


def test_a_quiet_camera_is_looked_at_by_its_keyframes(block_clip: Path) -> None:
    """That is what saves most of the work."""
    watched = Watched(*video_of(block_clip)[:1]).take([p for p in video_of(block_clip)[1] if p.dts_seconds < 14])

    assert watched.idle[0] == pytest.approx(6.0)
    assert [look.t for look in watched.seen if look.t >= 6.0] == [6.0, 8.0, 10.0, 12.0]


def test_motion_is_found_where_it_began_though_a_later_keyframe_told(block_clip: Path) -> None:
    """The recorder keeps the seconds before; it must be told when they begin."""
    video_format, packets = video_of(block_clip, in_band=True)
    watched = Watched(video_format).take(without_size(packets))

    always = Watched(video_format, MotionConfig(idle=False)).take(packets)

    assert 15.9 <= max(t for t in watched.idle if t < 20) < 16.0
    assert watched.moving[0] == pytest.approx(always.moving[0], abs=0.21)
    assert watched.moving[-1] == pytest.approx(always.moving[-1], abs=0.41)
    assert always.idle == []


def test_growing_packets_wake_it_before_the_next_keyframe(tmp_path: Path) -> None:
    """Recording begins sooner, and what is gone at the next keyframe is seen too."""
    clip = make_clip(tmp_path / "c.mp4", seconds=30, gop_seconds=2, moving=[(26.3, 27.3)])
    video_format, packets = video_of(clip)

    watched = Watched(video_format).take(packets)

    assert 26.3 <= max(t for t in watched.idle if t < 28) < 26.7
    assert watched.moving[0] == pytest.approx(26.7, abs=0.3)


def test_no_frame_is_looked_at_twice_and_time_only_grows(block_clip: Path) -> None:
    """A scene that goes back in time is learned anew, and sees nothing meanwhile."""
    times = [look.t for look in Watched(*video_of(block_clip)[:1]).take(video_of(block_clip)[1]).seen]

    assert all(later > earlier for earlier, later in pairwise(times))


def test_it_sleeps_again_when_all_is_quiet_again(block_clip: Path) -> None:
    """Most of a day is quiet."""
    watched = Watched(*video_of(block_clip)[:1]).take(video_of(block_clip)[1])

    slept_again = next(t for t in watched.idle if t > 17)
    assert slept_again <= watched.moving[-1] + SOON.quiet_seconds + 2.1
    assert watched.idle[-1] == pytest.approx(32, abs=0.1)


def test_without_idle_every_look_is_taken(block_clip: Path) -> None:
    """`motion.idle: false`: five looks a second, always."""
    watched = Watched(video_of(block_clip)[0], MotionConfig(idle=False)).take(video_of(block_clip)[1])

    assert watched.idle == []
    assert len(watched.seen) == 32 * 5


def test_keyframes_four_seconds_apart_are_never_looked_at_alone(tmp_path: Path) -> None:
    """In four seconds somebody has crossed the picture."""
    video_format, packets = video_of(make_clip(tmp_path / "c.mp4", seconds=24, gop_seconds=4))

    assert Watched(video_format).take(packets).idle == []


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_every_codec_sleeps_and_wakes(tmp_path: Path, codec: str, b_frames: int) -> None:
    """H.265 has keyframes with frames shown before them (open GOP); B-frames make decoders hold frames back."""
    clip = make_clip(
        tmp_path / "c.mp4", seconds=18, moving=[(11.3, 14)], codec=codec, b_frames=b_frames, gop_seconds=2, width=480
    )
    video_format, packets = video_of(clip, in_band=True)

    watched = Watched(video_format).take(packets)
    always = Watched(video_format, MotionConfig(idle=False)).take(packets)
    times = [look.t for look in watched.seen]

    assert watched.idle
    assert watched.moving[0] == pytest.approx(always.moving[0], abs=0.21)
    assert times == sorted(set(times))
    assert [t for t in times if t < 6] == [look.t for look in always.seen if look.t < 6]


def test_a_camera_with_intra_refresh_is_watched(tmp_path: Path) -> None:
    """Its keyframes show no picture of their own, only where to begin."""
    options = (("intra-refresh", "1"),)
    clip = write_clip(tmp_path / "c.mp4", flashes([3.0], [14.0])[0], Coding(2.0, options=options))
    video_format, packets = video_of(clip, in_band=True)
    packets = [replace(packet, is_keyframe=number % 30 == 0) for number, packet in enumerate(packets)]

    watched = Watched(video_format).take(packets)
    always = Watched(video_format, MotionConfig(idle=False)).take(packets)

    assert watched.idle == []
    assert watched.moving == always.moving


def test_masked_areas_wake_nobody(tmp_path: Path) -> None:
    """The street behind the fence would keep it awake all day."""
    video_format, packets = video_of(make_clip(tmp_path / "c.mp4", seconds=24, gop_seconds=2, moving=[(10.1, 20)]))
    lower_half = ((0.0, 0.4), (1.0, 0.4), (1.0, 1.0), (0.0, 1.0))

    seen = Watched(video_format, MotionConfig(masks=(lower_half,))).take(without_size(packets))

    assert seen.moving == []
    assert seen.idle[-1] == pytest.approx(24, abs=0.1)
    assert len(seen.idle) > 15 * FPS


def test_a_picture_of_another_size_wakes_it(tmp_path: Path) -> None:
    """Boxes are pixels of the picture as it is now."""
    first_format, first = video_of(make_clip(tmp_path / "1.mp4", seconds=12, gop_seconds=2), in_band=True)
    clip = make_clip(tmp_path / "2.mp4", seconds=16, width=320, height=240, gop_seconds=2, moving=[(11.2, 14)])
    second = [
        replace(packet, pts=packet.pts + round(12 / packet.time_base), dts=packet.dts + round(12 / packet.time_base))
        for packet in video_of(clip, in_band=True)[1]
    ]

    watched = Watched(first_format).take(first + second)

    assert [t for t in watched.idle if t < 12]
    assert [t for t in watched.idle if t > 12]
    assert 23.2 <= watched.moving[0] <= 23.9
    assert all(box[2] <= 320 and box[3] <= 240 for look in watched.seen for box in look.boxes)


def test_a_damaged_keyframe_wakes_it_and_costs_no_motion(block_clip: Path) -> None:
    """On a bad network sleeping is not safe; what follows is decoded as ever."""
    video_format, packets = video_of(block_clip)
    damaged = [
        replace(packet, data=b"\xff" * len(packet.data)) if packet.is_keyframe and packet.dts_seconds == 10 else packet
        for packet in packets
    ]

    watched = Watched(video_format).take(damaged)

    assert max(watched.idle) < 10
    assert watched.moving[0] == pytest.approx(15.0, abs=0.3)


@pytest.mark.parametrize("until", [12.0, 10.6])
def test_missing_packets_wake_it(block_clip: Path, until: float) -> None:
    """When the queue to the detector was full, what was dropped may have been the motion."""
    video_format, packets = video_of(block_clip)
    kept = [packet for packet in packets if not 9.0 <= packet.dts_seconds < until]

    watched = Watched(video_format).take(kept)

    assert [t for t in watched.idle if t < 9]
    assert not [t for t in watched.idle if until + 0.1 < t < 14.0]
    assert watched.moving[0] == pytest.approx(15.0, abs=0.3)


def test_a_light_that_goes_on_wakes_it_and_records_nothing(tmp_path: Path) -> None:
    """Somebody has pressed the switch, perhaps; a cloud, perhaps."""
    still = flashes([0.0], [24.0])[0][: 24 * FPS]
    frames = [(frame * (1.8 if number >= 11 * FPS else 1.0)).astype("uint8") for number, frame in enumerate(still)]
    video_format, packets = video_of(write_clip(tmp_path / "c.mp4", frames, Coding(2.0)))

    watched = Watched(video_format).take(without_size(packets))

    assert not [t for t in watched.idle if 12.0 <= t < 16.9]
    assert watched.moving == []
    assert watched.idle[-1] > 23.9


def test_what_is_held_is_never_more_than_a_gop(block_clip: Path) -> None:
    """The packets are the recorder's own; beyond its ring, nothing may keep them."""
    video_format, packets = video_of(block_clip)
    watched = Watched(video_format)
    held = []

    for packet in packets:
        watched.take([packet])
        held.append(len(watched.looker._held))

    assert max(held) == 2 * FPS
    assert not [count for count, packet in zip(held, packets, strict=True) if count and 17 < packet.dts_seconds < 20]


def test_an_error_while_idle_is_survived(block_clip: Path) -> None:
    """What is held then is let go, and the scene is learned anew."""
    video_format, packets = video_of(block_clip)
    watched = Watched(video_format).take([packet for packet in packets if packet.dts_seconds < 9])
    assert watched.looker.is_idle

    watched.looker.recover()
    watched.take([packet for packet in packets if packet.dts_seconds >= 9])

    assert watched.moving[0] == pytest.approx(15.0, abs=0.3)


def test_a_watch_that_is_stopped_does_not_decode_what_is_held(block_clip: Path) -> None:
    """It may be two seconds of 4K, and a service has little time to end."""
    video_format, packets = video_of(block_clip)
    seen: list[MotionSeen] = []
    stopping = False
    looker = Looker("camera", MotionConfig(), video_format, seen.append, rule=SOON, is_stopping=lambda: stopping)
    for packet in packets:
        if packet.dts_seconds >= 15.9:
            stopping = True
        looker.take(packet) if packet.dts_seconds < 14.5 or stopping else None

    assert [look.t for look in seen if 14 < look.t < 15.9] == []


def test_the_metric_tells_the_speed_and_nothing_once_it_is_stopped(block_clip: Path) -> None:
    """A camera that is away is not idle."""
    video_format, packets = video_of(block_clip)
    gauge = MOTION_IDLE.labels("camera")
    Watched(video_format).take([packet for packet in packets if packet.dts_seconds < 9])
    while_idle = gauge._value.get()

    watch = MotionWatch("camera", MotionConfig(), lambda _seen: None)
    watch.start(video_format)
    wait_until("it has begun", lambda: gauge._value.get() == 0)
    gauge.set(1)
    watch.stop()

    assert while_idle == 1
    assert gauge._value.get() == 0


def test_no_second_of_the_pre_roll_is_lost_to_sleeping(tmp_path: Path, block_clip: Path) -> None:
    """The keyframe comes late, the detector later still; the ring must hold what was before the motion."""
    film = footage(block_clip)
    behind = deque(without_size(film.packets))
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(segment_seconds=60, pre_roll_seconds=5))
        looker = Looker("cam", MotionConfig(), film.stream.video, recorder.look, rule=SOON)
        for packet in film.packets:
            feed(recorder, [packet], film.stream, parts)
            while behind and behind[0].dts_seconds < packet.dts_seconds - 2.0:
                looker.take(behind.popleft())
        recorder.finish()
        recorder.no_more_looks()

    [manifest] = parts.manifests()
    assert manifest.motion[0].t >= 5.0


def test_an_event_ends_in_time_though_detection_sleeps(tmp_path: Path, block_clip: Path) -> None:
    """A post-roll longer than the quiet minute: the looks at keyframes must do for its end."""
    film = footage(block_clip)
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(segment_seconds=60, post_roll_seconds=10))
        looker = Looker("cam", MotionConfig(), film.stream.video, recorder.look, rule=SOON)
        recording, idle = [], []
        for packet in film.packets:
            feed(recorder, [packet], film.stream, parts)
            looker.take(packet)
            if recorder.is_recording:
                recording.append(packet.dts_seconds)
                idle.append(looker.is_idle)
        recorder.finish()
        recorder.no_more_looks()

    assert idle[-1]
    assert 26.9 <= recording[-1] <= 30.1


def test_a_constant_bitrate_does_not_keep_it_awake(tmp_path: Path) -> None:
    """Its sizes rise and fall with no reason in the picture."""
    still = flashes([0.0], [60.0])[0][: 60 * FPS]
    video_format, packets = video_of(write_clip(tmp_path / "c.mp4", still, Coding(2.0, 300_000), grain=5))

    watched = Watched(video_format).take(packets)

    assert watched.moving == []
    assert len(watched.idle) >= 0.8 * 54 * FPS


def test_a_camera_that_sends_nothing_but_keyframes_is_looked_at_about_once_a_second(tmp_path: Path) -> None:
    """Looking at each of its keyframes would cost what watching does."""
    clip = make_clip(tmp_path / "c.mp4", seconds=16, gop_seconds=1 / 15, moving=[(12.1, 14)], width=320, height=180)
    video_format, packets = video_of(clip)

    watched = Watched(video_format).take(packets)
    times = [look.t for look in watched.seen if 6.5 <= look.t < 11.7]  # beside waking

    assert np.diff(times).min() >= 0.79
    assert watched.moving[0] == pytest.approx(12.3, abs=0.3)


LENGTHS = [0.4, 0.7, 1.0, 1.3, 2.3, 3.1]
PAUSES = [22.3, 14.8, 17.9, 21.1, 26.4, 24.7]


@pytest.mark.parametrize("bit_rate", [None, 500_000])
@pytest.mark.parametrize("gop", [1.0, 2.0])
def test_nobody_who_shows_for_two_seconds_is_missed(tmp_path: Path, gop: float, bit_rate: int | None) -> None:
    """Whatever the camera does with its bitrate. Shorter ones are found too where packets grow with them."""
    frames, begins = flashes(LENGTHS, PAUSES)
    video_format, packets = video_of(write_clip(tmp_path / "c.mp4", frames, Coding(gop, bit_rate)))

    moving = Watched(video_format).take(packets).moving

    found = [any(begin <= t <= begin + length for t in moving) for begin, length in zip(begins, LENGTHS, strict=True)]
    assert found[4:] == [True, True]
    if bit_rate is None:
        assert all(found)
    assert all(
        any(begin <= t <= begin + length + 0.5 for begin, length in zip(begins, LENGTHS, strict=True)) for t in moving
    )


def clips_with_people(media_dir: Path) -> Iterator[Path]:
    for name in ("classroom.gif", "head-pose-face-detection-female-and-male.gif", "vtest.mp4", "night-walk.mp4"):
        yield media_dir / "videos" / name


@pytest.mark.parametrize("gop", [1.0, 2.0])
def test_no_real_event_of_two_seconds_is_missed(tmp_path: Path, media_dir: Path, gop: float) -> None:
    """The rest of the clips, and the figures, are in `make bench`."""
    for clip in clips_with_people(media_dir):
        frames = chain.from_iterable(paused(frames_of(clip, until=6), pause) for pause in (9.3, 22.1))
        video_format, packets = video_of(write_clip(tmp_path / "c.mp4", frames, Coding(gop)))

        watched = Watched(video_format).take(packets)
        always = Watched(video_format, MotionConfig(idle=False)).take(packets)

        long = [(begin, end) for begin, end in events(always.moving) if end - begin >= 2.0]
        assert long
        for begin, end in long:
            first = min((t for t in watched.moving if begin - 0.5 <= t <= end), default=None)
            assert first is not None, (clip.name, begin, end)
            assert first - begin <= 1.0, (clip.name, begin, end)
