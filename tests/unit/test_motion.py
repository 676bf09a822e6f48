"""What counts as motion and what does not, on pictures made for the purpose."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from capture_service.motion import MotionDetector, MotionSeen, look_size
from shared_utils.config.schema import MotionConfig
from tests.support.clips import room

WIDTH, HEIGHT = 480, 270
LOOKS_PER_SECOND = 5
ROOM = room(WIDTH, HEIGHT)[:, :, 0].astype(np.float32)

GRAIN = np.random.default_rng(5).normal(0, 1, (7, HEIGHT, WIDTH)).astype(np.float32)

Picture = NDArray[np.float32]
Scenario = Callable[[float], Picture]


def watch(
    scenario: Scenario, *, until: float, settings: MotionConfig | None = None, noise: float = 1.5, start: float = 0.0
) -> list[MotionSeen]:
    """Every look at a scenario, which gives the picture at a time, with grain on it."""
    detector = MotionDetector(settings or MotionConfig(), WIDTH, HEIGHT)
    seen = []
    for number in range(round(until * LOOKS_PER_SECOND)):
        t = number / LOOKS_PER_SECOND
        picture = np.clip(scenario(t) + noise * grain_of(number), 0, 255).astype(np.uint8)
        seen.append(detector.look(picture, start + t))
    return seen


def grain_of(number: int) -> Picture:
    """Fresh grain costs more than the look at it, so a few pictures of it are shifted about."""
    return np.roll(GRAIN[number % len(GRAIN)], (number * 37, number * 101), (0, 1))


def person(picture: Picture, x: float, *, y: float = 90, width: int = 24, height: int = 70) -> Picture:
    """Somebody with a dark jacket, a light face and light shoes, his left edge at `x`."""
    with_person = picture.copy()
    left, top = round(x), round(y)
    body = with_person[top : top + height, max(0, left) : max(0, left + width)]
    body[:] = 35
    body[: height // 6] = 200
    body[-height // 10 :] = 220
    return with_person


def walking(t: float, since: float = 0.0, speed: float = 40.0) -> Picture:
    return person(ROOM, 20 + (t - since) * speed)


def textile(contrast: float) -> Picture:
    """The structure of a surface, like grass or cloth: patches of 6 pixels."""
    patches = np.random.default_rng(3).normal(0, contrast, (HEIGHT // 6, WIDTH // 6))
    return patches.repeat(6, 0).repeat(6, 1).astype(np.float32)


def moving_times(seen: Iterable[MotionSeen]) -> list[float]:
    return [look.t for look in seen if look.moving]


@pytest.mark.parametrize("noise", [0.0, 2.0, 8.0, 20.0])
def test_a_still_scene_does_not_move_however_grainy_it_is(noise: float) -> None:
    """At night the sensor's noise would otherwise record until the disk is full."""
    assert moving_times(watch(lambda _t: ROOM, until=30, noise=noise)) == []


def test_somebody_walking_is_seen_at_once_and_where_he_is() -> None:
    """The second look confirms the first: within half a second of entering."""
    seen = watch(lambda t: walking(t, since=5) if t >= 5 else ROOM, until=9)

    moving = [look for look in seen if look.moving]
    assert 5.0 < moving[0].t <= 5.6
    assert moving[-1].t == seen[-1].t
    for look in moving:
        x = 20 + (look.t - 5) * 40
        left, top, right, bottom = look.boxes[0]
        assert left <= x + 4
        assert right >= x + 20
        assert top <= 95
        assert bottom >= 150
        assert (right - left) * (bottom - top) < 6 * 24 * 70


def test_boxes_are_pixels_of_the_full_picture() -> None:
    """They are drawn on the recording and cut from it, which have the camera's size and not ours."""
    detector = MotionDetector(MotionConfig(), 1920, 1080)
    rng = np.random.default_rng(1)
    for number in range(20):
        small = walking(number / 5, since=2) if number >= 10 else ROOM
        full = np.repeat(np.repeat(small, 4, axis=0), 4, axis=1) + rng.normal(0, 1, (1080, 1920))
        look = detector.look(np.clip(full, 0, 255).astype(np.uint8), number / 5)

    left, top, right, bottom = look.boxes[0]
    x = 4 * (20 + (19 / 5 - 2) * 40)
    assert look.moving
    assert left == pytest.approx(x, abs=60)
    assert right == pytest.approx(x + 96, abs=60)
    assert top == pytest.approx(360, abs=40)
    assert bottom == pytest.approx(640, abs=40)


def test_somebody_who_is_there_from_the_start_is_seen_soon_after() -> None:
    """A camera that is switched on while somebody walks by still records him: the pre-roll reaches back."""
    assert moving_times(watch(walking, until=4))[0] <= 2.0


