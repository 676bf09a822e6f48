"""One task in, one line out: the worker on real files, without Redis."""

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import pytest
from prometheus_client import REGISTRY

from shared_utils.analysis.showing import Showing
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import SystemClock
from shared_utils.errors import StorageError
from shared_utils.folder_mark import MARK_NAME, mark_folder
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.models import ModelMissingError, UnusableModelError
from shared_utils.segments import Manifest, MotionLook, VideoDir, VideoInfo, write_manifest
from shared_utils.tasks import Task, task_for
from tests.support.clips import make_clip
from tests.support.detectors import BlockDetector
from video_worker.detectors import (
    Detection,
    Detector,
    Detectors,
    Image,
)
from video_worker.objects import ObjectWorker, WorkerOptions, object_worker

STARTED = datetime(2026, 11, 20, 10, 15, 0, 123_000, tzinfo=UTC)
SEGMENT = "front-20261120T101500123Z"


class Blind(BlockDetector):
    """Finds nothing, ever."""

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        return [[] for _ in images]


def load(name: str) -> Detector:
    """The models of this site: two block finders, a blind one, and one that is damaged."""
    match name:
        case "block-2":
            return BlockDetector(name)
        case "blind":
            return Blind(name)
        case "damaged":
            raise UnusableModelError(Path("damaged.onnx"), "it cannot be loaded")
        case _:
            raise ModelMissingError(name, Path("models"))


@dataclass
class Site:
    """A video folder with a worker on it."""

    clip: Path
    video: VideoDir
    detector: BlockDetector
    options: WorkerOptions

    def __post_init__(self) -> None:
        self.worker = self.worker_with(self.options)

    def worker_with(self, options: WorkerOptions, results: ResultLog | None = None) -> ObjectWorker:
        clock = SystemClock()
        return object_worker(
            self.video,
            results or ResultLog(self.video.root, DETECTIONS_LOG, clock),
            Detectors(self.detector, load),
            options=options,
            status=WorkerStatus(self.detector.name, write=lambda _: None, remove=lambda: None),
            clock=clock,
        )

    def add_segment(self, *, tasks: tuple[str, ...] = ("video_queue",), **changes: Any) -> Task:
        """Record six seconds in which the block is there from 2 to 4, its manifest beside it, and its task."""
        path = self.video.segment(SEGMENT)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.clip, path)
        looks = tuple(MotionLook(t=2 + number / 5, area=0.03, boxes=()) for number in range(10))
        manifest = Manifest(
            segment_id=SEGMENT,
            camera="front",
            event_id="front-20261120T101430000Z",
            trigger="motion",
            started_at=STARTED,
            duration_seconds=6.0,
            filename=self.video.segment_filename(SEGMENT),
            size_bytes=path.stat().st_size,
            video=VideoInfo(codec="h264", width=640, height=360, fps=15),
            motion=looks,
            tasks=tasks,
        ).model_copy(update=changes)
        write_manifest(self.video.manifest(SEGMENT), manifest)
        return task_for(manifest, queued_at=STARTED)

    @property
    def lines(self) -> list[dict[str, Any]]:
        path = self.video.root / f"{DETECTIONS_LOG}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def line(self) -> dict[str, Any]:
        (line,) = self.lines
        return line


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=6, moving=[(2, 4)])


@pytest.fixture
def site(tmp_path: Path, clip: Path) -> Site:
    video = VideoDir(tmp_path / "video")
    video.segments.mkdir(parents=True)
    mark_folder(video.root, SystemClock())
    return Site(clip, video, BlockDetector(), WorkerOptions(showing=Showing(open_cameras=frozenset({"front"}))))


def test_a_segment_ends_as_one_line_and_one_snapshot(site: Site) -> None:
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


def test_the_path_of_an_object_is_where_it_was(site: Site) -> None:
    """The page draws the boxes over the playing video."""
    site.worker.handle(site.add_segment())

    for t, x1, y1, x2, y2, score in site.line["objects"][0]["path"]:
        moment = int(t * 15 + 0.01) / 15  # of the frame
        assert x1 == pytest.approx((moment % 4) / 4 * (640 - 60), abs=4)
        assert (y1, y2) == (pytest.approx(180, abs=4), pytest.approx(240, abs=4))
        assert x2 - x1 == pytest.approx(60, abs=6)
        assert score == 0.9


def test_only_frames_with_motion_are_looked_at(site: Site) -> None:
    """The model is what a segment costs."""
    site.worker.handle(site.add_segment())

    assert site.line["frames_analysed"] == site.detector.frames_seen
    assert 6 <= site.detector.frames_seen <= 9  # 2.4 s of motion, three frames a second


def test_a_task_that_comes_twice_leaves_one_line_and_is_not_worked_on_again(site: Site) -> None:
    """A worker may die after the line and before Redis knows."""
    task = site.add_segment()
    site.worker.handle(task)
    seen = site.detector.frames_seen

    site.worker.handle(task)

    assert len(site.lines) == 1
    assert site.detector.frames_seen == seen


