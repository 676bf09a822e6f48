"""From the raw output of YOLOv8 to boxes: decoding and class-aware non-maximum suppression, on whole arrays."""

import numpy as np
from numpy.typing import NDArray

from video_worker.detectors.base import Floats

Indices = NDArray[np.intp]

MOST_CANDIDATES = 1000  # boxes that go into the suppression; an image full of noise must not take minutes
MOST_DETECTIONS = 300  # of one frame, as in Ultralytics


def decode(output: Floats, classes: int, min_score: float) -> tuple[Floats, Floats, Indices]:
    """Boxes (x1, y1, x2, y2 in input pixels), scores and class numbers of one frame, best first.

    `output` is (4 + classes) x anchors: centre x, centre y, width, height, then one score per class.
    """
    best = output[4 : 4 + classes].max(axis=0)
    candidates = np.flatnonzero(best > min_score)
    order = candidates[np.argsort(-best[candidates], kind="stable")][:MOST_CANDIDATES]
    centre, half = output[:2, order].T, output[2:4, order].T / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return boxes, best[order], output[4 : 4 + classes, order].argmax(axis=0)


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of every box with every other; 0 where both are empty."""
    top_left = np.maximum(boxes[:, None, :2], others[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.clip(bottom_right - top_left, 0, None), axis=2)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)[:, None] + np.prod(others[:, 2:] - others[:, :2], axis=1)
    union = areas - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32)


def suppress(boxes: Floats, classes: Indices, max_overlap: float) -> Indices:
    """Which boxes stay, given best first: one falls if it overlaps a better one of its class that stays."""
    rivals = (overlaps(boxes, boxes) > max_overlap) & (classes[:, None] == classes[None, :])
    stays = np.ones(len(boxes), dtype=bool)
    for number in range(len(boxes)):
        if stays[number]:
            stays[number + 1 :] &= ~rivals[number, number + 1 :]
    return np.flatnonzero(stays)[:MOST_DETECTIONS]
