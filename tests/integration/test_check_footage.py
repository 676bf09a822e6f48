"""`vedette check --deep`: every broken invariant is found, nothing is changed, nothing right is blamed."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared_utils.clock import to_iso
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.segments import Manifest, VideoDir
from tests.support.check_site import clip, manifest_of
from tests.support.check_site import put as put_at
from vedette.checks.footage import FlawKind, FootageReport, check_footage

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
START = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


class FixedClock:
    """It is noon."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def record(video: VideoDir, number: int = 0, *, waiting: bool = False) -> Manifest:
    """A correct segment with its manifest, an hour old."""
    manifest = manifest_of(video, number)
    place = video.waiting_manifest if waiting else video.manifest
    put(video.segment(manifest.segment_id), clip())
    put(place(manifest.segment_id), manifest.to_json())
    return manifest


def put(path: Path, data: bytes, age_seconds: float = 3600) -> Path:
    return put_at(path, data, age_seconds, NOW.timestamp())


def look(video: VideoDir) -> FootageReport:
    return check_footage(video, FixedClock())


@pytest.fixture
def video(tmp_path: Path) -> VideoDir:
    return VideoDir(tmp_path / "video")


def test_a_correct_folder_has_no_flaw(video: VideoDir) -> None:
    record(video, 0)
    record(video, 1, waiting=True)
    line = {"ok": True, "segment_id": "a", "model": "m"}
    put(video.root / "detections_log.jsonl", json.dumps(line).encode() + b"\n")
    put(video.root / "faces_log.jsonl", b'{"ok": tr', age_seconds=1)  # being written

    assert look(video) == FootageReport(segments=2, waiting=1, log_lines=1, flaws=())


def test_a_folder_that_is_not_there_yet_has_no_flaw(video: VideoDir) -> None:
    assert look(video) == FootageReport(segments=0, waiting=0, log_lines=0, flaws=())


def bend_no_manifest(video: VideoDir, manifest: Manifest) -> None:
    video.manifest(manifest.segment_id).unlink()


def bend_no_segment(video: VideoDir, manifest: Manifest) -> None:
    video.segment(manifest.segment_id).unlink()


def bend_no_waiting_segment(video: VideoDir, manifest: Manifest) -> None:
    video.segment(manifest.segment_id).unlink()
    put(video.waiting_manifest(manifest.segment_id), manifest.to_json())
    video.manifest(manifest.segment_id).unlink()


def bend_both(video: VideoDir, manifest: Manifest) -> None:
    put(video.waiting_manifest(manifest.segment_id), manifest.to_json())


def bend_unreadable(video: VideoDir, manifest: Manifest) -> None:
    put(video.manifest(manifest.segment_id), b'{"schema": 1, "segm')


def bend_wrong_size(video: VideoDir, manifest: Manifest) -> None:
    put(video.segment(manifest.segment_id), clip()[:-1])


def bend_wrong_camera(video: VideoDir, manifest: Manifest) -> None:
    put(video.manifest(manifest.segment_id), manifest.model_copy(update={"camera": "back"}).to_json())


def bend_leaves_the_folder(video: VideoDir, manifest: Manifest) -> None:
    put(video.manifest(manifest.segment_id), manifest.model_copy(update={"filename": "../../etc/passwd"}).to_json())


def bend_unknown(video: VideoDir, manifest: Manifest) -> None:
    put(video.segments / "holiday.mp4", b"x")


def bend_half_written(video: VideoDir, manifest: Manifest) -> None:
    put(video.segment(manifest.segment_id).with_suffix(".mp4.part"), b"x")


def bend_broken(video: VideoDir, manifest: Manifest) -> None:
    put(video.segment(manifest.segment_id).with_suffix(".mp4.broken"), b"x")


def bend_failed_twice(video: VideoDir, manifest: Manifest) -> None:
    line = {"ok": False, "segment_id": manifest.segment_id, "model": "m"}
    put(video.root / "privacy_log.jsonl", 2 * (json.dumps(line).encode() + b"\n"))


def bend_refused_by_the_disk(video: VideoDir, manifest: Manifest) -> None:
    """Nothing in it is wrong, so a repair must not move it away."""
    path = video.manifest(manifest.segment_id)
    path.unlink()
    path.symlink_to(".", target_is_directory=True)  # any error of the system but "not there"
    os.utime(path.parent, (0, 0))


def bend_log_line(video: VideoDir, manifest: Manifest) -> None:
    put(video.root / "faces_log.jsonl", b'{"ok": tr\n{"ok": true}\n')


def bend_torn(video: VideoDir, manifest: Manifest) -> None:
    put(video.root / "detections_log.jsonl", b'{"ok": true, "filen')


def bend_gap(video: VideoDir, manifest: Manifest) -> None:
    backwards = {"schema": 1, "camera": "front", "from": to_iso(NOW), "to": to_iso(START), "reason": "?"}
    put(video.root / "gaps_log.jsonl", json.dumps(backwards).encode() + b"\n")


def as_if_recorded(video: VideoDir, manifest: Manifest, data: bytes) -> None:
    """The size in the manifest is right, so that only the contents tell."""
    put(video.segment(manifest.segment_id), data)
    put(video.manifest(manifest.segment_id), manifest.model_copy(update={"size_bytes": len(data)}).to_json())


