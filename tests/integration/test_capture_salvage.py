"""Salvage: whatever a crash left behind ends as one segment with one manifest, or is left alone."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capture_service.camera_lock import CameraLock
from capture_service.draft import Draft, write_draft
from capture_service.errors import CameraTakenError
from capture_service.mp4_file import measure, repair
from capture_service.names import draft_path, new_segment, part_path, repair_path
from capture_service.salvage import Salvage
from capture_service.segment_writer import SegmentWriter
from shared_utils.errors import StorageError
from shared_utils.segments import Manifest, VideoDir
from tests.support.capture_parts import CaptureParts, camera_config, feed
from tests.support.clips import make_clip
from tests.support.packets import contents_of, footage

STARTED_AT = datetime(2026, 11, 20, 10, 15, 0, 123000, tzinfo=UTC)
SEGMENT = "cam-20261120T101500123Z"
DRAFT = Draft(
    segment_id=SEGMENT,
    camera="cam",
    event_id="cam-20261120T101430000Z",
    trigger="motion",
    started_at=STARTED_AT,
    tasks=("video_queue", "face_queue"),
)
TASKS = ("video_queue",)


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segment as a killed process leaves it, after 4 of 6 s."""
    folder = tmp_path_factory.mktemp("cut")
    film = footage(make_clip(folder / "clip.mp4", seconds=6, gop_seconds=2, audio=True, width=320, height=180))
    writer = SegmentWriter(folder / "open.mp4", film.stream, next(p for p in film.packets if p.kind == "video"))
    writer.open()
    for packet in film.packets:
        if packet.dts_seconds < 4.0:
            writer.write(packet)
    shutil.copy(folder / "open.mp4", folder / "cut.mp4")
    writer.abandon()
    film.container.close()
    return folder / "cut.mp4"


@pytest.fixture
def whole(cut_off: Path, tmp_path: Path) -> Path:
    """A finished segment."""
    repair(cut_off, tmp_path / "whole.mp4")
    return tmp_path / "whole.mp4"


@pytest.fixture
def parts(tmp_path: Path) -> CaptureParts:
    """A video folder with the draft of one segment."""
    parts = CaptureParts(tmp_path / "video")
    write_draft(draft_path(parts.video, SEGMENT), DRAFT)
    parts.video.outbox.mkdir(parents=True)
    return parts


def adopted(parts: CaptureParts) -> list[Manifest]:
    """What a restart makes of it; a second restart must change nothing."""
    parts.salvage.adopt_all("cam", TASKS)
    assert parts.salvage.adopt_all("cam", TASKS) == 0
    return parts.manifests()


def test_a_segment_cut_off_by_a_crash_becomes_an_ordinary_one(parts: CaptureParts, cut_off: Path) -> None:
    """Killed while it was written: nearly all of it can be read, so it is kept and analysed."""
    shutil.copy(cut_off, part_path(parts.video, SEGMENT))

    (manifest,) = adopted(parts)

    contents = contents_of(parts.video.segment(SEGMENT))
    assert contents.decoded >= 60 - 15
    assert contents.duration_seconds == pytest.approx(len(contents.video) / 15, abs=0.01)
    assert manifest.duration_seconds == pytest.approx(contents.duration_seconds, abs=0.01)
    assert (manifest.event_id, manifest.tasks, manifest.audio) == (DRAFT.event_id, DRAFT.tasks, "aac")
    assert (manifest.video.codec, manifest.video.width) == ("h264", 320)
    assert parts.leftovers() == []


def test_a_copy_that_has_no_room_is_not_begun_and_is_made_later(parts: CaptureParts, cut_off: Path) -> None:
    """On a full disk it would fail again every half minute, and take the last room from what is being recorded."""
    shutil.copy(cut_off, part_path(parts.video, SEGMENT))
    repair_path(parts.video, SEGMENT).write_bytes(b"half a copy, left by a kill")
    full = Salvage(parts.video, parts.store, free_bytes=lambda _: cut_off.stat().st_size - 1)

    with pytest.raises(StorageError, match="No space left"):
        full.adopt(SEGMENT, TASKS)

    assert part_path(parts.video, SEGMENT).read_bytes() == cut_off.read_bytes()
    assert not repair_path(parts.video, SEGMENT).exists(), "it holds the room that is needed"
    assert len(adopted(parts)) == 1


def killed_before_the_rename(parts: CaptureParts, whole: Path) -> None:
    shutil.copy(whole, part_path(parts.video, SEGMENT))


def killed_while_being_salvaged(parts: CaptureParts, whole: Path) -> None:
    shutil.copy(whole, part_path(parts.video, SEGMENT))
    repair_path(parts.video, SEGMENT).write_bytes(b"half a copy")


