"""The worker's eyes on real recordings with real weights."""

from pathlib import Path

import pytest

from shared_utils.analysis.frames import duration_seconds, frames_at
from shared_utils.analysis.sampling import Sampling
from shared_utils.analysis.segment_worker import Segment
from shared_utils.config.schema import ObjectsConfig
from tests.support.as_segment import as_mp4, existing
from tests.support.tracking_score import followed, idf1, read_ground_truth
from video_worker.analysis import Analysis, analyse
from video_worker.detectors import Detection
from video_worker.detectors.onnx_yolo import OnnxYolo
from video_worker.detectors.opencv_hog import OpenCvHog

SURE = 0.5


def clip(media_dir: Path, name: str, folder: Path = Path()) -> Segment:
    """A clip of which it is not known when something moves; `folder` is needed for what is no video of a camera."""
    path = as_mp4(existing(media_dir / "videos" / name), folder)
    return Segment(path, duration_seconds(path))


def people(analysis: Analysis, least_score: float = 0.0) -> int:
    return sum(track.label == "person" and track.score >= least_score for track in analysis.tracks)


@pytest.mark.parametrize(
    "name",
    [
        "one-by-one-person-detection.mp4",
        "night-walk.mp4",
        "people-walking.mp4",
        "worker-zone-detection.gif",
        "classroom.gif",
    ],
)
def test_people_are_named(yolo: OnnxYolo, media_dir: Path, tmp_path: Path, name: str) -> None:
    """By day, by night, near and far: this is what a camera is bought for."""
    analysis = analyse(clip(media_dir, name, tmp_path), yolo, Sampling(max_frames=12))

    assert people(analysis, SURE) >= 1


@pytest.mark.parametrize(
    "name",
    [
        "negative-car-detection.mp4",
        "negative-brightness-change.avi",
        "negative-traffic_camera_vfr.mp4",
        "negative-cockatoo.mp4",
    ],
)
def test_nobody_is_named_where_nobody_is(yolo: OnnxYolo, media_dir: Path, name: str) -> None:
    """A false alarm at night is what makes people switch a camera off."""
    analysis = analyse(clip(media_dir, name), yolo, Sampling(max_frames=12))

    assert people(analysis) == 0


@pytest.fixture(scope="module")
def one_by_one(yolo: OnnxYolo, media_dir: Path) -> list[float]:
    """When a person was seen in a room that is entered and left by one after the other."""
    analysis = analyse(clip(media_dir, "one-by-one-person-detection.mp4"), yolo, Sampling(max_frames=90))
    people = [track for track in analysis.tracks if track.label == "person"]
    return [one.t for track in people for one in track.sightings if one.detection.score >= SURE]


@pytest.mark.parametrize(
    ("visible", "empty"), [((6.5, 19.5), (0, 6)), ((50.0, 70.5), (46, 49.5)), ((123.5, 136.0), (120.5, 123))]
)
def test_people_are_found_while_they_are_there_and_not_before(
    one_by_one: list[float], visible: tuple[float, float], empty: tuple[float, float]
) -> None:
    """`first_t` and `last_t` are what people jump to in the video."""
    begin, end = visible

    inside = [t for t in one_by_one if begin <= t <= end]

    assert len(inside) > (end - begin) / 4
    assert not [t for t in one_by_one if empty[0] <= t <= empty[1]]


def test_hog_finds_people_of_fair_size(media_dir: Path) -> None:
    """The fallback must be able to show that the chain works, without any weights."""
    analysis = analyse(clip(media_dir, "people-walking.mp4"), OpenCvHog(ObjectsConfig()), Sampling(max_frames=6))

    assert people(analysis, SURE) >= 3


@pytest.fixture(scope="module")
def pedestrians(yolo: OnnxYolo, media_dir: Path) -> dict[int, list[Detection]]:
    """The people in every other frame of a campus road, by frame number: five frames a second."""
    segment = clip(media_dir, "vtest.mp4")
    numbers = range(1, 266, 2)
    frames = list(frames_at(segment.path, [(number - 0.5) / 10 for number in numbers]))
    found = {}
    for number, frame in zip(numbers, frames, strict=True):
        assert round(frame.t * 10) + 1 == number
        found[number] = [one for one in yolo.detect([frame.image])[0] if one.label == "person"]
    return found


@pytest.mark.parametrize(("every", "least"), [(1, 0.68), (2, 0.60)])
def test_track_ids_stick_to_people(
    pedestrians: dict[int, list[Detection]], media_dir: Path, every: int, least: float
) -> None:
    """People cross and hide each other here, and at two and a half frames a second they leave their own box."""
    truth = media_dir / "tracking" / "PETS09-S2L1" / "gt_every5.txt"
    counted, ignored = read_ground_truth(truth, scale=0.625)
    seen = {number: found for number, found in pedestrians.items() if (number - 1) // 2 % every == 0}

    found = followed(seen, frames_per_second=10)

    assert idf1({frame: who for frame, who in counted.items() if frame in found}, ignored, found) >= least
