"""Motion detection on real footage, judged as a recorder with 5 s of pre-roll and post-roll would record it."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from capture_service.motion import MotionSeen
from shared_utils.config.schema import MotionConfig
from tests.support.motion_clips import covered_seconds, looks_at, recorded_intervals, still_clip

VIDEOS = Path(os.environ.get("MEDIA_DIR", "")) / "videos"
ANNOTATIONS = VIDEOS / "annotations.json"

real_footage = pytest.mark.skipif(
    not os.environ.get("MEDIA_DIR") or not ANNOTATIONS.is_file(),
    reason="MEDIA_DIR names no folder with videos/annotations.json",
)


@cache
def looks_at_video(name: str) -> list[MotionSeen]:
    """Decoding takes most of the time of these tests, and several look at one video."""
    return looks_at(VIDEOS / name)


def people_in(name: str) -> list[tuple[float, float]]:
    """When people are visible, in seconds; to about half a second."""
    about: dict[str, Any] = json.loads(ANNOTATIONS.read_text())[name]
    return [(float(begin), float(end)) for begin, end in about["person_visible"]]


@real_footage
@pytest.mark.parametrize("name", ["one-by-one-person-detection.mp4", "night-walk.mp4"])
def test_every_interval_with_people_is_recorded_from_its_first_second(name: str) -> None:
    """What is not recorded is never analysed: recall comes before everything else."""
    recorded = recorded_intervals(looks_at_video(name))

    for begin, end in people_in(name):
        assert covered_seconds((begin, end), recorded) == pytest.approx(end - begin), (begin, end)


@real_footage
@pytest.mark.parametrize(
    "name",
    [
        "vtest.mp4",
        "people-walking.mp4",
        "short_hamilton_clip.mp4",
        "classroom.gif",
        "face-demographics-walking-and-pause.gif",
        "head-pose-face-detection-female-and-male.gif",
        "head-pose-face-detection-female.gif",
        "head-pose-face-detection-male.gif",
        "worker-zone-detection.gif",
    ],
)
def test_a_clip_that_always_shows_people_is_recorded_whole(name: str) -> None:
    """They are there from the first frame on: the warm-up must not cost their beginning."""
    seen = looks_at_video(name)

    whole = (seen[0].t, seen[-1].t)

    assert covered_seconds(whole, recorded_intervals(seen)) == pytest.approx(whole[1] - whole[0])


@real_footage
def test_somebody_who_stands_nearly_still_stays_in_the_event() -> None:
    """Six people stand at a table for up to 20 s: no pause that the post-roll would not bridge by far."""
    times = [look.t for look in looks_at_video("one-by-one-person-detection.mp4") if look.moving]

    for begin, end in people_in("one-by-one-person-detection.mp4"):
        inside = [begin, *(t for t in times if begin <= t <= end), end]
        assert max(np.diff(inside)) <= 1.5, (begin, end)


@real_footage
def test_the_empty_room_between_two_people_is_seen_as_empty() -> None:
    """A ghost where somebody stood would glue all events of a day together."""
    seen = looks_at_video("one-by-one-person-detection.mp4")
    empty = json.loads(ANNOTATIONS.read_text())["one-by-one-person-detection.mp4"]["empty"]

    within = [look.moving for look in seen for begin, end in empty if begin + 1 <= look.t <= end - 1]

    assert sum(within) <= 0.25 * len(within)


@real_footage
def test_a_jump_of_a_real_cameras_exposure_records_nothing() -> None:
    """A garden on a day of clouds would be recorded all day."""
    assert [look.t for look in looks_at_video("negative-brightness-change.avi") if look.moving] == []


@real_footage
def test_cars_are_seen_as_long_as_they_are_there() -> None:
    """Motion is not only people; and the empty road between them is not motion."""
    times = [look.t for look in looks_at_video("negative-car-detection.mp4") if look.moving]

    assert [t for t in times if 5.0 <= t <= 8.0]
    assert [t for t in times if 15.0 <= t <= 18.0]
    assert not [t for t in times if t <= 4.0 or 10.0 <= t <= 14.0]


@pytest.mark.parametrize("idle", [False, True])
def test_five_minutes_of_a_still_night_record_nothing(tmp_path: Path, idle: bool) -> None:
    """Strong grain, little light, a low bit rate with a pumping picture: nobody wants to see that, at either speed."""
    clip = still_clip(
        tmp_path / "night.mp4", seconds=300, grain=10, brightness=0.3, bit_rate=150_000, fps=5, size=(480, 270)
    )

    seen = looks_at(clip, MotionConfig(idle=idle))

    assert recorded_intervals(seen) == []
    assert (len(seen) < 500) == idle
