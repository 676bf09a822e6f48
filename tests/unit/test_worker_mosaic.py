"""Tiles: the same pixels, at the scale that a whole frame would have, and boxes back to where they came from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_utils.segments import BoxPx
from video_worker.detectors import Detection
from video_worker.mosaic import Tile, arrange, paint, sort_out
from video_worker.packing import Place
from video_worker.regions import Region, whole

CANVAS = (640, 640)
HD = (1080, 1920)


def tile(region: BoxPx, *, top: int = 0, left: int = 0, size: tuple[int, int] = (100, 200)) -> Tile:
    return Tile(0, region, Place(0, top, left), size)


@given(
    st.integers(0, 900),
    st.integers(0, 500),
    st.integers(1, 900),
    st.integers(1, 500),
    st.tuples(*[st.floats(0, 1)] * 4),
)
def test_a_box_comes_back_to_where_it_was(x: int, y: int, width: int, height: int, shares: tuple[float, ...]) -> None:
    """A box that is off by a pixel here is off by six in a frame of 4K."""
    placed, _ = arrange([(HD, [Region((x, y, x + width, y + height)), Region((0, 0, 9, 9))])], CANVAS, 1) or []
    left, right = sorted((shares[0], shares[1]))
    top, bottom = sorted((shares[2], shares[3]))
    (tall, wide), place = placed.size, placed.place
    box = (place.left + left * wide, place.top + top * tall, place.left + right * wide, place.top + bottom * tall)

    back = placed.detection_of(Detection("person", 0.5, box)).box

    assert back == pytest.approx((x + left * width, y + top * height, x + right * width, y + bottom * height), abs=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (360, 640), HD, (2160, 3840), (1920, 1080), (720, 5000)])
def test_a_whole_frame_of_any_size_fits_into_one_canvas(size: tuple[int, int]) -> None:
    """It is what is done where tiles do not work."""
    tiles = arrange([(size, [Region(whole(size))])], CANVAS, 1)

    assert tiles is not None
    assert tiles[0].size == size


def test_a_whole_frame_beside_others_has_the_scale_that_it_would_have_alone() -> None:
    """The detector fits frames into its input; in a canvas that is done for it."""
    tiles = arrange([(HD, [Region(whole(HD))]), (HD, [Region((0, 0, 300, 300))])], CANVAS, 1)

    assert tiles is not None
    assert [one.size for one in tiles] == [(360, 640), (100, 100)]


def test_a_whole_frame_that_is_alone_is_shown_as_it_is() -> None:
    """So what is found in it is exactly what the detector finds without any of this."""
    frame = np.zeros((90, 160, 3), np.uint8)
    tiles = arrange([((90, 160), [Region((0, 0, 160, 90))])], CANVAS, 1) or []

    (image,) = paint(tiles, [frame], CANVAS)

    assert image is frame


def test_a_region_has_the_scale_of_its_whole_frame() -> None:
    """So the detector sees people as large as it would see them without tiles."""
    tiles = arrange([(HD, [Region((0, 0, 300, 600), detail_px=100)])], CANVAS, 1)

    assert tiles is not None
    assert tiles[0].size == (200, 100)


def test_a_region_in_which_all_is_large_is_shown_smaller_but_not_too_small() -> None:
    """Somebody who fills the frame is recognised at a third of that size; a person beside them is not."""
    large, huge = Region((0, 0, 600, 600), detail_px=480), Region((0, 0, 1080, 1080), detail_px=1080)

    tiles = arrange([(HD, [large]), (HD, [huge])], CANVAS, 1)

    assert tiles is not None
    assert [one.size for one in tiles] == [(150, 150), (180, 180)]


def test_tiles_show_the_pixels_of_their_regions_and_nothing_else() -> None:
    """Height is a multiple of 32: a model of any input size has no more to do than it must."""
    frame = np.zeros((640, 640, 3), np.uint8)
    frame[100:200, 300:400] = (10, 20, 30)
    tiles = arrange([((640, 640), [Region((300, 100, 400, 200))])], CANVAS, 1) or []

    (image,) = paint(tiles, [frame], CANVAS)

    assert image.shape == (128, 640, 3)
    assert (image[:100, :100] == (10, 20, 30)).all()
    assert (image[100:] == 114).all()
    assert (image[:, 100:] == 114).all()


def test_each_frame_gives_its_own_pixels() -> None:
    """Tiles of several frames lie in one canvas."""
    frames = [np.full((640, 640, 3), shade, np.uint8) for shade in (50, 200)]
    tiles = arrange([((640, 640), [Region((0, 0, 64, 64))]) for _ in frames], CANVAS, 1) or []

    (image,) = paint(tiles, frames, CANVAS)

    shown = [image[one.place.top : one.place.top + 64, one.place.left : one.place.left + 64] for one in tiles]
    assert [np.unique(part).tolist() for part in shown] == [[50], [200]]


def test_a_detection_belongs_to_the_tile_that_holds_its_centre() -> None:
    """What is found in a gutter is an edge between two tiles, not an object."""
    first, second = tile((0, 0, 200, 100)), tile((500, 500, 700, 600), left=220)
    found = [Detection("cat", 0.9, (230, 10, 250, 30)), Detection("dog", 0.9, (204, 10, 214, 30))]

    sorted_out = sort_out(found, [first, second])

    assert sorted_out == [(second, Detection("cat", 0.9, (510, 510, 530, 530)))]


def test_boxes_end_at_the_border_of_their_region() -> None:
    """Beyond it lies another frame."""
    found = tile((500, 500, 700, 600)).detection_of(Detection("cat", 0.9, (-5, 10, 210, 130)))

    assert found.box == (500, 510, 700, 600)


@pytest.mark.parametrize(
    ("region", "box", "cut"),
    [
        ((500, 500, 700, 600), (501, 520, 600, 580), True),
        ((500, 500, 700, 600), (600, 520, 699, 580), True),
        ((500, 500, 700, 600), (550, 500, 600, 580), True),
        ((500, 500, 700, 600), (550, 520, 600, 600), True),
        ((500, 500, 700, 600), (510, 510, 690, 590), False),
        ((0, 0, 200, 100), (0, 0, 100, 90), False),
        ((1720, 980, 1920, 1080), (1800, 1000, 1920, 1080), False),
    ],
)
def test_a_box_at_a_border_is_cut_unless_the_frame_ends_there(region: BoxPx, box: BoxPx, cut: bool) -> None:
    """Half a person has the wrong box; somebody who walks out of the frame has the right one."""
    assert tile(region).cuts(box, HD) is cut
