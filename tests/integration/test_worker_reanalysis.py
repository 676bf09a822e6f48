"""A segment is looked at again by another model."""

from pathlib import Path

import pytest

from tests.support.worker_site import SEGMENT, WorkerSite


@pytest.fixture
def site(tmp_path: Path) -> WorkerSite:
    return WorkerSite(tmp_path / "video")


def test_another_model_adds_its_line_beside_the_first(site: WorkerSite) -> None:
    """A re-analysis is there to be compared."""
    task = site.add_segment()
    again = task.model_copy(update={"id": f"{SEGMENT}@block-2", "model": "block-2"})

    for one in (task, again, again):
        site.worker.handle(one)

    assert [(line["model"], line["segment_id"]) for line in site.lines] == [
        ("block-finder", SEGMENT),
        ("block-2", SEGMENT),
    ]


def test_another_model_that_is_missing_gives_a_line_that_says_so(site: WorkerSite) -> None:
    """The line stands under the name of the model that was asked for."""
    task = site.add_segment().model_copy(update={"id": f"{SEGMENT}@yolov8x", "model": "yolov8x"})

    site.worker.handle(task)

    assert (site.line["ok"], site.line["model"]) == (False, "yolov8x")
    assert "The model 'yolov8x' is not in" in site.line["error"]


def test_the_suffix_of_weights_is_no_part_of_the_name_of_a_model(site: WorkerSite) -> None:
    """Else one segment had two lines by one model."""
    task = site.add_segment()
    site.worker.handle(task.model_copy(update={"id": f"{SEGMENT}@block-2.onnx", "model": "block-2.onnx"}))
    site.worker.handle(task.model_copy(update={"id": f"{SEGMENT}@block-2", "model": "block-2"}))

    assert site.line["model"] == "block-2"


def test_another_model_that_is_damaged_is_told_in_the_line(site: WorkerSite) -> None:
    """Weights that do not load are no reason to try three times."""
    task = site.add_segment().model_copy(update={"id": f"{SEGMENT}@damaged", "model": "damaged"})

    site.worker.handle(task)

    assert site.line["error"].startswith("damaged.onnx is not usable: it cannot be loaded.")
