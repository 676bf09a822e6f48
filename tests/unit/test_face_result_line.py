"""The line of the faces log."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from face_worker.entries import FACES
from face_worker.pipeline import Faces
from face_worker.tracks import NamedTrack, PersonTrack
from shared_utils.analysis.detections import Detection
from shared_utils.analysis.tracking import Sighting
from shared_utils.gallery.matching import Match
from shared_utils.result_line import Subject, failed_line, found_line
from shared_utils.tasks import Task
from tests.support.face_engines import unit

NOW = datetime(2026, 11, 20, 10, 16, 2, 500_000, tzinfo=UTC)
TASK = Task(
    id="front-20261120T101500123Z",
    filename="segments/front/2026-11-20/front-20261120T101500123Z.mp4",
    camera="front",
    started_at=datetime(2026, 11, 20, 10, 15, 0, 123_000, tzinfo=UTC),
    queued_at=NOW,
)
SUBJECT = Subject(TASK, "buffalo_l", "front-20261120T101430000Z")
MODEL = "buffalo_l:0123abcd"
ANNA = Match("Anna", "0b1c6c5e", 0.67141)


def person(track_id: int, match: Match, *sightings: tuple[float, float]) -> NamedTrack:
    box = (10.4, 20.6, 60.4, 80.6)
    seen = tuple(Sighting(t, Detection("face", score, box)) for t, score in sightings)
    return NamedTrack(PersonTrack(track_id, seen, unit(0), 0.74, np.zeros((4, 4, 3), np.uint8)), match)


def test_a_line_is_written_exactly_in_the_documented_form() -> None:
    """Other people's programs read this log; a changed key breaks them."""
    stranger = person(2, Match(similarity=0.1124), (5.3333, 0.74))
    found = Faces(24, (person(1, ANNA, (5.3333, 0.81249), (5.58333, 0.91)), stranger), MODEL)

    line = found_line(SUBJECT, FACES, found, seconds=1.23456, now=NOW)

    assert json.dumps(line) == (
        '{"ok": true, "filename": "front-20261120T101500123Z.mp4", "detected": ["Anna", "unknown"], "count": 2, '
        '"timestamp": "2026-11-20T10:16:02.500Z", "schema": 1, "segment_id": "front-20261120T101500123Z", '
        '"camera": "front", "event_id": "front-20261120T101430000Z", "started_at": "2026-11-20T10:15:00.123Z", '
        '"model": "buffalo_l", "frames_analysed": 24, "seconds": 1.235, "faces": ['
        '{"track_id": 1, "name": "Anna", "identity_id": "0b1c6c5e", "similarity": 0.671, "quality": 0.74, '
        '"first_t": 5.333, "last_t": 5.583, '
        '"path": [[5.333, 10, 21, 60, 81, 0.812], [5.583, 10, 21, 60, 81, 0.91]]}, '
        '{"track_id": 2, "name": "unknown", "identity_id": null, "similarity": 0.112, "quality": 0.74, '
        '"first_t": 5.333, "last_t": 5.333, "path": [[5.333, 10, 21, 60, 81, 0.74]]}], "error": null}'
    )


def test_two_strangers_are_two() -> None:
    """`detected` says whether somebody unknown was there, `count` how many people there were."""
    found = Faces(9, (person(1, Match(), (1.0, 0.5)), person(2, Match(), (2.0, 0.5))), MODEL)

    line = found_line(SUBJECT, FACES, found, seconds=1, now=NOW)

    assert (line["detected"], line["count"]) == (["unknown"], 2)


def test_people_are_listed_as_they_appeared() -> None:
    """The order must not depend on who is known."""
    found = Faces(
        9, (person(3, ANNA, (1.0, 0.5)), person(1, Match(), (2.0, 0.5)), person(2, Match(), (1.0, 0.5))), MODEL
    )

    line = found_line(SUBJECT, FACES, found, seconds=1, now=NOW)

    assert [entry["track_id"] for entry in line["faces"]] == [2, 3, 1]


def test_the_documented_line_has_the_keys_of_a_real_one() -> None:
    """What people program against is the documentation."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "faces-log.md"
    (example,) = re.findall(r"```json\n(.*?)\n```", page.read_text(), flags=re.DOTALL)

    documented = json.loads(example)
    real = found_line(SUBJECT, FACES, Faces(9, (person(1, ANNA, (1.0, 0.5)),), MODEL), seconds=1, now=NOW)

    assert list(documented) == list(real) == list(failed_line(SUBJECT, FACES, "it is broken", now=NOW))
    assert [list(one) for one in documented["faces"]] == [list(real["faces"][0])] * 2
    assert documented["count"] == len(documented["faces"])
