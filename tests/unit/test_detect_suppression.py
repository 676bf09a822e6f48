"""Decoding of raw YOLOv8 output and non-maximum suppression, against the plain way of doing it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from video_worker.detectors.base import Floats
from video_worker.detectors.suppression import MOST_DETECTIONS, decode, overlaps, suppress

CORNERS = st.integers(min_value=0, max_value=60)


@st.composite
def boxes_and_classes(draw: st.DrawFn) -> tuple[Floats, list[int]]:
    count = draw(st.integers(min_value=0, max_value=25))
    corners = draw(hnp.arrays(np.int64, (count, 2), elements=CORNERS))
    sizes = draw(hnp.arrays(np.int64, (count, 2), elements=st.integers(min_value=0, max_value=40)))
    classes = draw(st.lists(st.integers(min_value=0, max_value=2), min_size=count, max_size=count))
    return np.concatenate([corners, corners + sizes], axis=1).astype(np.float32), classes


def plain_overlap(one: Floats, other: Floats) -> Fraction:
    """Exact, so that boxes which overlap by just the limit are decided by the rule and not by rounding."""
    left, top, right, bottom = (int(side) for side in one)
    other_left, other_top, other_right, other_bottom = (int(side) for side in other)
    width = min(right, other_right) - max(left, other_left)
    height = min(bottom, other_bottom) - max(top, other_top)
    shared = max(width, 0) * max(height, 0)
    union = (right - left) * (bottom - top) + (other_right - other_left) * (other_bottom - other_top) - shared
    return Fraction(shared, union) if union > 0 else Fraction(0)


def plain_suppression(boxes: Floats, classes: list[int], max_overlap: Fraction) -> list[int]:
    kept: list[int] = []
    for number in range(len(boxes)):
        rivals = [other for other in kept if classes[other] == classes[number]]
        if all(plain_overlap(boxes[other], boxes[number]) <= max_overlap for other in rivals):
            kept.append(number)
    return kept


JUST_THE_LIMIT = np.array([[17, 0, 40, 23], [0, 0, 23, 23]], np.float32), [0, 0]  # 138 of 920 pixels: 0.15


@settings(max_examples=200)
@given(scene=boxes_and_classes(), max_overlap=st.sampled_from(["0.15", "0.45", "0.7"]).map(Fraction))
@example(scene=JUST_THE_LIMIT, max_overlap=Fraction("0.15"))
def test_suppression_keeps_what_the_plain_way_keeps(scene: tuple[Floats, list[int]], max_overlap: Fraction) -> None:
    """The fast way is worth nothing if it keeps a double, or drops a second person."""
    boxes, classes = scene

    kept = suppress(boxes, np.array(classes, np.intp), float(max_overlap))

    assert kept.tolist() == plain_suppression(boxes, classes, max_overlap)


def test_a_box_that_fell_makes_no_other_fall() -> None:
    """Of three people in a row the outer two stay, although both overlap the one between them."""
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)

    kept = suppress(boxes, np.zeros(3, np.intp), max_overlap=0.4)

    assert kept.tolist() == [0, 2]


def test_objects_of_different_classes_may_share_a_place() -> None:
    """A person on a bicycle is two objects."""
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10]], np.float32)

    kept = suppress(boxes, np.array([0, 1]), max_overlap=0.5)

    assert kept.tolist() == [0, 1]


def test_overlaps_of_empty_boxes_are_zero() -> None:
    """Divided by zero they would be NaN, which compares as no overlap here and as one there."""
    nothing = np.array([[5, 5, 5, 5]], np.float32)

    assert overlaps(nothing, nothing).tolist() == [[0.0]]


def raw_output(anchors: list[tuple[float, float, float, float, list[float]]]) -> Floats:
    return np.array([[*box, *scores] for *box, scores in anchors], np.float32).T


def test_decoding_gives_corners_best_class_and_best_score_first() -> None:
    """The model speaks of centres and sizes, the log of corners."""
    output = raw_output([(50, 40, 20, 10, [0.1, 0.6]), (10, 10, 4, 8, [0.9, 0.2]), (5, 5, 2, 2, [0.2, 0.1])])

    boxes, scores, classes = decode(output, classes=2, min_score=0.25)

    assert boxes.tolist() == [[8, 6, 12, 14], [40, 35, 60, 45]]
    assert scores.tolist() == pytest.approx([0.9, 0.6])
    assert classes.tolist() == [0, 1]


def test_an_image_without_objects_decodes_to_nothing() -> None:
    """Most frames of a camera are empty."""
    output = raw_output([(5, 5, 2, 2, [0.2, 0.1])])

    boxes, scores, classes = decode(output, classes=2, min_score=0.25)

    assert boxes.shape == (0, 4)
    assert suppress(boxes, classes, 0.5).tolist() == scores.tolist() == []


def test_an_image_full_of_noise_costs_a_bounded_number_of_boxes() -> None:
    """A model gone wild must not fill the log, or take minutes."""
    anchors = 8400
    places = np.random.default_rng(1).uniform(0, 600, (2, anchors))
    output = np.concatenate([places, np.full((2, anchors), 4.0), np.full((3, anchors), 0.9)]).astype(np.float32)

    boxes, _, classes = decode(output, classes=3, min_score=0.25)
    kept = suppress(boxes, classes, 0.7)

    assert len(kept) == MOST_DETECTIONS