def killed_before_the_manifest(parts: CaptureParts, whole: Path) -> None:
    shutil.copy(whole, parts.video.segment(SEGMENT))


def killed_before_the_draft_was_deleted(parts: CaptureParts, whole: Path) -> None:
    shutil.copy(whole, parts.video.segment(SEGMENT))
    parts.salvage.adopt(SEGMENT, TASKS)
    write_draft(draft_path(parts.video, SEGMENT), DRAFT)


@pytest.mark.parametrize(
    "killed",
    [
        killed_before_the_rename,
        killed_while_being_salvaged,
        killed_before_the_manifest,
        killed_before_the_draft_was_deleted,
    ],
)
def test_killed_between_any_two_steps_there_is_one_segment_with_one_manifest(
    parts: CaptureParts, whole: Path, killed: Callable[[CaptureParts, Path], None]
) -> None:
    """The order of writing promises it: never none, never two."""
    killed(parts, whole)

    (manifest,) = adopted(parts)

    assert manifest.segment_id == SEGMENT
    assert manifest.event_id == DRAFT.event_id
    assert contents_of(parts.video.segment(SEGMENT)).decoded == measure(whole).frames
    assert [path.name for path in parts.video.segments.rglob("*.mp4")] == [f"{SEGMENT}.mp4"]
    assert parts.leftovers() == []


def test_a_segment_with_its_manifest_beside_it_is_finished(parts: CaptureParts, whole: Path) -> None:
    """Its tasks were queued; doing it again would be noise."""
    shutil.copy(whole, parts.video.segment(SEGMENT))
    parts.salvage.adopt(SEGMENT, TASKS)
    parts.video.waiting_manifest(SEGMENT).rename(parts.video.manifest(SEGMENT))

    manifests = adopted(parts)

    assert manifests == []
    assert parts.video.manifest(SEGMENT).exists()


@pytest.mark.parametrize("other", ["cam-20261120T101600000Z", "cam-20261120T101700000Z", "../../etc/passwd"])
def test_a_draft_of_another_segment_says_nothing_about_this_one(parts: CaptureParts, whole: Path, other: str) -> None:
    """Somebody copied or renamed files. It must neither take the other one's manifest nor stop the whole salvage."""
    finished = parts.video.segment("cam-20261120T101600000Z")
    write_draft(draft_path(parts.video, SEGMENT), DRAFT.model_copy(update={"segment_id": other}))
    shutil.copy(whole, part_path(parts.video, SEGMENT))
    shutil.copy(whole, finished)

    manifests = adopted(parts)

    assert [(manifest.segment_id, manifest.tasks) for manifest in manifests] == [
        (SEGMENT, TASKS),
        (finished.stem, TASKS),
    ]


def test_without_a_draft_a_segment_gets_the_tasks_of_its_camera(parts: CaptureParts, whole: Path) -> None:
    """A power cut may take the draft; the name and the file say enough."""
    draft_path(parts.video, SEGMENT).write_bytes(b'{"schema":1,"seg')
    shutil.copy(whole, parts.video.segment(SEGMENT))

    (manifest,) = adopted(parts)

    assert manifest.tasks == TASKS
    assert manifest.started_at == STARTED_AT
    assert manifest.event_id == SEGMENT


def test_a_tail_of_zeros_is_cut_away(parts: CaptureParts, cut_off: Path) -> None:
    """Filesystems may grow a file before they write its data; after a power cut the rest is zeros."""
    data = cut_off.read_bytes()
    part_path(parts.video, SEGMENT).write_bytes(data[:-6000] + bytes(6000))

    (manifest,) = adopted(parts)

    contents = contents_of(parts.video.segment(SEGMENT))
    assert contents.decoded == len(contents.video) >= 15
    assert manifest.duration_seconds == pytest.approx(contents.duration_seconds, abs=0.01)


def test_a_part_that_cannot_be_read_is_kept_under_another_name(parts: CaptureParts) -> None:
    """It may be worth something to somebody, but it must not be tried at every start."""
    part_path(parts.video, SEGMENT).write_bytes(b"not a video" * 100)

    manifests = adopted(parts)

    broken = parts.video.segment(SEGMENT).with_name(f"{SEGMENT}.mp4.broken")
    assert manifests == []
    assert broken.read_bytes() == b"not a video" * 100
    assert parts.leftovers() == []


