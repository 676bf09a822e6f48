"""OpenCV's built-in people detector: no weights to fetch, upright people only, far weaker than YOLOv8."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shared_utils.config.schema import ObjectsConfig
from shared_utils.models import HOG
from video_worker.detectors.base import Detection, Floats, Image
from video_worker.detectors.suppression import suppress

# Measured on clips with known people: wider costs twice the time and brings more wrong boxes than right ones.
_SEARCH_WIDTH_PX = 640
# The detector was trained on people with air around them; these parts of its box are the person.
_PERSON_IN_BOX = np.array([0.10, 0.06, 0.90, 0.94], np.float32)
# Wrong boxes have SVM margins around 0.5, people around 2. The curve puts 0.6 at 0.25, the usual least score.
_MARGIN_AT_HALF, _STEEPNESS = 1.33, 1.5


_MOST_OVERLAP = 0.5  # its boxes are loose: what overlaps more is the same person twice


class OpenCvHog:
    """The fallback when the weights of a better model are not there."""

    def __init__(self, config: ObjectsConfig) -> None:
        self._min_score, self._max_overlap = config.min_score, min(config.max_overlap, _MOST_OVERLAP)
        self._hog = cv2.HOGDescriptor()
        people: Any = cv2.HOGDescriptor.getDefaultPeopleDetector()  # type: ignore[attr-defined,unused-ignore]
        self._hog.setSVMDetector(people)

    @property
    def name(self) -> str:
        return HOG

    @property
    def labels(self) -> tuple[str, ...]:
        return ("person",)

    @property
    def input_size_px(self) -> None:
        # It searches all sizes and shapes of a frame; the edges of tiles would be people to it.
        return None

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: Image) -> list[Detection]:
        boxes, margins = self._search(image)
        scores = score_of_margin(margins)
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= self._min_score]
        kept = order[suppress(boxes[order], np.zeros(len(order), np.intp), self._max_overlap)]
        return [
            Detection("person", float(scores[number]), (x1, y1, x2, y2))
            for number, (x1, y1, x2, y2) in zip(kept, boxes[kept].tolist(), strict=True)
        ]

    def _search(self, image: Image) -> tuple[Floats, Floats]:
        """Boxes in pixels of the image, and the SVM margin of each."""
        height, width = image.shape[:2]
        scale = min(1.0, _SEARCH_WIDTH_PX / width)
        if scale < 1:
            small = (max(round(width * scale), 1), max(round(height * scale), 1))
            image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
        found, margins = self._hog.detectMultiScale(image, winStride=(8, 8), padding=(16, 16), scale=1.05)
        corners = np.asarray(found, np.float32).reshape(-1, 4)  # left, top, width, height
        boxes = np.tile(corners[:, :2], 2) + np.tile(corners[:, 2:], 2) * _PERSON_IN_BOX
        limit = np.array([width, height] * 2, np.float32)
        return np.clip(boxes / scale, 0, limit).astype(np.float32), np.asarray(margins, np.float32).reshape(-1)


def score_of_margin(margins: NDArray[Any]) -> Floats:
    """SVM margins (0 upwards, no upper end) as scores from 0 to 1."""
    return np.asarray(1 / (1 + np.exp(-_STEEPNESS * (margins - _MARGIN_AT_HALF))), np.float32)
