"""When motion detection sleeps and wakes, and what the sizes of packets say. No pictures, no decoding."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from capture_service.motion_sizes import MOST_LIMIT, MOST_PLACES, SizeWatch
from capture_service.motion_speed import MotionSpeed, SpeedRule, Waking
from capture_service.packets import Packet

FPS = 15
TICKS = 6000  # of 1/90000 s in a frame
RNG = np.random.default_rng(5)


def packet(number: int, *, is_keyframe: bool, size: int = 1000) -> Packet:
    time = number * TICKS
    return Packet("video", b"x" * size, time, time, TICKS, Fraction(1, 90000), is_keyframe, 0.0)


def stream(
    begin: float, end: float, *, gop: float = 2.0, spread: float = 0.05, factor: float = 1.0
) -> Iterator[Packet]:
    """Packets from `begin` to `end`, sizes spread at random, times a factor."""
    per_gop = round(gop * FPS)
    for number in range(round(begin * FPS), round(end * FPS)):
        is_keyframe = number % per_gop == 0
        size = 20_000 if is_keyframe else 1000 * float(np.exp(RNG.normal(0, spread))) * factor
        yield packet(number, is_keyframe=is_keyframe, size=round(size))


def asleep_at(speed: MotionSpeed, packets: Iterator[Packet], *, something_until: float = 0.0) -> float | None:
    """The time of the keyframe at which it goes to sleep, looking at every frame before."""
    for one in packets:
        speed.note(one)
        if one.is_keyframe and speed.may_sleep():
            speed.sleep()
            return one.dts_seconds
        speed.saw(one.dts_seconds, something=one.dts_seconds <= something_until)
    return None


def idle_speed() -> MotionSpeed:
    """One that went to sleep at 60 s."""
    speed = MotionSpeed(SpeedRule(), enabled=True)
    assert asleep_at(speed, stream(0, 61)) == 60.0
    return speed


def test_it_sleeps_after_a_quiet_minute() -> None:
    """Whoever has just left may come back; and the scene is well known then."""
    assert asleep_at(MotionSpeed(SpeedRule(), enabled=True), stream(0, 100)) == 60.0


def test_the_minute_begins_anew_with_every_change_seen() -> None:
    """Even a change that was not confirmed: it is no proof of peace."""
    assert asleep_at(MotionSpeed(SpeedRule(), enabled=True), stream(0, 200), something_until=31.0) == 92.0


def test_it_never_sleeps_when_told_not_to() -> None:
    """`motion.idle: false` is for whoever wants every frame looked at."""
    assert asleep_at(MotionSpeed(SpeedRule(), enabled=False), stream(0, 300)) is None


@pytest.mark.parametrize(("gop", "sleeps"), [(0.5, True), (1.0, True), (2.0, True), (4.0, False), (10.0, False)])
def test_it_sleeps_only_where_keyframes_come_often(gop: float, sleeps: bool) -> None:
    """One look every 4 s misses who crosses in 3."""
    assert (asleep_at(MotionSpeed(SpeedRule(), enabled=True), stream(0, 130, gop=gop)) is not None) == sleeps


def test_a_camera_without_a_second_keyframe_is_watched() -> None:
    """Before two keyframes have come, nothing is known of their distance; one that sends none ever has no GOP."""
    speed = MotionSpeed(SpeedRule(), enabled=True)

    assert asleep_at(speed, (packet(number, is_keyframe=number in {0, 15 * 70}) for number in range(15 * 80))) is None


def test_missing_packets_wake_it_and_restart_the_minute() -> None:
    """What was in the hole nobody knows; a detector that is behind looks like that too."""
    speed = idle_speed()
    for one in stream(62, 63):
        speed.note(one)

    why = speed.why_wake(held_since=60.0, held_bytes=0)
    speed.wake(Waking.HOLE)

    assert why is Waking.HOLE
    assert asleep_at(speed, stream(63, 140)) == 122.0


def test_a_keyframe_that_does_not_come_wakes_it() -> None:
    """The camera was set to a longer GOP: what is held must not grow without end."""
    speed = idle_speed()
    whys = []
    for number in range(60 * FPS + 1, 70 * FPS):
        speed.note(packet(number, is_keyframe=False))
        whys.append(speed.why_wake(held_since=60.0, held_bytes=0))

    woken = next(number for number, why in enumerate(whys) if why)
    assert woken / FPS == pytest.approx(2.9, abs=0.1)


def test_too_many_bytes_held_wake_it() -> None:
    """Memory is bounded whatever a camera sends."""
    speed = idle_speed()

    assert speed.why_wake(held_since=60.0, held_bytes=16 * 1024 * 1024) is None
    assert speed.why_wake(held_since=60.0, held_bytes=16 * 1024 * 1024 + 1)


def test_after_waking_for_nothing_it_sleeps_soon() -> None:
    """Each false alarm would cost a minute of decoding otherwise."""
    speed = idle_speed()
    for one in stream(60 + 1 / FPS, 62):
        speed.note(one)
    speed.wake(Waking.CHANGE)

    assert asleep_at(speed, stream(62, 100)) == 68.0


def test_after_waking_for_something_it_waits_the_whole_minute() -> None:
    """As after any motion."""
    speed = idle_speed()
    for one in stream(60 + 1 / FPS, 62):
        speed.note(one)
    speed.wake(Waking.CHANGE)
    speed.saw(61.2, something=True)

    sleeps = asleep_at(speed, stream(62, 140))

    assert sleeps is not None
    assert 121 <= sleeps <= 124


def test_a_keyframe_in_name_only_keeps_it_awake_for_long() -> None:
    """Cameras with intra refresh have none that shows a picture: trying each minute would be in vain."""
    speed = idle_speed()
    speed.keyframe_was_broken()
    speed.wake(Waking.DAMAGE)

    assert asleep_at(speed, stream(60 + 1 / FPS, 700)) == pytest.approx(660.0, abs=2.1)


def test_of_many_keyframes_not_all_are_looked_at() -> None:
    """A camera that sends nothing else (MJPEG) would be decoded whole."""
    speed = idle_speed()
    looked_at = [60.0]
    for number in range(60 * FPS + 1, 70 * FPS):
        speed.note(packet(number, is_keyframe=True))
        if speed.is_due(looked_at[-1]):
            looked_at.append(number / FPS)

    assert np.diff(looked_at).min() >= 0.8
    assert np.diff(looked_at).max() <= 0.9


def alarms(watch: SizeWatch, packets: Iterator[Packet]) -> list[float]:
    """When sizes rose, each alarm taken for a wrong one."""
    times = []
    for one in packets:
        watch.note(one, learn=True)
        if watch.rose:
            times.append(one.dts_seconds)
            watch.alarm_was(right=False, t=one.dts_seconds)
            watch.forget_rise()
    return times


@pytest.mark.parametrize("gop", [1.0, 2.0])
def test_packets_that_grow_are_noticed_within_a_quarter_of_a_second(gop: float) -> None:
    """A flash of light has gone before the next keyframe."""
    watch = SizeWatch()
    assert alarms(watch, stream(0, 60.5, gop=gop)) == []

    rose = alarms(watch, stream(60.5, 61, gop=gop, factor=1.6))

    assert rose
    assert rose[0] <= 60.75


def test_one_large_packet_is_no_rise() -> None:
    """Some cameras send a refresh now and then, and everything would be decoded for it."""
    watch = SizeWatch()
    alarms(watch, stream(0, 60.5))

    assert alarms(watch, iter([packet(908, is_keyframe=False, size=50_000)])) == []
    assert alarms(watch, stream(60.6, 62)) == []


def test_sizes_that_shrink_mean_nothing() -> None:
    """They are no reason to sleep either: nothing here could be told."""
    watch = SizeWatch()
    alarms(watch, stream(0, 60.5))

    assert alarms(watch, stream(60.5, 70, factor=0.3)) == []


def test_a_steady_pattern_within_the_gop_is_usual() -> None:
    """The first packets after a keyframe are larger with many encoders, and B-frames are small."""
    watch = SizeWatch()
    pattern = [20_000, 4000, 3000, 2000] + [900, 300] * 13

    found = alarms(
        watch,
        (
            packet(number, is_keyframe=number % 30 == 0, size=round(pattern[number % 30] * np.exp(RNG.normal(0, 0.05))))
            for number in range(120 * FPS)
        ),
    )

    assert found == []


def test_sizes_that_wander_by_themselves_alarm_ever_more_rarely() -> None:
    """A constant bitrate makes sizes wander in waves of its own; they must not keep everybody awake."""
    watch = SizeWatch()
    level, packets = 0.0, []
    for number in range(3600 * FPS):
        level = 0.97 * level + float(RNG.normal(0, 0.15))
        packets.append(packet(number, is_keyframe=number % 30 == 0, size=round(1000 * np.exp(level))))

    found = np.array(alarms(watch, iter(packets)))

    assert len(found[found <= 600]) > 0
    assert len(found[found > 1800]) <= 12
    assert watch.limit <= MOST_LIMIT


def test_so_long_after_a_keyframe_sizes_are_not_learned_any_more() -> None:
    """A camera that sends no second keyframe for days would fill the memory with places."""
    watch = SizeWatch()
    gop = MOST_PLACES + 40
    for number in range(8 * gop):
        watch.note(packet(number, is_keyframe=number % gop == 0), learn=True)

    for number in range(8 * gop, 9 * gop):
        place = number % gop
        watch.note(packet(number, is_keyframe=place == 0, size=9000 if place > MOST_PLACES else 1000), learn=True)

    assert not watch.rose


def test_an_alarm_that_was_right_makes_it_keener_again() -> None:
    """A stormy night must not blind it for the next day."""
    watch = SizeWatch()
    keen = watch.limit
    watch.alarm_was(right=False, t=10.0)
    dull = watch.limit
    watch.alarm_was(right=True, t=20.0)
    watch.alarm_was(right=True, t=30.0)

    assert dull > keen
    assert watch.limit == keen


def test_time_makes_it_keener_too() -> None:
    """Without alarms there are no right ones."""
    watch = SizeWatch()
    for _ in range(5):
        watch.alarm_was(right=False, t=0.0)
    dull = watch.limit

    alarms(watch, stream(0, 3700))

    assert watch.limit < dull / 3


def test_after_missing_packets_places_are_counted_from_the_next_keyframe() -> None:
    """The second packet after a keyframe would be compared with the twentieth."""
    watch = SizeWatch()
    alarms(watch, stream(0, 60))
    watch.skip_to_keyframe()

    for number in range(905, 925):
        watch.note(packet(number, is_keyframe=False, size=9000), learn=True)

    assert not watch.rose
