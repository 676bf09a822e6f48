"""The line of the detections log."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from shared_utils.analysis.frames import Frame
from shared_utils.analysis.tracking import Sighting, Track
from shared_utils.result_line import Subject, failed_line, found_line
from shared_utils.tasks import Task
from video_worker.analysis import Analysis
from video_worker.detectors import Detection
from video_worker.entries import OBJECTS

NOW = datetime(2026, 11, 20, 10, 16, 2, 500_000, tzinfo=UTC)
TASK = Task(
    id="front-20261120T101500123Z",
    filename="segments/front/2026-11-20/front-20261120T101500123Z.mp4",
    camera="front",
    started_at=datetime(2026, 11, 20, 10, 15, 0, 123_000, tzinfo=UTC),
    queued_at=NOW,
)
SUBJECT = Subject(TASK, "yolov8n", "front-20261120T101430000Z")


def track(track_id: int, label: str, *sightings: tuple[float, float]) -> Track:
    box = (10.4, 20.6, 110.4, 220.6)
    return Track(track_id, [Sighting(t, Detection(label, score, box)) for t, score in sightings])


def analysis(*tracks: Track) -> Analysis:
    return Analysis(12, tracks, Frame(0.0, np.zeros((4, 4, 3), np.uint8)))


def test_a_line_is_written_exactly_in_the_documented_form() -> None:
    """Other people's programs read this log; a changed key breaks them."""
    found = analysis(track(1, "person", (5.3333, 0.81249), (5.6666, 0.91)), track(2, "tv", (5.3333, 0.4)))

    line = found_line(SUBJECT, OBJECTS, found, seconds=1.23456, now=NOW)

    assert json.dumps(line) == (
        '{"ok": true, "filename": "front-20261120T101500123Z.mp4", "detected": ["person", "tv"], "count": 2, '
        '"timestamp": "2026-11-20T10:16:02.500Z", "schema": 1, "segment_id": "front-20261120T101500123Z", '
        '"camera": "front", "event_id": "front-20261120T101430000Z", "started_at": "2026-11-20T10:15:00.123Z", '
        '"model": "yolov8n", "frames_analysed": 12, "seconds": 1.235, "objects": ['
        '{"label": "person", "track_id": 1, "score": 0.91, "first_t": 5.333, "last_t": 5.667, '
        '"path": [[5.333, 10, 21, 110, 221, 0.812], [5.667, 10, 21, 110, 221, 0.91]]}, '
        '{"label": "tv", "track_id": 2, "score": 0.4, "first_t": 5.333, "last_t": 5.333, '
        '"path": [[5.333, 10, 21, 110, 221, 0.4]]}], "error": null}'
    )


def test_count_is_the_number_of_objects_and_detected_their_distinct_labels() -> None:
    """Two visitors are two, and their label is named once."""
    found = analysis(track(1, "person", (1.0, 0.5)), track(2, "person", (2.0, 0.5)), track(3, "dog", (1.0, 0.5)))

    line = found_line(SUBJECT, OBJECTS, found, seconds=1, now=NOW)

    assert (line["detected"], line["count"]) == (["dog", "person"], 3)


def test_objects_are_listed_as_they_appeared() -> None:
    """The order must not depend on how the tracker works inside."""
    found = analysis(track(3, "dog", (1.0, 0.5)), track(1, "person", (2.0, 0.5)), track(2, "cat", (1.0, 0.5)))

    line = found_line(SUBJECT, OBJECTS, found, seconds=1, now=NOW)

    assert [found["track_id"] for found in line["objects"]] == [2, 3, 1]


def test_the_line_of_a_failure_has_the_same_keys_and_says_why() -> None:
    """A reader that counts lines or takes a column needs no second case."""
    failed = failed_line(SUBJECT, OBJECTS, "front.mp4 is empty", now=NOW)

    assert list(failed) == list(found_line(SUBJECT, OBJECTS, analysis(), seconds=1, now=NOW))
    assert (failed["ok"], failed["error"], failed["objects"]) == (False, "front.mp4 is empty", [])


def test_the_documented_line_has_the_keys_of_a_real_one() -> None:
    """What people program against is the documentation."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "detections-log.md"
    (example,) = re.findall(r"```json\n(.*?)\n```", page.read_text(), flags=re.DOTALL)

    documented = json.loads(example)
    real = found_line(SUBJECT, OBJECTS, analysis(track(1, "person", (1.0, 0.5))), seconds=1, now=NOW)

    assert list(documented) == list(real)
    assert [list(one) for one in documented["objects"]] == [list(real["objects"][0])] * 2
    assert documented["count"] == len(documented["objects"])
