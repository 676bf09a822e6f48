"""Fitting an image into the input of a model, exactly as Ultralytics does, and boxes back into the image."""

from dataclasses import dataclass

import cv2
import numpy as np

from video_worker.detectors.base import Floats, Image

PADDING_GREY = 114  # what YOLOv8 was trained with


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How an image lies in the input: scaled to `width` x `height`, with borders around it. All in pixels."""

    image_height: int
    image_width: int
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

    def fit(self, image: Image) -> Image:
        """The scaled image with grey borders; the one given is left as it was."""
        if image.shape[:2] != (self.height, self.width):
            image = np.asarray(cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_LINEAR), np.uint8)
        grey = (PADDING_GREY,) * 3
        bordered = cv2.copyMakeBorder(
            image, self.top, self.bottom, self.left, self.right, cv2.BORDER_CONSTANT, value=grey
        )
        return np.asarray(bordered, np.uint8)

    def restore(self, boxes: Floats) -> Floats:
        """Boxes (n x 4: x1, y1, x2, y2) of the input as boxes of the image, clipped to it."""
        gain_x, gain_y = self.width / self.image_width, self.height / self.image_height
        shift = np.array([self.left, self.top] * 2, np.float32)
        gain = np.array([gain_x, gain_y] * 2, np.float32)
        limit = np.array([self.image_width, self.image_height] * 2, np.float32)
        return np.asarray(np.clip((boxes - shift) / gain, 0, limit), np.float32)


def letterbox(image: tuple[int, int], target: tuple[int, int], stride: int | None = None) -> Letterbox:
    """How an image (height, width) fits into `target` (height, width).

    With a stride the borders are the smallest that make both sides a multiple of it: for models of any input size.
    """
    gain = min(target[0] / image[0], target[1] / image[1])
    height, width = (max(round(side * gain), 1) for side in image)
    spare_y, spare_x = target[0] - height, target[1] - width
    if stride is not None:
        spare_y, spare_x = spare_y % stride, spare_x % stride
    # The 0.1 decides where the odd pixel goes: below and to the right.
    return Letterbox(
        image_height=image[0],
        image_width=image[1],
        height=height,
        width=width,
        top=round(spare_y / 2 - 0.1),
        bottom=round(spare_y / 2 + 0.1),
        left=round(spare_x / 2 - 0.1),
        right=round(spare_x / 2 + 0.1),
    )