def test_somebody_who_gestures_from_the_start_is_not_taken_for_noise() -> None:
    """The noise of the scene is learned while he moves; learned from him, it would hide him."""

    def scenario(t: float) -> Picture:
        return person(ROOM, 200 + 10 * np.sin(t * 6))

    times = moving_times(watch(scenario, until=10))

    assert times[0] <= 2.0
    assert max(np.diff(times)) <= 1.0


def test_nothing_moves_while_the_background_forms() -> None:
    """Without a background everything would be new."""
    assert [look.t for look in watch(walking, until=1) if look.moving or look.boxes] == []


def test_a_mask_hides_motion_and_only_there() -> None:
    """A street behind the garden fence is nobody's business; the garden is."""
    upper_half = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.65), (0.0, 0.65))
    settings = MotionConfig(masks=(upper_half,))

    def scenario(y: float) -> Scenario:
        return lambda t: person(ROOM, 20 + t * 30, y=y) if t >= 3 else ROOM

    assert moving_times(watch(scenario(40), until=8, settings=settings)) == []
    assert moving_times(watch(scenario(190), until=8, settings=settings))


def test_min_area_decides_what_is_too_small() -> None:
    """A bird is no burglar; whoever wants birds sets it lower."""

    def bird(t: float) -> Picture:
        return person(ROOM, 20 + t * 30, width=10, height=10) if t >= 3 else ROOM

    assert moving_times(watch(bird, until=8)) == []
    assert moving_times(watch(bird, until=8, settings=MotionConfig(min_area=0.0004)))


def test_the_ticking_clock_of_the_camera_does_not_count() -> None:
    """Nearly every camera writes the time into its picture."""

    def clock(t: float) -> Picture:
        picture = ROOM.copy()
        digits = f"{12 * 3600 + 59 * 60 + 50 + int(t):06d}"
        for place, digit in enumerate(digits):
            rng = np.random.default_rng(int(digit))
            picture[8:18, 10 + 8 * place : 16 + 8 * place] = rng.choice([0, 255], (5, 3)).repeat(2, 0).repeat(2, 1)
        return picture

    assert moving_times(watch(clock, until=40)) == []


def test_a_flash_of_one_look_does_not_count() -> None:
    """Two of three looks must agree: a lightning, a reflex, a broken frame are one."""

    def scenario(t: float) -> Picture:
        return person(ROOM, 100) if 5.0 <= t < 5.1 or 9.0 <= t < 9.1 else ROOM

    seen = watch(scenario, until=12)

    assert moving_times(seen) == []
    assert any(look.boxes for look in seen)


@pytest.mark.parametrize(
    ("gain", "offset"), [(1.0, 35.0), (1.0, -40.0), (1.4, 0.0), (0.6, 0.0), (1.3, -30.0), (0.3, 5.0)]
)
def test_a_jump_of_the_exposure_is_no_motion(gain: float, offset: float) -> None:
    """A cloud, a lamp, the camera's own exposure: most of the picture changes alike."""
    seen = watch(lambda t: ROOM * gain + offset if t >= 5 else ROOM, until=12)

    assert moving_times(seen) == []


def test_a_picture_turned_into_another_one_is_learned_anew() -> None:
    """The IR filter clicks, the camera is turned: it must not record the rest of the night."""
    other = room(WIDTH, HEIGHT, seed=99)[:, :, 0].astype(np.float32) * 0.6 + textile(40)

    assert moving_times(watch(lambda t: other if t >= 5 else ROOM, until=40)) == []


def test_an_exposure_that_hunts_is_no_motion() -> None:
    """Cameras overshoot: brighter within a second, back, and brighter again."""

    def scenario(t: float) -> Picture:
        return np.clip(ROOM * (1 + 0.5 * np.sin((t - 5) * 2) * np.exp(-(t - 5) / 4)), 0, 255) if t >= 5 else ROOM

    assert moving_times(watch(scenario, until=20)) == []


def test_a_lamp_that_lights_part_of_the_room_is_no_motion() -> None:
    """The structure under the light stays the same."""
    lamp = np.ones((HEIGHT, WIDTH), np.float32)
    lamp[60:220, 240:420] = 1.35
    grained = ROOM + textile(12)

    seen = watch(lambda t: grained * lamp if t >= 5 else grained, until=15)

    assert moving_times(seen) == []


