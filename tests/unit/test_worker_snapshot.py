"""The frame that people see first of a segment."""

from pathlib import Path

import cv2
import numpy as np

from shared_utils.analysis.frames import Frame
from shared_utils.analysis.tracking import Sighting, Track
from video_worker.detectors import Detection
from video_worker.snapshot import draw, write_snapshot


def frame(width: int = 1280, height: int = 720) -> Frame:
    return Frame(2.0, np.full((height, width, 3), 90, np.uint8))


def track(box: tuple[float, float, float, float], t: float = 2.0) -> Track:
    return Track(1, [Sighting(t, Detection("person", 0.87, box))])


def changed(before: Frame, after: np.ndarray) -> tuple[int, int, int, int]:
    """The smallest box around everything that was drawn."""
    rows, columns = np.nonzero((after != before.image).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_a_box_is_drawn_around_the_object_with_its_tag_above() -> None:
    """The object itself must stay visible."""
    scene = frame()

    drawn = draw(scene, [track((400, 300, 600, 700))])

    left, top, right, bottom = changed(scene, drawn)
    assert 394 <= left <= 400
    assert 255 <= top < 290
    assert 600 <= right <= 606
    assert 700 <= bottom <= 706
    assert (drawn[320:680, 420:580] == 90).all()


def test_the_tag_of_an_object_at_the_edge_stays_in_the_frame() -> None:
    """People enter a frame at its edge, where half a tag says nothing."""
    scene = frame()

    drawn = draw(scene, [track((1260, 0, 1280, 200))])

    left, top, _, _ = changed(scene, drawn)
    assert left < 1260 - 60
    assert top == 0


def test_objects_of_other_moments_are_not_drawn() -> None:
    """Their boxes would stand around nothing."""
    scene = frame()

    assert (draw(scene, [track((400, 300, 600, 700), t=1.0)]) == scene.image).all()


def test_the_frame_itself_is_left_as_it_was() -> None:
    """Whoever else looks at it must not see boxes."""
    scene = frame()

    draw(scene, [track((400, 300, 600, 700))])

    assert (scene.image == 90).all()


def test_a_4k_frame_is_made_smaller_with_its_boxes(tmp_path: Path) -> None:
    """A page of a hundred snapshots has to load over a mobile phone."""
    path = tmp_path / "front" / "2026-11-20" / "snapshot.jpg"

    write_snapshot(path, frame(3840, 2160), [track((1000, 1000, 2000, 2000))])

    snapshot = cv2.imread(str(path))
    assert snapshot is not None
    assert snapshot.shape == (1080, 1920, 3)
    assert abs(int(snapshot[750, 750].mean()) - 90) < 5
    assert abs(int(snapshot[750, 500].mean()) - 90) > 20
    assert [entry.name for entry in path.parent.iterdir()] == ["snapshot.jpg"]
