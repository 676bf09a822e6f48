"""What moved between two frames, and which frames are looked at as a whole."""

import numpy as np

from shared_utils.analysis.frames import Frame
from shared_utils.analysis.moved import marked
from shared_utils.segments import BoxPx, MotionLook

BOX = (10, 10, 50, 50)


def frames(*times: float) -> list[Frame]:
    return [Frame(t, np.zeros((90, 160, 3), np.uint8)) for t in times]


def look(t: float, *boxes: BoxPx, area: float = 0.05) -> MotionLook:
    return MotionLook(t=t, area=area, boxes=boxes)


def looks_until(end: float) -> list[MotionLook]:
    """Five a second, each with the same box; the first shows the most motion."""
    return [look(n / 5, BOX, area=0.05 if n else 0.5) for n in range(round(end * 5))]


def whole_at(times: list[float], looks: list[MotionLook]) -> list[float]:
    return [frame.t for frame, boxes in marked(frames(*times), looks) if boxes is None]


def test_whole_are_the_first_frame_the_last_and_one_every_few_seconds() -> None:
    """What does not move is found in these alone."""
    times = [n / 2 for n in range(21)]

    assert whole_at(times, looks_until(10.0)) == [0.0, 2.5, 5.0, 7.5, 10.0]


def test_the_frame_with_the_most_motion_is_whole() -> None:
    """Most can be seen there, and it may become the snapshot."""
    looks = [*looks_until(10.0), look(3.1, BOX, area=0.9)]

    assert 3.5 in whole_at([n / 2 for n in range(21)], looks)


def test_in_a_short_segment_several_frames_are_whole() -> None:
    """Something faint must be seen twice to be believed."""
    assert len(whole_at([n / 4 for n in range(9)], looks_until(2.0))) >= 4


def test_every_frame_is_whole_where_nothing_is_known_about_motion() -> None:
    """A salvaged or continuous recording."""
    times = [0.5, 1.5, 2.5, 3.5]

    assert whole_at(times, []) == times


def test_a_look_without_boxes_or_with_as_many_as_it_can_have_makes_its_frame_whole() -> None:
    """Nobody can say where else something moved."""
    many = [(n * 10, 0, n * 10 + 5, 5) for n in range(10)]
    looks = sorted([*looks_until(10.0), look(1.45), look(3.45, *many)], key=lambda one: one.t)

    whole = whole_at([n / 2 for n in range(21)], looks)

    assert {1.5, 3.5} <= set(whole)


def test_what_moved_since_the_frame_before_is_looked_at() -> None:
    """All of it: where somebody was is looked at as where they are."""
    looks = [look(0.0, BOX, area=0.9), look(0.6, (1, 1, 2, 2)), look(0.9, (3, 3, 4, 4)), look(9.0, BOX)]

    marks = {frame.t: boxes for frame, boxes in marked(frames(0.0, 0.5, 1.0, 1.5, 9.0), looks)}

    assert marks[1.0] == ((1, 1, 2, 2), (3, 3, 4, 4))


def test_where_nothing_moved_since_there_is_nothing_to_look_at() -> None:
    """The margin around motion is sampled, too."""
    looks = [one for one in looks_until(10.0) if not 4.0 < one.t < 7.0]

    marks = {frame.t: boxes for frame, boxes in marked(frames(*(n / 2 for n in range(21))), looks)}

    assert marks[5.5] == marks[6.0] == ()
    assert marks[3.5]