def test_a_task_without_a_manifest_is_worked_on_all_the_same(site: Site) -> None:
    """Somebody may copy a video into the folder and push its task by hand."""
    task = site.add_segment()
    site.video.manifest(SEGMENT).unlink()

    site.worker.handle(task)

    assert (site.line["detected"], site.line["event_id"], site.line["frames_analysed"]) == (["block"], None, 6)


def test_a_manifest_that_is_still_in_the_outbox_is_found(site: Site) -> None:
    """The task is pushed before the manifest moves to its segment."""
    task = site.add_segment()
    site.video.outbox.mkdir()
    site.video.manifest(SEGMENT).rename(site.video.waiting_manifest(SEGMENT))

    site.worker.handle(task)

    assert site.line["event_id"] == "front-20261120T101430000Z"


def test_a_manifest_that_cannot_be_read_is_told_and_done_without(site: Site, caplog: pytest.LogCaptureFixture) -> None:
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
    site: Site, damage: Callable[[Path], None], message: str
) -> None:
    """Silence would look like an analyser that never came by."""
    task = site.add_segment()
    damage(site.video.segment(SEGMENT))

    site.worker.handle(task)
    site.worker.handle(task)

    assert (site.line["ok"], site.line["count"], site.line["objects"]) == (False, 0, [])
    assert message in site.line["error"]
    assert f"{SEGMENT}.mp4" in site.line["error"]


def test_a_segment_missing_in_a_folder_without_a_mark_waits(site: Site) -> None:
    """Is it mounted at all? Only the mark can tell; a line that says "gone" would be for ever."""
    task = site.add_segment()
    site.video.segment(SEGMENT).unlink()
    (site.video.root / MARK_NAME).unlink()

    with pytest.raises(StorageError, match="has no mark"):
        site.worker.handle(task)

    assert site.lines == []


def test_nothing_is_written_below_a_disk_that_is_unmounted_meanwhile(site: Site) -> None:
    """The bare folder below it takes snapshots and lines just as well, and nobody would ever see them."""
    task = site.add_segment()
    disk = site.video.root.with_name("disk")

    class Unmounting(BlockDetector):
        def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
            if not disk.exists():
                site.video.root.rename(disk)
                site.video.segments.mkdir(parents=True)
            return super().detect(images)

    site.detector = Unmounting()
    worker = site.worker_with(site.options)
    with pytest.raises(StorageError, match="was unmounted or replaced"):
        worker.handle(task)
    with pytest.raises(StorageError, match="was unmounted or replaced"):
        worker.give_up(task, "out of attempts")

    assert [path.name for path in site.video.root.rglob("*")] == ["segments"]


def test_a_line_that_went_below_the_mount_point_is_written_again(site: Site) -> None:
    """A worker that is frozen between its look at the folder and its line wakes up on another disk."""
    task = site.add_segment()
    disk = site.video.root.with_name("disk")

    class Unmounting(ResultLog):
        def record(self, line: Mapping[str, Any]) -> bool:
            if not disk.exists():
                site.video.root.rename(disk)
                site.video.segments.mkdir(parents=True)
            return super().record(line)

    worker = site.worker_with(site.options, Unmounting(site.video.root, DETECTIONS_LOG, SystemClock()))
    with pytest.raises(StorageError, match="was unmounted or replaced"):
        worker.handle(task)
    astray = len(site.lines)
    site.video.root.rename(disk.with_name("bare"))
    disk.rename(site.video.root)
    disk.mkdir()
    worker.handle(task)

    assert astray == 1
    assert site.line["ok"]


def test_a_replayed_task_that_comes_good_replaces_its_failure(site: Site) -> None:
    """The file was put back from a backup; `vedette queue replay` must not be in vain."""
    task = site.add_segment()
    path = site.video.segment(SEGMENT)
    saved = path.rename(path.with_suffix(".saved"))
    site.worker.handle(task)
    saved.rename(path)

    site.worker.handle(task)

    assert (site.line["ok"], site.line["detected"]) == (True, ["block"])


@pytest.mark.parametrize("filename", ["../outside.mp4", "/etc/passwd", "segments/../../outside.mp4"])
def test_a_path_that_leaves_the_video_folder_is_refused(site: Site, filename: str) -> None:
    """Whoever can write to Redis must not be able to have any file opened."""
    task = site.add_segment()
    shutil.copy(site.video.segment(SEGMENT), site.video.root.parent / "outside.mp4")

    site.worker.handle(task.model_copy(update={"filename": filename}))

    assert site.line["ok"] is False
    assert "leaves the video folder" in site.line["error"]
    assert site.detector.frames_seen == 0


def test_while_the_video_folder_is_away_tasks_wait(site: Site) -> None:
    """A mount that is away looks like an empty folder; every queued segment would be written off as deleted."""
    task = site.add_segment()
    away = site.video.segments.rename(site.video.root / "elsewhere")

    with pytest.raises(StorageError, match="is mounted"):
        site.worker.handle(task)
    with pytest.raises(StorageError, match="is mounted"):
        site.worker.give_up(task, "whatever")
    away.rename(site.video.segments)
    site.worker.handle(task)

    assert site.line["ok"] is True


