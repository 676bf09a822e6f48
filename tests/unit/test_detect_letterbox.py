"""How an image is fitted into the input of a model, and boxes back into the image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_worker.detectors.letterbox import PADDING_GREY, letterbox

SIDES = st.integers(min_value=1, max_value=5000)


@pytest.mark.parametrize(
    ("image", "inner", "borders"),
    [
        ((1080, 1920), (360, 640), (140, 140, 0, 0)),
        ((1080, 810), (640, 480), (0, 0, 80, 80)),
        ((480, 640), (480, 640), (80, 80, 0, 0)),
        ((333, 500), (426, 640), (107, 107, 0, 0)),
        ((375, 500), (480, 640), (80, 80, 0, 0)),
        ((481, 641), (480, 640), (80, 80, 0, 0)),
        ((427, 641), (426, 640), (107, 107, 0, 0)),
        ((425, 640), (425, 640), (107, 108, 0, 0)),
    ],
)
def test_an_image_is_centred_in_a_square_and_the_odd_pixel_goes_below(
    image: tuple[int, int], inner: tuple[int, int], borders: tuple[int, int, int, int]
) -> None:
    """A pixel of difference to what the model was trained with moves every box and costs score."""
    placed = letterbox(image, (640, 640))

    assert (placed.height, placed.width) == inner
    assert (placed.top, placed.bottom, placed.left, placed.right) == borders


def test_a_model_of_any_input_size_gets_the_smallest_borders_that_its_stride_allows() -> None:
    """Grey borders are computed like images: of a 16:9 camera they are 44 % of a square input."""
    placed = letterbox((1080, 1920), (640, 640), stride=32)

    assert placed.input_shape == (384, 640)


def test_borders_are_grey_and_the_image_keeps_its_place() -> None:
    """The model takes any other border for part of the scene."""
    image = np.full((100, 200, 3), 7, np.uint8)

    fitted = letterbox((100, 200), (640, 640)).fit(image)

    assert fitted.shape == (640, 640, 3)
    assert (fitted[:160] == PADDING_GREY).all()
    assert (fitted[160:480] == 7).all()
    assert (fitted[480:] == PADDING_GREY).all()


@given(height=SIDES, width=SIDES, stride=st.sampled_from([None, 32]))
def test_the_whole_image_comes_back_from_the_whole_inner_part(height: int, width: int, stride: int | None) -> None:
    """Whatever the shape of the camera's image, a box must come out where the object is."""
    placed = letterbox((height, width), (640, 640), stride)
    inner = np.array([[placed.left, placed.top, placed.left + placed.width, placed.top + placed.height]], np.float32)

    restored = placed.restore(inner)

    assert placed.input_shape == (640, 640) or stride == 32
    assert all(side % 32 == 0 for side in placed.input_shape)
    np.testing.assert_allclose(restored[0], [0, 0, width, height], rtol=1e-4, atol=1e-2)


def test_boxes_are_cut_off_at_the_edge_of_the_image() -> None:
    """A box over the edge would be drawn, cropped and compared wrongly by everyone who reads the log."""
    placed = letterbox((360, 640), (640, 640))

    restored = placed.restore(np.array([[-5, 100, 700, 639]], np.float32))

    assert restored.tolist() == [[0, 0, 640, 360]]