@pytest.mark.parametrize("entering", [5.2, 5.6, 7.0])
def test_somebody_who_comes_in_with_the_light_is_seen(entering: float) -> None:
    """Who switches the light on usually walks in: the very moment that must not be missed."""

    def scenario(t: float) -> Picture:
        picture = walking(t, since=entering) if t >= entering else ROOM
        return picture * 1.3 + 20 if t >= 5 else picture * 0.5

    times = moving_times(watch(scenario, until=11))

    assert times
    assert entering <= times[0] <= entering + 1.0


def test_daylight_that_comes_slowly_is_no_motion() -> None:
    """Dawn takes minutes and changes everything."""
    assert moving_times(watch(lambda t: ROOM * (0.3 + t / 100), until=60)) == []


def test_a_parked_car_becomes_background() -> None:
    """It arrives: motion. It stands: background, after a while. It leaves: motion, and its place does not stay one."""

    def scenario(t: float) -> Picture:
        if t < 5 or t >= 63:
            return ROOM
        x = min(200.0, 20 + (t - 5) * 60) if t < 60 else 200 + (t - 60) * 90
        return person(ROOM, x, y=120, width=120, height=60)

    times = moving_times(watch(scenario, until=100))

    assert [t for t in times if t <= 8]
    assert not [t for t in times if 30 <= t < 60]
    assert [t for t in times if 60 <= t <= 62]
    assert not [t for t in times if t >= 85]


def test_somebody_who_stands_and_stirs_a_little_stays_in_the_event() -> None:
    """He shifts his weight every few seconds; the recording must not end around him."""

    def scenario(t: float) -> Picture:
        if t < 5:
            return ROOM
        return person(ROOM, min(200.0, 20 + (t - 5) * 60) + (2 if int(t / 4) % 2 else 0))

    times = moving_times(watch(scenario, until=45))

    assert max(np.diff(times)) <= 1.0
    assert times[-1] >= 44.0


def test_somebody_who_was_there_first_leaves_no_ghost() -> None:
    """He was taken for background; his place must not be motion long after he left it."""

    def scenario(t: float) -> Picture:
        if t < 10:
            return person(ROOM, 200)
        return person(ROOM, 200 + (t - 10) * 60) if t < 14 else ROOM

    times = moving_times(watch(scenario, until=30))

    assert 10 <= times[0] <= 11
    assert [t for t in times if 13 <= t < 14]
    assert not [t for t in times if t >= 16]


def test_something_that_fills_the_picture_and_keeps_moving_is_motion() -> None:
    """A hand over the lens, an animal before it: no background is right, and it is certainly not the light."""

    def scenario(t: float) -> Picture:
        if t < 5:
            return ROOM
        return np.roll(ROOM + textile(40), round(t * 70), axis=1)

    assert moving_times(watch(scenario, until=9))


def test_a_new_beginning_of_time_is_a_new_scene() -> None:
    """After a reconnect the camera counts from zero; what was before is no background for it."""
    detector = MotionDetector(MotionConfig(), WIDTH, HEIGHT)
    other = room(WIDTH, HEIGHT, seed=99)[:, :, 0]
    for number in range(50):
        detector.look(ROOM.astype(np.uint8), 1000 + number / 5)

    seen = [detector.look(other, number / 5) for number in range(25)]

    assert moving_times(seen) == []


def test_there_are_never_many_boxes() -> None:
    """A manifest holds the boxes of every look: snowfall must not make it larger than the video."""

    def scenario(t: float) -> Picture:
        picture = ROOM.copy()
        if t >= 3:
            for number in range(60):
                rng = np.random.default_rng(number)
                x, y = (int(rng.integers(0, WIDTH)) + int(t * 25)) % WIDTH, int(rng.integers(0, HEIGHT))
                picture[y : y + 9, x : x + 9] = 250
        return picture

    seen = watch(scenario, until=6, settings=MotionConfig(min_area=0.0002))

    assert 1 <= max(len(look.boxes) for look in seen) <= 10


def test_moving_means_at_least_one_box_and_an_area() -> None:
    """The manifest keeps looks with boxes; a moving look without one would be lost there."""
    for look in watch(walking, until=6):
        assert bool(look.boxes) == (look.area > 0)
        assert look.boxes or not look.moving
        assert 0 <= look.area <= 1


@pytest.mark.parametrize(
    ("width", "height"), [(1920, 1080), (640, 480), (1080, 1920), (2560, 720), (320, 180), (960, 1080)]
)
def test_pictures_of_any_shape_keep_it(width: int, height: int) -> None:
    """A person squeezed to a stick would fall below the smallest area."""
    small_width, small_height = look_size(width, height)

    assert small_width / small_height == pytest.approx(width / height, rel=0.02)
    assert small_width * small_height <= 480 * 270 * 1.02
