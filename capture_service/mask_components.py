"""Which pixels of a mask hang together, found only where the mask is not empty."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Window = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The 8-connected components of a mask. Number 0 is what belongs to none."""

    window: Window  # holds them all, and the margin asked for
    labels: NDArray[np.uint16]  # within the window: the number of the component at each pixel
    boxes: NDArray[np.int32]  # left, top, width, height of each in pixels of the whole mask; the first row is number 0

    def is_one(self, number: int, window: Window) -> NDArray[np.bool_]:
        """Where component `number` is within a window that lies in ours."""
        rows, columns = (
            slice(part.start - whole.start, part.stop - whole.start)
            for part, whole in zip(window, self.window, strict=True)
        )
        return np.equal(self.labels[rows, columns], number)


def components_of(mask: NDArray[Any], margin_px: int = 0) -> Components:
    """Of a mask of bytes, up to 130,000: more than 65,535 components would not have a number each.

    Labelling the whole of a usual mask costs as much as all else in a look; in what moves there is little of it.
    """
    window = window_around(cv2.boundingRect(mask), margin_px, mask.shape)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask[window], connectivity=8, ltype=cv2.CV_16U)
    boxes = stats[:, :4] + np.array([window[1].start, window[0].start, 0, 0])
    return Components(window, labels.astype(np.uint16, copy=False), np.asarray(boxes, np.int32))


def window_around(box: Any, margin_px: int, shape: tuple[int, ...]) -> Window:
    """The rows and columns of a box (left, top, width, height) and a margin, within an array of that shape."""
    left, top, width, height = (int(value) for value in box)
    rows = slice(max(0, top - margin_px), min(shape[0], top + height + margin_px))
    return rows, slice(max(0, left - margin_px), min(shape[1], left + width + margin_px))