def test_a_task_given_up_gets_its_line(site: Site) -> None:
    """A segment that kills its worker every time must still be accounted for."""
    task = site.add_segment()

    site.worker.give_up(task, "the worker died 3 times while working on it")

    assert (site.line["ok"], site.line["event_id"]) == (False, "front-20261120T101430000Z")
    assert "the worker died 3 times" in site.line["error"]


def test_a_task_with_an_id_of_its_own_gets_its_line(site: Site) -> None:
    """Tasks are plain JSON; people write them by hand."""
    task = site.add_segment().model_copy(update={"id": "my-own-try"})

    site.worker.handle(task)

    assert (site.line["segment_id"], site.line["detected"]) == ("my-own-try", ["block"])


def test_what_was_done_is_counted(site: Site) -> None:
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


def test_another_model_adds_its_line_beside_the_first(site: Site) -> None:
    """A re-analysis is there to be compared."""
    task = site.add_segment()
    again = task.model_copy(update={"id": f"{SEGMENT}@block-2", "model": "block-2"})

    for one in (task, again, again):
        site.worker.handle(one)

    assert [(line["model"], line["segment_id"]) for line in site.lines] == [
        ("block-finder", SEGMENT),
        ("block-2", SEGMENT),
    ]


def test_another_model_that_is_missing_gives_a_line_that_says_so(site: Site) -> None:
    """The line stands under the name of the model that was asked for."""
    task = site.add_segment().model_copy(update={"id": f"{SEGMENT}@yolov8x", "model": "yolov8x"})

    site.worker.handle(task)

    assert (site.line["ok"], site.line["model"]) == (False, "yolov8x")
    assert "The model 'yolov8x' is not in" in site.line["error"]


def test_the_suffix_of_weights_is_no_part_of_the_name_of_a_model(site: Site) -> None:
    """Else one segment had two lines by one model."""
    task = site.add_segment()
    site.worker.handle(task.model_copy(update={"id": f"{SEGMENT}@block-2.onnx", "model": "block-2.onnx"}))
    site.worker.handle(task.model_copy(update={"id": f"{SEGMENT}@block-2", "model": "block-2"}))

    assert site.line["model"] == "block-2"


def test_a_camera_with_privacy_has_no_snapshot(site: Site) -> None:
    """The original must not be shown; the redacted copy brings its own snapshot."""
    site.worker.handle(site.add_segment(tasks=("video_queue", "privacy_queue")))

    assert site.line["detected"] == ["block"]
    assert not site.video.snapshots.exists()


def test_a_camera_that_the_configuration_makes_private_has_no_snapshot(site: Site) -> None:
    """Segments recorded before `privacy: blur` was set must not be shown any more either."""
    site.worker = site.worker_with(WorkerOptions(showing=Showing(private_cameras=frozenset({"front"}))))

    site.worker.handle(site.add_segment())

    assert site.line["detected"] == ["block"]
    assert not site.video.snapshots.exists()


def test_a_camera_that_this_worker_does_not_know_is_shown_as_its_manifest_says(site: Site) -> None:
    """Workers on other machines, and the demo's, run without the cameras' configuration."""
    site.worker = site.worker_with(WorkerOptions())

    site.worker.handle(site.add_segment())

    assert site.video.snapshot(SEGMENT).is_file()


def test_without_manifest_and_configuration_nothing_is_shown(site: Site) -> None:
    """Nobody can say then whether the camera is a private one."""
    site.worker = site.worker_with(WorkerOptions())
    task = site.add_segment()
    site.video.manifest(SEGMENT).unlink()

    site.worker.handle(task)

    assert site.line["detected"] == ["block"]
    assert not site.video.snapshots.exists()


def test_a_snapshot_that_cannot_be_written_costs_nothing_else(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The line is the result; the snapshot is a convenience."""
    task = site.add_segment()
    site.video.snapshots.write_text("a file where the folder should be")

    site.worker.handle(task)

    assert site.line["ok"] is True
    assert any("no snapshot of segment" in message for message in caplog.messages)


def test_a_model_that_finds_nothing_leaves_the_snapshot_of_one_that_did(site: Site) -> None:
    """The better snapshot is the one with something in it."""
    task = site.add_segment()
    site.worker.handle(task)
    before = site.video.snapshot(SEGMENT).read_bytes()
    blind = task.model_copy(update={"id": f"{SEGMENT}@blind", "model": "blind"})

    site.worker.handle(blind)

    assert [line["detected"] for line in site.lines] == [["block"], []]
    assert site.video.snapshot(SEGMENT).read_bytes() == before


def test_another_model_that_is_damaged_is_told_in_the_line(site: Site) -> None:
    """Weights that do not load are no reason to try three times."""
    task = site.add_segment().model_copy(update={"id": f"{SEGMENT}@damaged", "model": "damaged"})

    site.worker.handle(task)

    assert site.line["error"].startswith("damaged.onnx is not usable: it cannot be loaded.")
