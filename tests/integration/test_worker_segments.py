"""One task in, one line out: the worker on real files, without Redis."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from prometheus_client import REGISTRY

from tests.support.worker_site import SEGMENT, WorkerSite


@pytest.fixture
def site(tmp_path: Path) -> WorkerSite:
    return WorkerSite(tmp_path / "video")


def test_a_segment_ends_as_one_line_and_one_snapshot(site: WorkerSite) -> None:
    """Nothing less is what the worker is for."""
    task = site.add_segment()

    site.worker.handle(task)

    line = site.line
    assert (line["ok"], line["detected"], line["count"], line["error"]) == (True, ["block"], 1, None)
    assert (line["segment_id"], line["event_id"], line["model"]) == (
        SEGMENT,
        "front-20261120T101430000Z",
        "block-finder",
    )
    (found,) = line["objects"]
    assert 1.6 <= found["first_t"] <= 2.4
    assert 3.6 <= found["last_t"] <= 4.4
    snapshot = cv2.imread(str(site.video.snapshot(SEGMENT)))
    assert snapshot is not None
    assert snapshot.shape == (360, 640, 3)


def test_the_path_of_an_object_is_where_it_was(site: WorkerSite) -> None:
    """The page draws the boxes over the playing video."""
    site.worker.handle(site.add_segment())

    for t, x1, y1, x2, y2, score in site.line["objects"][0]["path"]:
        moment = int(t * 15 + 0.01) / 15  # of the frame
        assert x1 == pytest.approx((moment % 4) / 4 * (640 - 60), abs=4)
        assert (y1, y2) == (pytest.approx(180, abs=4), pytest.approx(240, abs=4))
        assert x2 - x1 == pytest.approx(60, abs=6)
        assert score == 0.9


def test_only_frames_with_motion_are_looked_at(site: WorkerSite) -> None:
    """The model is what a segment costs."""
    site.worker.handle(site.add_segment())

    assert site.line["frames_analysed"] == site.detector.frames_seen
    assert 6 <= site.detector.frames_seen <= 9  # 2.4 s of motion, three frames a second


def test_a_task_that_comes_twice_leaves_one_line_and_is_not_worked_on_again(site: WorkerSite) -> None:
    """A worker may die after the line and before Redis knows."""
    task = site.add_segment()
    site.worker.handle(task)
    seen = site.detector.frames_seen

    site.worker.handle(task)

    assert len(site.lines) == 1
    assert site.detector.frames_seen == seen


def test_a_task_without_a_manifest_is_worked_on_all_the_same(site: WorkerSite) -> None:
    """Somebody may copy a video into the folder and push its task by hand."""
    task = site.add_segment()
    site.video.manifest(SEGMENT).unlink()

    site.worker.handle(task)

    assert (site.line["detected"], site.line["event_id"], site.line["frames_analysed"]) == (["block"], None, 6)


def test_a_manifest_that_is_still_in_the_outbox_is_found(site: WorkerSite) -> None:
    """The task is pushed before the manifest moves to its segment."""
    task = site.add_segment()
    site.video.outbox.mkdir()
    site.video.manifest(SEGMENT).rename(site.video.waiting_manifest(SEGMENT))

    site.worker.handle(task)

    assert site.line["event_id"] == "front-20261120T101430000Z"


def test_a_manifest_that_cannot_be_read_is_told_and_done_without(
    site: WorkerSite, caplog: pytest.LogCaptureFixture
) -> None:
    """The video is worth more than what was noted beside it."""
    task = site.add_segment()
    site.video.manifest(SEGMENT).write_text("{")

    with caplog.at_level(logging.WARNING):
        site.worker.handle(task)

    assert site.line["ok"] is True
    assert any("cannot be used" in message for message in caplog.messages)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_text(path: Path) -> None:
    path.write_text("no video at all\n" * 50)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (empty, "is empty"),
        (of_text, "is not a video that can be read"),
        (cut_off, "is not a video that can be read"),
        (Path.unlink, "is gone: it was deleted"),
    ],
)
def test_a_segment_that_cannot_be_analysed_gets_one_line_that_says_why(
    site: WorkerSite, damage: Callable[[Path], None], message: str
) -> None:
    """Silence would look like an analyser that never came by."""
    task = site.add_segment()
    damage(site.video.segment(SEGMENT))

    site.worker.handle(task)
    site.worker.handle(task)

    assert (site.line["ok"], site.line["count"], site.line["objects"]) == (False, 0, [])
    assert message in site.line["error"]
    assert f"{SEGMENT}.mp4" in site.line["error"]


def test_a_replayed_task_that_comes_good_replaces_its_failure(site: WorkerSite) -> None:
    """The file was put back from a backup; `vedette queue replay` must not be in vain."""
    task = site.add_segment()
    path = site.video.segment(SEGMENT)
    saved = path.rename(path.with_suffix(".saved"))
    site.worker.handle(task)
    saved.rename(path)

    site.worker.handle(task)

    assert (site.line["ok"], site.line["detected"]) == (True, ["block"])


@pytest.mark.parametrize("filename", ["../outside.mp4", "/etc/passwd", "segments/../../outside.mp4"])
def test_a_path_that_leaves_the_video_folder_is_refused(site: WorkerSite, filename: str) -> None:
    """Whoever can write to Redis must not be able to have any file opened."""
    task = site.add_segment()
    shutil.copy(site.video.segment(SEGMENT), site.video.root.parent / "outside.mp4")

    site.worker.handle(task.model_copy(update={"filename": filename}))

    assert site.line["ok"] is False
    assert "leaves the video folder" in site.line["error"]
    assert site.detector.frames_seen == 0


def test_a_task_given_up_gets_its_line(site: WorkerSite) -> None:
    """A segment that kills its worker every time must still be accounted for."""
    task = site.add_segment()

    site.worker.give_up(task, "the worker died 3 times while working on it")

    assert (site.line["ok"], site.line["event_id"]) == (False, "front-20261120T101430000Z")
    assert "the worker died 3 times" in site.line["error"]


def test_a_task_with_an_id_of_its_own_gets_its_line(site: WorkerSite) -> None:
    """Tasks are plain JSON; people write them by hand."""
    task = site.add_segment().model_copy(update={"id": "my-own-try"})

    site.worker.handle(task)

    assert (site.line["segment_id"], site.line["detected"]) == ("my-own-try", ["block"])


def test_what_was_done_is_counted(site: WorkerSite) -> None:
    """A dashboard shows a worker that fails, or falls behind, before anybody misses a line."""
    before = {result: counted(result) for result in ("ok", "failed", "skipped")}
    frames = REGISTRY.get_sample_value("vedette_objects_frames_total") or 0.0
    good = site.add_segment()

    for task in (good, good, good.model_copy(update={"id": "another", "filename": "segments/none.mp4"})):
        site.worker.handle(task)

    assert {result: counted(result) - count for result, count in before.items()} == {"ok": 1, "failed": 1, "skipped": 1}
    assert (REGISTRY.get_sample_value("vedette_objects_frames_total") or 0.0) - frames == site.detector.frames_seen


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("vedette_objects_segments_total", {"result": result}) or 0.0
