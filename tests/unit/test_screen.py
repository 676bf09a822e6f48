"""What the live screen and the report of the demo say, drawn into text."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from shared_utils.clock import SystemClock, to_iso
from shared_utils.config import Config
from shared_utils.segments import Manifest, VideoDir, VideoInfo, segment_id, write_manifest
from vedette import screen
from vedette.demo import PlainProgress, clean_environment, plain_line
from vedette.demo_report import DemoIncompleteError, DemoReport, examine, found_table, print_report
from vedette.screen_state import CameraView, QueueView, Snapshot, WorkerView, latest_detections, take_snapshot

MOMENT = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
CAMERA = CameraView("front", "streaming", None, "h264", 1920, 1080, 15.0, 2100.0, True, True, 3)
WORKER = WorkerView("video_worker", "host", 1, "working", "yolov8n", "front-20261120T101500000Z", 2, 0)
SNAPSHOT = Snapshot((), (CAMERA,), (QueueView("video_queue", 4, 1, 2),), None, (WORKER,))
PROGRESS = screen.Progress("Vedette demo", "running", 42.0, 90.0)
LINE = {
    "ok": True,
    "filename": "front-20261120T101500000Z.mp4",
    "detected": ["person", "tv"],
    "count": 2,
    "segment_id": "front-20261120T101500000Z",
    "camera": "front",
    "started_at": "2026-11-20T10:15:00.000Z",
    "model": "yolov8n",
    "seconds": 1.5,
}


def drawn(what: RenderableType, width: int = 120) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(what)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_screen_shows_cameras_queues_worker_and_detections() -> None:
    """Each link of the chain, so that a broken one is seen."""
    text = drawn(screen.draw(PROGRESS, SNAPSHOT, [LINE], []))

    for expected in ("42 of 90 s", "1920x1080 h264", "15.0", "moving", "REC", "4 waiting, 1 in work, 2 dead"):
        assert expected in text
    assert "video_worker with yolov8n: looks at front-20261120T101500000Z; 2 done" in text
    assert "person, tv" in text


def test_the_table_of_cameras_fits_a_terminal_of_80_columns() -> None:
    """The size that terminals have when nobody made them larger."""
    text = drawn(screen.cameras_table([CAMERA]), width=80)

    for expected in ("front", "streaming", "1920x1080 h264", "fps", "15.0", "2100", "moving", "● REC", "segments"):
        assert expected in text


def test_the_newest_warning_stands_first_and_can_be_read_to_its_end() -> None:
    """It says what to do at its end, which 80 columns would cut off."""
    long = f"10:15:00 capture_service: camera front is away. {'It does not answer. ' * 4}Check its power."

    text = drawn(screen.draw(PROGRESS, SNAPSHOT, [], ["10:14:00 video_worker: no weights", long]), width=80)

    assert "Check its power." in text
    assert text.index("is away") < text.index("no weights")


def test_a_camera_that_is_away_says_why() -> None:
    """`away` alone sends people to the ladder."""
    away = replace(CAMERA, state="away", reason="it refuses the password", moving=False, recording=False)

    text = drawn(screen.cameras_table([away]))

    assert "away: it refuses the password" in text


def test_redis_being_away_is_said_instead_of_numbers() -> None:
    """Zeros would look like all is done."""
    snapshot = replace(SNAPSHOT, queues=(QueueView("video_queue", None, None, None),), redis_trouble="refused")

    assert "Redis is away: refused" in drawn(screen.draw(PROGRESS, snapshot, [], []))
    assert "Redis is away: refused" in plain_line(PROGRESS, snapshot)


def test_the_hog_detector_is_named_in_words() -> None:
    """People must know that nothing but people is found."""
    assert "OpenCV HOG (people only)" in drawn(screen.worker_line(replace(WORKER, model="hog")))


def test_a_failed_analysis_shows_its_error() -> None:
    failed = LINE | {"ok": False, "detected": [], "count": 0, "error": "the file is no video"}

    assert "the file is no video" in drawn(screen.detections_table([failed]))


def test_text_from_services_is_not_taken_for_markup() -> None:
    """A warning about [front] must not vanish, nor raise."""
    text = drawn(screen.draw(PROGRESS, SNAPSHOT, [], ["capture: WARNING [/front] is away"]))

    assert "[/front] is away" in text


def test_a_snapshot_of_a_folder_where_nothing_runs(tmp_path: Path) -> None:
    """`vedette status` before the first start."""
    config = Config.model_validate({"cameras": {"front": {"url": "rtsp://10.0.0.5/live"}}, "video_dir": tmp_path})

    snapshot = take_snapshot(config, [], MOMENT)

    assert snapshot.cameras == (CameraView("front", "not captured"),)
    assert snapshot.services == ()
    assert snapshot.workers == ()


def test_a_snapshot_takes_what_the_services_say(tmp_path: Path) -> None:
    """A key that this version does not know must not hide the ones it does."""
    config = Config.model_validate({"cameras": {"front": {"url": "rtsp://10.0.0.5/live"}}, "video_dir": tmp_path})
    told = {"state": "streaming", "fps": 15.0, "moving": True, "brand_new": 1}
    status = {"service": "capture_service", "host": "h", "pid": 1, "updated_at": to_iso(MOMENT)}
    config.video.status.mkdir()
    (config.video.status / "capture.json").write_text(json.dumps(status | {"cameras": {"front": told}}))

    snapshot = take_snapshot(config, [], MOMENT + timedelta(seconds=1))

    assert snapshot.cameras == (CameraView("front", "streaming", fps=15.0, moving=True),)


def test_plain_progress_speaks_every_ten_seconds_and_at_each_phase() -> None:
    """A log must neither be flooded nor silent while something changes."""
    console = Console(file=StringIO(), width=200, color_system=None)
    plain = PlainProgress(console)

    plain.show(PROGRESS, SNAPSHOT)
    plain.show(replace(PROGRESS, seconds=42.5), SNAPSHOT)
    plain.show(replace(PROGRESS, phase="stopping"), SNAPSHOT)

    assert isinstance(console.file, StringIO)
    said = console.file.getvalue().splitlines()
    assert [line.partition(":")[0] for line in said] == [" 42 s, running", " 42 s, stopping"]


def test_the_demo_reads_none_of_the_users_own_settings() -> None:
    """It must not record the user's cameras, nor push into the user's Redis."""
    kept = clean_environment(
        {"PATH": "/bin", "RTSP_URL": "rtsp://mine/", "REDIS_URL": "x", "VEDETTE_LOG_LEVEL": "debug"}
    )

    assert kept == {"PATH": "/bin"}


def manifest() -> Manifest:
    name = segment_id("front", MOMENT)
    return Manifest(
        segment_id=name,
        camera="front",
        event_id=name,
        trigger="motion",
        started_at=MOMENT,
        duration_seconds=12.0,
        filename=VideoDir(Path("video")).segment_filename(name),
        size_bytes=1000,
        video=VideoInfo(codec="h264", width=1920, height=1080, fps=15.0),
        tasks=("video_queue",),
    )


def report(*, queued: bool = True, line: Mapping[str, Any] | None = LINE) -> DemoReport:
    segments = (manifest(),)
    return DemoReport(
        queued=segments if queued else (),
        waiting=() if queued else segments,
        lines={} if line is None else {manifest().segment_id: line},
    )


def test_a_demo_is_complete_with_one_segment_through_the_whole_chain() -> None:
    report().raise_if_incomplete(Path("logs"))


@pytest.mark.parametrize(
    ("incomplete", "missing"),
    [
        (DemoReport((), (), {}), "No segment was recorded"),
        (report(queued=False, line=None), "Redis did not take their tasks"),
        (report(line=None), "none was analysed in time"),
        (report(line=LINE | {"ok": False, "error": "no frames"}), "their analysis failed: no frames"),
    ],
)
def test_an_incomplete_demo_says_which_link_is_missing(incomplete: DemoReport, missing: str) -> None:
    """Exit code 1 alone does not help anybody."""
    with pytest.raises(DemoIncompleteError, match=missing):
        incomplete.raise_if_incomplete(Path("logs"))


FACES_LINE = LINE | {
    "model": "buffalo_s",
    "detected": ["Ann", "unknown"],
    "faces": [{"name": "unknown"}, {"name": "Ann"}, {"name": "unknown"}],
}


def test_a_demo_with_faces_is_complete_once_a_segment_has_both_lines() -> None:
    """Exit code 0 must not say that faces work where they do not."""
    objects_only = replace(report(line=LINE), faces={})
    failed = replace(objects_only, faces={manifest().segment_id: FACES_LINE | {"ok": False, "error": "no weights"}})
    both = replace(objects_only, faces={manifest().segment_id: FACES_LINE})

    assert [one.complete for one in (objects_only, failed, both)] == [False, False, True]
    with pytest.raises(DemoIncompleteError, match="their analysis failed: no weights"):
        failed.raise_if_incomplete(Path("logs"))


def test_the_screen_shows_the_newest_of_objects_and_of_faces(tmp_path: Path) -> None:
    """Otherwise somebody who waits for a name does not see that it came."""
    times = {"detections_log": ("10:01", "10:04"), "faces_log": ("10:02", "10:03")}
    for log, moments in times.items():
        own = FACES_LINE if log == "faces_log" else LINE
        lines = [json.dumps(own | {"timestamp": f"2026-11-20T{moment}:00.000Z"}) for moment in moments]
        (tmp_path / f"{log}.jsonl").write_text("\n".join([*lines, ""]))

    latest = latest_detections(tmp_path, SystemClock(), 3)

    assert [line["timestamp"][11:16] for line in latest] == ["10:04", "10:03", "10:02"]
    assert "faces: Ann, unknown" in drawn(screen.detections_table(latest))


def test_the_report_counts_people_by_name_and_asks_for_names_of_strangers() -> None:
    found = replace(report(line=LINE), faces={manifest().segment_id: FACES_LINE})
    nobody = replace(found, faces={manifest().segment_id: FACES_LINE | {"detected": ["Ann"]}})

    assert "Ann, unknown (2)" in drawn(found_table(found))
    assert (found.strangers, nobody.strangers, report(line=LINE).strangers) == (True, False, False)


def test_the_report_is_read_from_the_files_that_the_demo_left(tmp_path: Path) -> None:
    """What is on disk counts, not what somebody remembers."""
    video, one = VideoDir(tmp_path), manifest()
    write_manifest(video.manifest(one.segment_id), one)
    (tmp_path / "detections_log.jsonl").write_text(json.dumps(LINE) + "\n")
    console = Console(file=StringIO(), width=100, color_system=None)

    found = examine(video, SystemClock())
    print_report(found, tmp_path, tmp_path / "logs", 4.2, console)

    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert found.complete
    assert "person, tv" in text
    assert "Found by yolov8n." in text
    assert str(tmp_path / "detections_log.jsonl") in text
