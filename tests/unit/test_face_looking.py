"""Where faces are looked for, and how closely."""

from collections.abc import Sequence

import numpy as np
import pytest

from face_worker.looking import Eye, Looked, look_for_faces, region_to_look_at
from shared_utils.analysis.detections import Box, Image
from shared_utils.analysis.frames import Frame
from shared_utils.segments import BoxPx, MotionLook
from tests.support.face_engines import BlockEngine

HEIGHT, WIDTH = 360, 640
SIZE = (HEIGHT, WIDTH)
WHOLE = (0, 0, WIDTH, HEIGHT)


def picture(*faces: BoxPx) -> Image:
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for x1, y1, x2, y2 in faces:
        image[y1:y2, x1:x2] = 250
    return image


def looked(frames: Sequence[tuple[Image, BoxPx]], engine: BlockEngine, least_face_px: float = 16) -> list[Looked]:
    """Frames, four a second, each with the box of what moved before it; the middle one is the liveliest."""
    middle = len(frames) // 2
    looks = [
        MotionLook(t=number / 4, area=0.9 if number == middle else 0.01, boxes=(box,))
        for number, (_, box) in enumerate(frames)
    ]
    images = [Frame(number / 4, image) for number, (image, _) in enumerate(frames)]
    return list(look_for_faces(images, looks, Eye(engine, least_face_px, 640)))


def test_a_region_holds_what_moved_and_its_surroundings() -> None:
    """The box of a moving shoulder alone would cut off the head above it."""
    region = region_to_look_at([(100, 100, 140, 180)], [], SIZE)

    assert region is not None
    assert region[0] < 80
    assert region[1] < 80
    assert region[2] > 160
    assert region[3] > 200


def test_one_region_holds_all_that_moved() -> None:
    """Two people far apart cost one look, not two with seams between them."""
    region = region_to_look_at([(100, 100, 140, 140), (300, 120, 330, 160)], [], SIZE)

    assert region is not None
    assert region[0] < 100
    assert region[2] > 330


def test_a_known_face_that_is_touched_by_motion_is_in_the_region_as_a_whole() -> None:
    """A face cut in two is not found, and its track would break."""
    known: Box = (130.0, 20.0, 190.0, 100.0)

    region = region_to_look_at([(100, 90, 140, 180)], [known], SIZE)

    assert region is not None
    assert region[1] <= 20
    assert region[2] >= 190


@pytest.mark.parametrize(
    ("moved", "region"),
    [
        (None, WHOLE),  # not known what moved
        ([], None),
        ([(10, 10, 600, 350)], WHOLE),
        ([(700, 400, 900, 500)], None),  # outside the frame: a manifest of another camera
        ([(50, 50, 50, 90)], None),  # empty
    ],
)
def test_a_frame_is_looked_at_whole_in_part_or_not_at_all(moved: list[BoxPx] | None, region: BoxPx | None) -> None:
    """What is not looked at costs nothing; what nobody knows must be looked at."""
    assert region_to_look_at(moved, [], SIZE) == region


def test_a_face_in_a_region_is_told_in_pixels_of_the_frame() -> None:
    """Paths and the pictures cut out of the frames would point to the wall beside the person."""
    engine = BlockEngine()
    image = picture((400, 200, 448, 248))

    (found,) = Eye(engine, 16, 640).find(image, (380, 180, 480, 280))

    assert found.box == (400.0, 200.0, 448.0, 248.0)
    assert found.landmarks.min(axis=0).tolist() == pytest.approx([400 + 0.3 * 48, 200 + 0.35 * 48], abs=0.1)


def test_the_detector_is_shown_no_more_pixels_than_the_smallest_face_needs() -> None:
    """The pixels are the bill: a face of 64 px is as plain at a quarter of the size."""
    engine = BlockEngine()

    (found,) = Eye(engine, 64, 640).find(picture((400, 200, 480, 280)), WHOLE)

    assert engine.looks == [(90, 160)]
    assert found.box == pytest.approx((400, 200, 480, 280), abs=5)


def test_nothing_larger_than_the_input_of_the_detector_is_made() -> None:
    """A frame of 4K would cost ten times as much; a part of it that moves is shown as it is."""
    engine = BlockEngine()
    eye = Eye(engine, 16, 320)

    eye.find(picture(), WHOLE)
    eye.find(picture(), (0, 0, 300, 200))

    assert engine.looks == [(180, 320), (200, 300)]


def test_a_face_where_nothing_moves_is_carried_over() -> None:
    """Somebody who stands still while others walk stays one person."""
    engine, still = BlockEngine(), (500, 50, 560, 110)
    frames = [(picture(still), (50, 300, 80, 330))] * 9

    found = looked(frames, engine)

    seen = [one for one in found if one.faces]
    carried = [one for one in found if one.carried]
    assert len(found) == 9
    assert len(seen) >= 3  # first, last, and those in between that are looked at as a whole
    assert carried
    assert all(not one.faces for one in carried)


def test_while_nobody_is_in_view_every_other_frame_is_left_out() -> None:
    """Most of what moves has no face: trees, cars, cats."""
    empty = looked([(picture(), (50, 300, 80, 330))] * 20, BlockEngine())
    somebody = looked([(picture((40, 290, 80, 340)), (50, 300, 80, 330))] * 20, BlockEngine())

    assert len(somebody) == 20
    assert len(empty) <= 14


def test_what_moved_in_a_frame_that_was_left_out_is_looked_at_with_the_next() -> None:
    """Somebody who crosses quickly has left the place where they moved first."""
    engine = BlockEngine()
    moves = [(60, 300, 80, 330), (560, 40, 580, 60)] * 10
    frames = [(picture(), box) for box in moves]

    looked(frames, engine)

    assert all(height > 200 and width > 400 for height, width in engine.looks)


def test_faces_that_are_too_small_are_left_out() -> None:
    """A face of a few pixels is like anybody's: it must not get a name."""
    engine = BlockEngine()
    frames = [(picture((40, 290, 58, 308)), (30, 280, 80, 330))] * 4

    assert any(one.faces for one in looked(frames, engine, least_face_px=16))
    assert not any(one.faces for one in looked(frames, engine, least_face_px=24))


def test_a_face_cut_by_the_border_of_a_region_is_left_out() -> None:
    """Half a face has no embedding worth the name; a face at the border of the frame may well be whole."""
    at_the_frame, inside = (0, 150, 60, 210), (200, 150, 300, 250)

    def at_half_a_second(face: BoxPx, moved: BoxPx) -> Looked:
        """Somebody appears after the first frame, which is looked at as a whole."""
        frames = [(picture(), moved), *[(picture(face), moved)] * 15]
        return next(one for one in looked(frames, BlockEngine()) if one.frame.t == 0.5)

    assert not at_half_a_second(inside, (230, 170, 240, 180)).faces
    assert at_half_a_second(at_the_frame, (0, 150, 60, 210)).faces
