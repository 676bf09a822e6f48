"""The line that all result logs share."""

import json
from datetime import UTC, datetime

from shared_utils.known_results import ResultKey, key_in
from shared_utils.logs import to_bytes
from shared_utils.result_line import Subject, error_line, failed_line, given_up, ok_line
from shared_utils.tasks import Task

NOW = datetime(2026, 11, 20, 10, 16, 2, 500_000, tzinfo=UTC)
TASK = Task(
    id="front-20261120T101500123Z",
    filename="segments/front/2026-11-20/front-20261120T101500123Z.mp4",
    camera="front",
    started_at=datetime(2026, 11, 20, 10, 15, 0, 123_000, tzinfo=UTC),
    queued_at=NOW,
)
SUBJECT = Subject(TASK, "arcface", "front-20261120T101430000Z")


def test_what_a_log_has_of_its_own_stands_between_the_model_and_the_error() -> None:
    """Every log opens and ends alike, so that one program can read them all."""
    line = ok_line(SUBJECT, ["Ann", "unknown"], count=2, own={"seconds": 0.5, "faces": [7, 8]}, now=NOW)

    assert json.dumps(line) == (
        '{"ok": true, "filename": "front-20261120T101500123Z.mp4", "detected": ["Ann", "unknown"], "count": 2, '
        '"timestamp": "2026-11-20T10:16:02.500Z", "schema": 1, "segment_id": "front-20261120T101500123Z", '
        '"camera": "front", "event_id": "front-20261120T101430000Z", "started_at": "2026-11-20T10:15:00.123Z", '
        '"model": "arcface", "seconds": 0.5, "faces": [7, 8], "error": null}'
    )


def test_what_was_detected_is_named_once_and_in_order() -> None:
    """Two strangers are two, but one kind."""
    line = ok_line(SUBJECT, ["unknown", "Ann", "unknown"], count=3, own={}, now=NOW)

    assert (line["detected"], line["count"]) == (["Ann", "unknown"], 3)


def test_a_failure_has_the_same_keys_and_says_why() -> None:
    """A reader that counts lines or takes a column needs no second case."""
    own = {"seconds": 0.5, "faces": []}

    failed = error_line(SUBJECT, "front.mp4 is empty", own=own, now=NOW)

    assert list(failed) == list(ok_line(SUBJECT, [], count=0, own=own, now=NOW))
    assert (failed["ok"], failed["detected"], failed["count"]) == (False, [], 0)
    assert failed["error"] == "front.mp4 is empty"


def test_a_reanalysis_is_filed_under_its_segment() -> None:
    """The task's own id has the model in it; the line keeps the two apart."""
    again = TASK.model_copy(update={"id": f"{TASK.id}@yolov8s", "model": "yolov8s"})

    line = ok_line(Subject(again, "yolov8s", None), [], count=0, own={}, now=NOW)

    assert (line["segment_id"], line["model"], line["event_id"]) == (TASK.id, "yolov8s", None)


def test_a_task_given_up_has_the_documented_error_and_no_objects() -> None:
    """A repair writes it for a worker that is gone, and it must not show which of them did."""
    line = failed_line(SUBJECT, "objects", given_up("bad luck"), now=NOW)

    assert json.dumps(line).endswith(
        '"model": "arcface", "frames_analysed": 0, "seconds": 0.0, "objects": [], "error": "Given up: bad luck"}'
    )


def test_a_worker_that_starts_knows_a_line_without_parsing_it() -> None:
    """It reads months of them. The key is found by where it stands, so no key before it may move."""
    raw = to_bytes(ok_line(SUBJECT, ["Ann"], count=1, own={"seconds": 0.5}, now=NOW))

    no_json = raw.replace(b"0.5", b"???")

    assert key_in(no_json) == ResultKey(TASK.id, "arcface", ok=True)
