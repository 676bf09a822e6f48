"""Models that take images of any size, as `vedette models fetch` and `export` make them."""

from pathlib import Path

import numpy as np
import pytest

from shared_utils.config.schema import ObjectsConfig
from tests.support.tiny_onnx import any_size_detector
from video_worker.detectors.onnx_yolo import OnnxYolo


@pytest.mark.parametrize(
    ("height", "width", "input_height", "input_width"),
    [(720, 1280, 384, 640), (1280, 720, 640, 384), (600, 600, 640, 640)],
)
def test_an_image_goes_in_without_needless_borders_and_boxes_come_back_in_its_own_pixels(
    tmp_path: Path, height: int, width: int, input_height: int, input_width: int
) -> None:
    """A square input would spend 40 % of the work on grey bars; a wrong shift back would move every box."""
    yolo = OnnxYolo(any_size_detector(tmp_path / "any.onnx", "thing"), ObjectsConfig(batch_size=1))
    scale = 640 / max(height, width)
    left, top = (input_width - width * scale) / 2, (input_height - height * scale) / 2

    ((found,),) = yolo.detect([np.zeros((height, width, 3), np.uint8)])

    assert found.label == "thing"
    # The model's box reaches from (1, 3) half of the input's height to the right, and half of its width down.
    assert found.box[2] == pytest.approx((1 + input_height / 2 - left) / scale, abs=1)
    assert found.box[3] == pytest.approx((3 + input_width / 2 - top) / scale, abs=1)
