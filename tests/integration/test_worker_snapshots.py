"""Which segments have a snapshot, and what it costs when it cannot be."""

from pathlib import Path

import pytest

from shared_utils.analysis.showing import Showing
from tests.support.worker_site import SEGMENT, WorkerSite
from video_worker.objects import WorkerOptions


@pytest.fixture
def site(tmp_path: Path) -> WorkerSite:
    return WorkerSite(tmp_path / "video")


def test_a_camera_with_privacy_has_no_snapshot(site: WorkerSite) -> None:
    """The original must not be shown; the redacted copy brings its own snapshot."""
    site.worker.handle(site.add_segment(tasks=("video_queue", "privacy_queue")))

    assert site.line["detected"] == ["block"]
    assert not site.video.snapshots.exists()


def test_a_camera_that_the_configuration_makes_private_has_no_snapshot(site: WorkerSite) -> None:
    """Segments recorded before `privacy: blur` was set must not be shown any more either."""
    site.worker = site.worker_with(WorkerOptions(showing=Showing(private_cameras=frozenset({"front"}))))

    site.worker.handle(site.add_segment())

    assert site.line["detected"] == ["block"]
    assert not site.video.snapshots.exists()


def test_a_camera_that_this_worker_does_not_know_is_shown_as_its_manifest_says(site: WorkerSite) -> None:
    """Workers on other machines, and the demo's, run without the cameras' configuration."""
    site.worker = site.worker_with(WorkerOptions())

    site.worker.handle(site.add_segment())

    assert site.video.snapshot(SEGMENT).is_file()


def test_without_manifest_and_configuration_nothing_is_shown(site: WorkerSite) -> None:
    """Nobody can say then whether the camera is a private one."""
    site.worker = site.worker_with(WorkerOptions())
    task = site.add_segment()
    site.video.manifest(SEGMENT).unlink()

    site.worker.handle(task)

    assert site.line["detected"] == ["block"]
    assert not site.video.snapshots.exists()


def test_a_snapshot_that_cannot_be_written_costs_nothing_else(
    site: WorkerSite, caplog: pytest.LogCaptureFixture
) -> None:
    """The line is the result; the snapshot is a convenience."""
    task = site.add_segment()
    site.video.snapshots.write_text("a file where the folder should be")

    site.worker.handle(task)

    assert site.line["ok"] is True
    assert any("no snapshot of segment" in message for message in caplog.messages)


def test_a_model_that_finds_nothing_leaves_the_snapshot_of_one_that_did(site: WorkerSite) -> None:
    """The better snapshot is the one with something in it."""
    task = site.add_segment()
    site.worker.handle(task)
    before = site.video.snapshot(SEGMENT).read_bytes()
    blind = task.model_copy(update={"id": f"{SEGMENT}@blind", "model": "blind"})

    site.worker.handle(blind)

    assert [line["detected"] for line in site.lines] == [["block"], []]
    assert site.video.snapshot(SEGMENT).read_bytes() == before
