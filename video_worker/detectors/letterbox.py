"""Fitting a picture into the input of a model, exactly as Ultralytics does, and boxes back into the picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from video_worker.detectors.base import Floats, Picture

PADDING_GREY = 114  # what YOLOv8 was trained with


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture lies in the input: scaled to `width` x `height`, with borders around it. All in pixels."""

    picture_height: int
    picture_width: int
    height: int
    width: int
    top: int
    bottom: int
    left: int
    right: int

    @property
    def input_shape(self) -> tuple[int, int]:
        """Height and width with the borders."""
        return self.top + self.height + self.bottom, self.left + self.width + self.right

    def fit(self, picture: Picture) -> Picture:
        """The scaled picture with grey borders; the one given is left as it was."""
        if picture.shape[:2] != (self.height, self.width):
            picture = np.asarray(
                cv2.resize(picture, (self.width, self.height), interpolation=cv2.INTER_LINEAR), np.uint8
            )
        grey = (PADDING_GREY,) * 3
        bordered = cv2.copyMakeBorder(
            picture, self.top, self.bottom, self.left, self.right, cv2.BORDER_CONSTANT, value=grey
        )
        return np.asarray(bordered, np.uint8)

    def restore(self, boxes: Floats) -> Floats:
        """Boxes (n x 4: x1, y1, x2, y2) of the input as boxes of the picture, clipped to it."""
        gain_x, gain_y = self.width / self.picture_width, self.height / self.picture_height
        shift = np.array([self.left, self.top] * 2, np.float32)
        gain = np.array([gain_x, gain_y] * 2, np.float32)
        limit = np.array([self.picture_width, self.picture_height] * 2, np.float32)
        return np.asarray(np.clip((boxes - shift) / gain, 0, limit), np.float32)


def letterbox(picture: tuple[int, int], target: tuple[int, int], stride: int | None = None) -> Letterbox:
    """How a picture (height, width) fits into `target` (height, width).

    With a stride the borders are the smallest that make both sides a multiple of it: for models of any input size.
    """
    gain = min(target[0] / picture[0], target[1] / picture[1])
    height, width = (max(round(side * gain), 1) for side in picture)
    spare_y, spare_x = target[0] - height, target[1] - width
    if stride is not None:
        spare_y, spare_x = spare_y % stride, spare_x % stride
    # The 0.1 decides where the odd pixel goes: below and to the right.
    return Letterbox(
        picture_height=picture[0],
        picture_width=picture[1],
        height=height,
        width=width,
        top=round(spare_y / 2 - 0.1),
        bottom=round(spare_y / 2 + 0.1),
        left=round(spare_x / 2 - 0.1),
        right=round(spare_x / 2 + 0.1),
    )