def bend_cut_off(video: VideoDir, manifest: Manifest) -> None:
    as_if_recorded(video, manifest, clip()[:2000])


def bend_zeros(video: VideoDir, manifest: Manifest) -> None:
    as_if_recorded(video, manifest, bytes(len(clip())))


def bend_no_index(video: VideoDir, manifest: Manifest) -> None:
    as_if_recorded(video, manifest, clip().replace(b"moov", b"free"))


def bend_no_video(video: VideoDir, manifest: Manifest) -> None:
    as_if_recorded(video, manifest, clip().replace(b"vide", b"soun"))


def bend_no_keyframe(video: VideoDir, manifest: Manifest) -> None:
    data, at = clip(), clip().index(b"stss") + 12
    as_if_recorded(video, manifest, data[:at] + (2).to_bytes(4, "big") + data[at + 4 :])


def bend_twice(video: VideoDir, manifest: Manifest) -> None:
    line = json.dumps({"ok": True, "segment_id": manifest.segment_id, "model": "m"}).encode() + b"\n"
    put(video.root / "detections_log-2026-10.jsonl", line)
    put(video.root / "detections_log.jsonl", line)


@pytest.mark.parametrize(
    ("bend", "kind"),
    [
        (bend_no_manifest, FlawKind.NO_MANIFEST),
        (bend_no_segment, FlawKind.NO_SEGMENT),
        (bend_no_waiting_segment, FlawKind.NO_SEGMENT),
        (bend_both, FlawKind.QUEUED_AND_WAITING),
        (bend_unreadable, FlawKind.BAD_MANIFEST),
        (bend_refused_by_the_disk, FlawKind.NOT_PLAYABLE),
        (bend_wrong_size, FlawKind.WRONG_SIZE),
        (bend_wrong_camera, FlawKind.WRONG_PLACE),
        (bend_leaves_the_folder, FlawKind.WRONG_PLACE),
        (bend_unknown, FlawKind.UNKNOWN_FILE),
        (bend_half_written, FlawKind.HALF_WRITTEN),
        (bend_log_line, FlawKind.BAD_LINE),
        (bend_broken, FlawKind.BROKEN),
        (bend_torn, FlawKind.TORN_LINE),
        (bend_gap, FlawKind.BAD_LINE),
        (bend_cut_off, FlawKind.NOT_PLAYABLE),
        (bend_zeros, FlawKind.NOT_PLAYABLE),
        (bend_no_index, FlawKind.NOT_PLAYABLE),
        (bend_no_video, FlawKind.NOT_PLAYABLE),
        (bend_no_keyframe, FlawKind.NOT_PLAYABLE),
        (bend_twice, FlawKind.TWICE_LOGGED),
        (bend_failed_twice, FlawKind.TWICE_LOGGED),
    ],
)
def test_each_broken_invariant_is_found_once_and_nothing_is_changed(video: VideoDir, bend, kind: FlawKind) -> None:  # type: ignore[no-untyped-def]
    record(video, 1)
    bend(video, record(video, 0))
    before = {path: path.read_bytes() for path in video.root.rglob("*") if path.is_file()}

    flaws = look(video).flaws

    assert [flaw.kind for flaw in flaws] == [kind]
    assert flaws[0].fix
    assert {path: path.read_bytes() for path in video.root.rglob("*") if path.is_file()} == before


def test_what_is_being_written_is_left_alone(video: VideoDir) -> None:
    """A running recorder has a segment for a moment before its manifest, and a part file all the time."""
    manifest = record(video, 0)
    bend_no_manifest(video, manifest)
    put(video.segment(manifest.segment_id), clip(), age_seconds=1)
    put(video.segments / "front" / "2026-11-20" / "next.mp4.part", b"x", age_seconds=1)

    assert look(video).flaws == ()


def test_the_files_of_a_segment_being_written_are_left_alone_however_old_one_is(video: VideoDir) -> None:
    """The recorder writes what a segment will be called once, and then for minutes only the video."""
    draft = video.segments / "front" / "2026-11-20" / "next.json.part"
    put(draft, b"{}")
    put(draft.with_name("next.mp4.part"), b"x", age_seconds=1)
    put(video.segments / "front" / ".capture.lock", b"")

    assert look(video).flaws == ()


def test_logs_written_by_the_service_have_no_flaw(video: VideoDir) -> None:
    """A failure that came good in a replay, and a torn line that was ended, are no second line."""
    video.root.mkdir()
    log = ResultLog(video.root, DETECTIONS_LOG, FixedClock())
    line = {"ok": False, "segment_id": "a", "model": "m", "started_at": to_iso(START), "timestamp": to_iso(NOW)}

    log.record(line)
    log.record(line | {"ok": True})
    log.record(line | {"segment_id": "b"})

    assert look(video) == FootageReport(segments=0, waiting=0, log_lines=2, flaws=())


def test_progress_ends_at_all_of_it(video: VideoDir) -> None:
    for number in range(3):
        record(video, number)
    steps: list[tuple[int, int]] = []

    check_footage(video, FixedClock(), lambda done, total: steps.append((done, total)))

    assert steps[0] == (1, 6)
    assert steps[-1] == (6, 6)