def test_a_segment_that_had_just_begun_leaves_nothing(parts: CaptureParts, tmp_path: Path) -> None:
    """Killed before its first fragment, a file is empty or a bare header; nobody needs to look at that."""
    film = footage(make_clip(tmp_path / "clip.mp4", seconds=1, width=320, height=180))
    first, *others = (packet for packet in film.packets if packet.kind == "video")
    writer = SegmentWriter(part_path(parts.video, SEGMENT), film.stream, first)
    writer.open()
    for packet in (first, *others[:3]):
        writer.write(packet)
    writer.abandon()
    film.container.close()
    begun = part_path(parts.video, SEGMENT).stat().st_size
    part_path(parts.video, "cam-20261120T101600000Z").touch()

    manifests = adopted(parts)

    assert begun > 0
    assert manifests == []
    assert [path for path in parts.video.segments.rglob("*.*") if path.is_file()] == []


def test_files_that_are_not_ours_are_left_alone(parts: CaptureParts, whole: Path) -> None:
    """An unknown file is adopted or left alone, never deleted."""
    day = parts.video.segment(SEGMENT).parent
    names = ["holiday.mp4", "holiday.mp4.part", "other-20261120T101500123Z.mp4", f"{SEGMENT}.blurred.mp4", "notes.txt"]
    for name in names:
        shutil.copy(whole, day / name)

    manifests = adopted(parts)

    assert manifests == []
    assert all((day / name).read_bytes() == whole.read_bytes() for name in names)


def test_only_one_process_records_a_camera(parts: CaptureParts) -> None:
    """Otherwise one would salvage what the other is writing."""
    first, second = CameraLock(parts.video, "cam"), CameraLock(parts.video, "cam")
    first.acquire()

    with pytest.raises(CameraTakenError, match="another process"):
        second.acquire()

    first.release()
    second.acquire()
    second.release()


def test_an_id_is_not_given_twice_when_the_clock_is_set_back(tmp_path: Path) -> None:
    """The second segment would overwrite the first."""
    video = VideoDir(tmp_path)
    used, _ = new_segment(video, "cam", STARTED_AT)
    video.segment(used).parent.mkdir(parents=True)
    video.segment(used).touch()

    again, started_at = new_segment(video, "cam", STARTED_AT)

    assert used == SEGMENT
    assert again == "cam-20261120T101500124Z"
    assert started_at.microsecond == 124000


def leave_two(parts: CaptureParts, cut_off: Path) -> str:
    """A crash has cut off two segments; the name of the second."""
    other = "cam-20261120T101600000Z"
    for segment in (SEGMENT, other):
        shutil.copy(cut_off, part_path(parts.video, segment))
    return other


def test_a_leftover_that_the_disk_refuses_holds_up_neither_the_others_nor_recording(
    parts: CaptureParts, cut_off: Path
) -> None:
    """Its camera would not be recorded at all, and what is small enough for a full disk would wait for what is not."""
    other = leave_two(parts, cut_off)
    in_the_way = repair_path(parts.video, SEGMENT)
    in_the_way.mkdir()  # no file can be written there
    parts.committer.start()

    adopted_at_once = parts.salvage.adopt_all("cam", TASKS, lambda segment: parts.committer.unfinished(segment, TASKS))
    in_the_way.rmdir()
    parts.committer.unfinished(SEGMENT, TASKS)

    assert parts.committer.stop(20.0)
    assert adopted_at_once == 1
    assert [manifest.segment_id for manifest in parts.manifests()] == [SEGMENT, other]
    assert parts.leftovers() == []


def test_of_two_segments_that_failed_one_is_finished_while_the_other_cannot_be(
    parts: CaptureParts, cut_off: Path
) -> None:
    """A full disk may have room for a small segment; it is not to wait until the big one fits."""
    other = leave_two(parts, cut_off)
    repair_path(parts.video, SEGMENT).mkdir()
    parts.committer.start()

    parts.committer.unfinished(SEGMENT, TASKS)
    parts.committer.unfinished(other, TASKS)

    assert parts.committer.stop(20.0)
    assert [manifest.segment_id for manifest in parts.manifests()] == [other]
    assert part_path(parts.video, SEGMENT).exists()


def test_a_segment_that_ends_does_not_wait_for_leftovers(parts: CaptureParts, cut_off: Path, tmp_path: Path) -> None:
    """A full disk leaves dozens, each takes a second, and what is recorded meanwhile would pile up behind them."""
    leftovers = [f"cam-20261120T10160{number}000Z" for number in range(3)]
    for segment in leftovers:
        part_path(parts.video, segment).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(cut_off, part_path(parts.video, segment))
        parts.committer.unfinished(segment, TASKS)
    film = footage(make_clip(tmp_path / "new.mp4", seconds=1, width=320, height=180))
    recorder = parts.recorder(camera_config(record="continuous"))
    feed(recorder, film.packets, film.stream, parts)
    recorder.finish()
    recorder.no_more_looks()

    parts.committer.start()

    assert parts.committer.stop(60.0)
    film.container.close()
    queued = sorted(parts.video.outbox.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    assert len(queued) == 4
    assert [path.stem for path in queued[1:]] == leftovers
