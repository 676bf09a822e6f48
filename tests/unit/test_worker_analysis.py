"""What of a detector's findings is taken for an object."""

import pytest

from shared_utils.analysis.tracking import Sighting, Track
from video_worker.analysis import is_credible
from video_worker.detectors import Detection


def track(*scores: float) -> Track:
    sightings = [Sighting(t, Detection("person", score, (0.0, 0.0, 9.0, 9.0))) for t, score in enumerate(scores)]
    return Track(1, sightings)


@pytest.mark.parametrize(
    ("seen", "credible"),
    [
        (track(0.49), False),
        (track(0.5), True),
        (track(0.3, 0.26), True),
    ],
)
def test_a_faint_object_must_be_seen_twice(seen: Track, credible: bool) -> None:
    """For one frame a detector sees a frisbee in a table leg; a log full of them is of no use."""
    assert is_credible(seen, single_frame_score=0.5) is credible
