"""The few faces of a track that are kept for its embedding."""

import numpy as np
import pytest

from face_worker.best_faces import BestFaces, Portrait, portrait_of
from tests.support.face_engines import face_at


def portrait(t: float, quality: float) -> Portrait:
    return Portrait(t, np.zeros((8, 8, 3), np.uint8), face_at((1, 1, 7, 7)), quality)


def kept(most: int, *faces: tuple[float, float]) -> list[tuple[float, float]]:
    """Of these moments and qualities, offered as a track offers them, those that are left; best first."""
    best = BestFaces(most)
    for t, quality in faces:
        if best.wants(1, t, quality):
            best.add(1, portrait(t, quality))
    return [(one.t, one.quality) for one in best.of(1)]


def test_the_best_ones_are_kept_and_no_more() -> None:
    """Memory is bounded, however long somebody stays."""
    found = kept(2, (0, 0.3), (10, 0.8), (20, 0.1), (30, 0.9), (40, 0.2))

    assert found == [(30, 0.9), (10, 0.8)]


def test_of_faces_alike_those_of_other_moments_are_kept() -> None:
    """Five looks within a second are one look: light and pose are the same."""
    found = kept(3, (0, 0.80), (0.1, 0.79), (0.2, 0.78), (5, 0.6), (9, 0.5))

    assert sorted(t for t, _ in found) == [0, 5, 9]


def test_a_much_better_face_beside_a_good_one_is_kept() -> None:
    """Spreading in time must not keep a blurred face for a sharp one."""
    assert kept(2, (0, 0.9), (0.5, 0.8), (5, 0.1)) == [(0, 0.9), (0.5, 0.8)]


def test_tracks_have_their_own_faces() -> None:
    """One embedding made of two people is nobody's."""
    best = BestFaces(1)
    best.add(1, portrait(0, 0.5))
    best.add(2, portrait(0, 0.9))

    assert [one.quality for one in best.of(1)] == [0.5]
    assert best.of(3) == []


def test_a_face_that_would_be_dropped_at_once_is_not_wanted() -> None:
    """Cutting faces out of frames costs more than asking."""
    best = BestFaces(1)
    best.add(1, portrait(0, 0.5))

    assert not best.wants(1, 0.1, 0.4)
    assert best.wants(1, 0.1, 0.6)


def test_a_portrait_shows_the_face_where_it_says_it_is() -> None:
    """The landmarks are what the face is aligned by."""
    frame = np.zeros((200, 300, 3), np.uint8)
    frame[80:120, 100:130] = 255

    cut = portrait_of(frame, face_at((100, 80, 130, 120)), t=1.5, quality=0.5)

    x1, y1, x2, y2 = (round(side) for side in cut.face.box)
    assert (x2 - x1, y2 - y1) == (30, 40)
    assert cut.image[y1:y2, x1:x2].min() == 255
    assert cut.image.shape[:2] == (81, 71)
    assert cut.face.landmarks[2] == pytest.approx(((x1 + x2) / 2, y1 + 0.55 * 40))


def test_a_large_face_is_made_smaller() -> None:
    """The recogniser looks at 112 px; a face that fills a frame of 4K need not be kept as it is."""
    frame = np.zeros((2000, 3000, 3), np.uint8)

    cut = portrait_of(frame, face_at((500, 500, 1700, 1900)), t=0, quality=0.5)

    assert max(cut.image.shape) == 320
    assert cut.face.box[2] <= cut.image.shape[1]
    assert cut.face.size_px == pytest.approx(1200 * 320 / max(2000, 2300), rel=0.2)


def test_a_face_at_the_border_is_cut_out_as_far_as_the_frame_goes() -> None:
    """A detector's boxes reach beyond the frame."""
    frame = np.zeros((100, 100, 3), np.uint8)

    for box in ((-20, -20, 30, 30), (80, 80, 130, 130), (-30, -30, -5, -5)):
        cut = portrait_of(frame, face_at(box), t=0, quality=0.5)
        assert min(cut.image.shape[:2]) >= 1
