"""Real weights on tiles of real recordings: what is found in them must be what whole frames show."""

from pathlib import Path

import numpy as np
import pytest

from shared_utils.analysis.frames import frames_at
from shared_utils.analysis.sampling import Sampling
from tests.support.as_segment import as_mp4, as_segment, existing
from video_worker.analysis import analyse
from video_worker.detectors import Detection
from video_worker.detectors.onnx_yolo import OnnxYolo
from video_worker.detectors.suppression import overlaps
from video_worker.mosaic import arrange, paint, sort_out
from video_worker.regions import clipped, regions_to_look_at

SURE = 0.7


# What the plain loop over every frame of the first 30 s finds with yolov8n, same tracking and same credibility:
# labels of which one track is seen for a second in all, and those that it sees more briefly, which may be found or not.
PLAIN_LOOP: dict[str, tuple[set[str], set[str]]] = {
    "one-by-one-person-detection.mp4": ({"person", "skateboard"}, {"cat", "dog", "frisbee", "tv"}),
    "vtest.mp4": ({"car", "dog", "person", "truck"}, {"skis"}),
    "night-walk.mp4": ({"person"}, {"frisbee"}),
    "classroom.gif": ({"chair", "dining table", "person", "tv"}, set()),
    "worker-zone-detection.gif": ({"person"}, {"fire hydrant", "skateboard", "skis"}),
}


@pytest.mark.parametrize("name", list(PLAIN_LOOP))
def test_the_labels_are_those_of_the_plain_loop(yolo: OnnxYolo, media_dir: Path, tmp_path: Path, name: str) -> None:
    """A tenth of the work must not cost what people search for, nor add what nobody would see."""
    lasting, brief = PLAIN_LOOP[name]
    segment = as_segment(existing(media_dir / "videos" / name), tmp_path)

    analysis = analyse(segment, yolo, Sampling(), single_frame_score=0.5)

    labels = {track.label for track in analysis.tracks}
    assert lasting <= labels <= lasting | brief


@pytest.mark.parametrize(
    ("name", "t"),
    [
        ("vtest.mp4", 5.0),
        ("vtest.mp4", 25.0),
        ("one-by-one-person-detection.mp4", 12.0),
        ("night-walk.mp4", 12.0),
        ("worker-zone-detection.gif", 2.0),
    ],
)
def test_boxes_in_tiles_are_those_in_the_whole_frame(
    yolo: OnnxYolo, media_dir: Path, tmp_path: Path, name: str, t: float
) -> None:
    """A mistake in the way back shows as boxes that are a little off; too little air around people, as lost ones."""
    (frame,) = frames_at(as_mp4(existing(media_dir / "videos" / name), tmp_path), [t])
    (in_whole,) = yolo.detect([frame.image])
    people = [one for one in in_whole if one.label == "person" and one.score >= SURE]
    size = frame.image.shape[0], frame.image.shape[1]
    moved = [moved for one in people if (moved := clipped(one.box, size))]

    regions = regions_to_look_at(moved, [], size)
    tiles = arrange([(size, regions)], (640, 640), 1) or []
    (image,) = paint(tiles, [frame.image], (640, 640))
    in_tiles = [found for _, found in sort_out(yolo.detect([image])[0], tiles)]

    assert people
    assert image.shape != frame.image.shape
    assert all(best_overlap(one, in_tiles) > 0.8 for one in people)


def best_overlap(one: Detection, others: list[Detection]) -> float:
    alike = np.array([other.box for other in others if other.label == one.label], np.float32).reshape(-1, 4)
    return float(overlaps(np.array([one.box], np.float32), alike).max(initial=0))
