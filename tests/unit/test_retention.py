"""What retention deletes, in which order, and what it never touches."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture_service.metrics import DELETED, KEPT_BYTES
from capture_service.retention import GB, RETRY_SECONDS, Retention, free_bytes_at
from capture_service.retention_index import KeptIndex, find_segments, kept_segment
from capture_service.trusted_time import DOUBTED_SECONDS
from shared_utils.config.schema import StorageConfig
from shared_utils.errors import SegmentError, StorageError
from shared_utils.segments import VideoDir, segment_id
from tests.support.fixed_clock import FixedClock

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SIZE = 1000
ROOMY = StorageConfig(max_disk_usage_gb=100, max_age_hours=24 * 365, keep_free_gb=0)


class StoppedClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Disk:
    """A disk of a given size whose used space is what lies below the folder."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes

    def free_bytes(self, root: Path) -> int:
        return self.capacity_bytes - sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def at(days_ago: float, camera: str = "front") -> str:
    return segment_id(camera, NOW - timedelta(days=days_ago))


def lay_down(video: VideoDir, segment: str, *, queued: bool = True, size: int = SIZE, snapshot: bool = False) -> str:
    """A segment as it lies on disk after recording, with empty contents."""
    video.segment(segment).parent.mkdir(parents=True, exist_ok=True)
    video.segment(segment).write_bytes(b"\0" * size)
    manifest = video.manifest(segment) if queued else video.waiting_manifest(segment)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_bytes(b"")
    if snapshot:
        video.snapshot(segment).parent.mkdir(parents=True, exist_ok=True)
        video.snapshot(segment).write_bytes(b"")
    return segment


def loaded(
    video: VideoDir,
    limits: StorageConfig,
    clock: StoppedClock | None = None,
    free_bytes: Callable[[Path], int] = lambda _root: 10**15,
) -> Retention:
    retention = Retention(video, limits, clock or StoppedClock(), free_bytes)
    retention.load()
    return retention


@pytest.fixture
def video(tmp_path: Path) -> VideoDir:
    return VideoDir(tmp_path)


def test_segments_past_their_age_go_oldest_first_across_cameras(video: VideoDir) -> None:
    """The owner promised somebody that nothing older is kept, whichever camera it came from."""
    oldest, old = lay_down(video, at(9, "yard")), lay_down(video, at(8, "front"))
    young = lay_down(video, at(1))

    deleted = loaded(video, StorageConfig(max_age_hours=7 * 24, keep_free_gb=0)).make_room(())

    assert deleted == [oldest, old]
    assert not video.segment(old).exists()
    assert video.segment(young).exists()


def test_a_segment_goes_with_its_manifest_and_its_snapshot(video: VideoDir) -> None:
    """A manifest without footage would promise what cannot be played, and a snapshot would show what should be gone."""
    old, _ = lay_down(video, at(9), snapshot=True), lay_down(video, at(0))

    loaded(video, StorageConfig(max_age_hours=24, keep_free_gb=0)).make_room(())

    assert not any(path.exists() for path in (video.segment(old), video.manifest(old), video.snapshot(old)))


def test_a_clock_that_jumps_ahead_deletes_nothing_for_its_age_on_that_day(video: VideoDir) -> None:
    """One that is set to another year by mistake would empty the archive before anybody notices."""
    segments = [lay_down(video, at(days_ago)) for days_ago in (20, 1, 0)]
    clock = FixedClock(NOW)
    retention = Retention(video, StorageConfig(max_age_hours=30 * 24, keep_free_gb=0), clock, lambda _: 10**15)
    retention.load()

    clock.set(NOW.replace(year=2037))
    at_once = retention.make_room(())
    clock.advance(DOUBTED_SECONDS)
    a_day_later = retention.make_room(())

    assert at_once == []
    assert a_day_later == segments


def test_the_oldest_go_until_the_total_fits(video: VideoDir) -> None:
    """And no more than these: every other segment is still wanted."""
    segments = [lay_down(video, at(days)) for days in (5, 4, 3, 2, 1)]
    limits = StorageConfig(max_disk_usage_gb=3.5 * SIZE / GB, max_age_hours=24 * 365, keep_free_gb=0)

    deleted = loaded(video, limits).make_room(())

    assert deleted == segments[:2]


def test_the_oldest_go_until_enough_space_is_free(video: VideoDir) -> None:
    """A full disk would end the recording, of this and of everything else on the machine."""
    segments = [lay_down(video, at(days)) for days in (5, 4, 3, 2, 1)]
    limits = ROOMY.model_copy(update={"keep_free_gb": 2.5 * SIZE / GB})

    deleted = loaded(video, limits, free_bytes=Disk(6 * SIZE).free_bytes).make_room(())

    assert deleted == segments[:2]


def test_new_segments_count_without_a_new_walk(video: VideoDir) -> None:
    """The tree is walked once; a walk before every segment would be dear with 100,000 of them."""
    limits = StorageConfig(max_disk_usage_gb=1.5 * SIZE / GB, max_age_hours=24 * 365, keep_free_gb=0)
    retention = loaded(video, limits)
    first, second = lay_down(video, at(2)), lay_down(video, at(1))

    retention.note_new(second, SIZE)
    retention.note_new(first, SIZE)
    deleted = retention.make_room(())

    assert deleted == [first]


def test_what_is_being_written_stays(video: VideoDir) -> None:
    """Even when it is the only thing that could go."""
    writing = lay_down(video, at(9))

    deleted = loaded(video, StorageConfig(max_age_hours=1, keep_free_gb=0)).make_room({writing})

    assert deleted == []
    assert video.segment(writing).exists()


@pytest.mark.parametrize(
    "name",
    [
        "segments/front/2026-11-01/holiday.mp4",
        "segments/front/2026-11-01/front-20261101T000000000Z.mp4.part",
        "segments/front/2026-11-01/front-20261101T000000000Z.mp4",  # no manifest: not adopted yet
        "segments/front/2026-11-02/front-20261101T000000000Z.mp4",  # not where we would have put it
        "segments/yard/2026-11-01/front-20261101T000000000Z.mp4",
        "segments/front/2026-11-01/front-20261199T000000000Z.mp4",  # a day that does not exist
        "segments/front-20261101T000000000Z.mp4",
        "front-20261101T000000000Z.mp4",
        "detections_log.jsonl",
    ],
)
def test_an_unknown_file_is_never_touched(video: VideoDir, name: str) -> None:
    """People put files into folders. Nothing that we are not certain to have recorded is ours to delete."""
    path = video.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"mine")
    if "front/2026-11-01/front" not in name:
        path.with_suffix(".json").write_bytes(b"{}")
    limits = StorageConfig(max_disk_usage_gb=1e-9, max_age_hours=0.1, keep_free_gb=1)

    with pytest.raises(StorageError):
        loaded(video, limits, free_bytes=lambda _root: 0).make_room(())

    assert path.read_bytes() == b"mine"


def test_a_link_is_not_followed(video: VideoDir, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What lies behind a link is not below `video/`, whatever it is called."""
    elsewhere = VideoDir(tmp_path_factory.mktemp("elsewhere"))
    old = lay_down(elsewhere, at(9))
    video.segments.mkdir()
    (video.segments / "front").symlink_to(elsewhere.segments / "front")

    deleted = loaded(video, StorageConfig(max_age_hours=1, keep_free_gb=0)).make_room(())

    assert deleted == []
    assert elsewhere.segment(old).exists()


def test_footage_not_yet_queued_outlives_everything_else(video: VideoDir, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody has analysed it: it goes last, and not silently. But a full disk must not stop the recording for ever."""
    unqueued = lay_down(video, at(9), queued=False)
    queued = [lay_down(video, at(days)) for days in (2, 1)]
    limits = StorageConfig(max_disk_usage_gb=2.5 * SIZE / GB, max_age_hours=1000, keep_free_gb=0)
    nothing_fits = StorageConfig(max_disk_usage_gb=1e-9, max_age_hours=1000, keep_free_gb=0)

    first = loaded(video, limits).make_room(())
    assert not caplog.records
    then = loaded(video, nothing_fits).make_room(())

    assert first == queued[:1]
    assert then == [queued[1], unqueued]
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["WARNING"]
    assert "not queued yet" in caplog.text
    assert not video.waiting_manifest(unqueued).exists()


def test_footage_not_yet_queued_is_not_deleted_for_its_age(video: VideoDir) -> None:
    """Redis was away for long: once it is back, the analysis is made up for."""
    unqueued = lay_down(video, at(9), queued=False)

    deleted = loaded(video, StorageConfig(max_age_hours=1, keep_free_gb=0)).make_room(())

    assert deleted == []
    assert video.segment(unqueued).exists()


def test_nothing_left_to_delete_is_an_error_that_says_what_to_do(video: VideoDir) -> None:
    """The recorder must know, and so must the owner."""
    limits = StorageConfig(max_age_hours=1000, keep_free_gb=2)

    with pytest.raises(StorageError, match=r"1\.50 GB short of storage\.keep_free_gb = 2.*Free some space by hand"):
        loaded(video, limits, free_bytes=lambda _root: GB // 2).make_room(())


def test_space_that_does_not_show_at_once_does_not_cost_everything(
    video: VideoDir, caplog: pytest.LogCaptureFixture
) -> None:
    """A filesystem that frees lazily would otherwise talk us into deleting all footage in one go."""
    segments = [lay_down(video, at(9 - number / 10)) for number in range(20)]
    limits = ROOMY.model_copy(update={"keep_free_gb": 2 * SIZE / GB})

    deleted = loaded(video, limits, free_bytes=lambda _root: 0).make_room(())

    assert deleted == segments[:6]
    assert "does not show the space yet" in caplog.text


def refuse_to_delete(monkeypatch: pytest.MonkeyPatch, segment: str) -> None:
    """Deny the unlink of one file. Done by hand because tests may run as root, whom no permission stops."""
    unlink = Path.unlink

    def denied(path: Path, missing_ok: bool = False) -> None:
        if path.name == f"{segment}.mp4":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", denied)


def test_a_segment_that_cannot_be_deleted_is_named_once_and_passed_over(
    video: VideoDir, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wrong permission must neither stop the recording nor fill the log before every segment."""
    stuck, old, _ = (lay_down(video, at(days_ago)) for days_ago in (9, 8, 0))
    refuse_to_delete(monkeypatch, stuck)
    clock = StoppedClock()
    retention = loaded(video, StorageConfig(max_age_hours=24, keep_free_gb=0), clock)

    assert retention.make_room(()) == [old]
    assert retention.make_room(()) == []
    assert caplog.text.count("cannot be: ") == 1
    monkeypatch.undo()
    clock.seconds = RETRY_SECONDS + 1

    assert retention.make_room(()) == [stuck]


def test_everything_stuck_ends_in_an_error_not_in_a_loop(video: VideoDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make_room` runs before every segment; it has to come back."""
    refuse_to_delete(monkeypatch, lay_down(video, at(9)))
    limits = ROOMY.model_copy(update={"keep_free_gb": 1})

    with pytest.raises(StorageError):
        loaded(video, limits, free_bytes=lambda _root: 0).make_room(())


def test_empty_date_folders_go_but_not_those_of_these_days(video: VideoDir) -> None:
    """A year of empty folders helps nobody; but a recorder may be about to write into today's."""
    old, today = lay_down(video, at(9), snapshot=True), lay_down(video, at(0.2))
    limits = StorageConfig(max_disk_usage_gb=1e-9, max_age_hours=1000, keep_free_gb=0)

    loaded(video, limits).make_room(())

    assert not video.segment(old).parent.exists()
    assert not video.snapshot(old).parent.exists()
    assert video.segment(today).parent.exists()


def test_a_date_folder_with_an_unknown_file_stays(video: VideoDir) -> None:
    """Removing the folder would remove the file."""
    old, _ = lay_down(video, at(9)), lay_down(video, at(0))
    note = video.segment(old).with_name("note.txt")
    note.write_text("keep this")

    loaded(video, StorageConfig(max_age_hours=24, keep_free_gb=0)).make_room(())

    assert note.read_text() == "keep this"


def test_a_segment_that_is_gone_already_is_no_failure(video: VideoDir) -> None:
    """Somebody deleted it by hand."""
    old, _ = lay_down(video, at(9)), lay_down(video, at(0))
    retention = loaded(video, StorageConfig(max_age_hours=24, keep_free_gb=0))
    video.segment(old).unlink()

    assert retention.make_room(()) == [old]
    assert not video.manifest(old).exists()


def test_metrics_say_what_is_kept_and_why_the_rest_went(video: VideoDir) -> None:
    """Operators see a disk fill up before it is full."""
    lay_down(video, at(9))
    lay_down(video, at(1))
    before = DELETED.labels("age")._value.get()

    loaded(video, StorageConfig(max_age_hours=7 * 24, keep_free_gb=0)).make_room(())

    assert DELETED.labels("age")._value.get() == before + 1
    assert KEPT_BYTES._value.get() == SIZE


def test_only_a_segment_id_can_be_noted(video: VideoDir) -> None:
    """A path built from anything else could lead anywhere."""
    with pytest.raises(SegmentError):
        loaded(video, ROOMY).note_new("../../etc/passwd", 1)


def test_a_folder_that_does_not_exist_yet_is_an_empty_one(tmp_path: Path) -> None:
    """The first start of all."""
    video = VideoDir(tmp_path / "not" / "yet")

    retention = loaded(video, StorageConfig(keep_free_gb=0), free_bytes=free_bytes_at)

    assert retention.make_room(()) == []


def test_adding_a_segment_twice_counts_it_once() -> None:
    """A salvaged segment may be noted after it was found."""
    index = KeptIndex()

    index.add(kept_segment(at(1), 10))
    index.add(kept_segment(at(1), 30))

    assert (len(index), index.total_bytes) == (1, 30)


Tree = dict[str, tuple[bool, int]]  # segment: whether it is queued, bytes
TREES: st.SearchStrategy[Tree] = st.dictionaries(
    st.builds(at, st.integers(0, 60).map(lambda days: days / 2), st.sampled_from(["front", "yard", "front-2"])),
    st.tuples(st.booleans(), st.integers(0, 5000)),
    max_size=12,
)
UNKNOWN = st.lists(
    st.sampled_from(["a.mp4", "segments/b.mp4", "segments/front/c.mp4", "segments/front/2026-11-01/d.mp4"]), unique=True
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=TREES,
    unknown=UNKNOWN,
    max_bytes=st.integers(1, 30_000),
    age_hours=st.integers(1, 700),
    keep_free=st.integers(0, 20_000),
    capacity=st.integers(0, 60_000),
    data=st.data(),
)
def test_the_limits_hold_afterwards_and_nothing_was_deleted_needlessly(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    tree: Tree,
    unknown: list[str],
    max_bytes: int,
    age_hours: int,
    keep_free: int,
    capacity: int,
    data: st.DataObject,
) -> None:
    """Whatever lies there: the limits hold as far as they can, the young outlive the old, strangers survive."""
    video = VideoDir(tmp_path_factory.mktemp("video"))
    tree = {**tree, at(0, "awake"): (True, 0)}  # without footage of today, the clock would not be believed
    for segment, (queued, size) in tree.items():
        lay_down(video, segment, queued=queued, size=size)
    for name in unknown:
        (video.root / name).parent.mkdir(parents=True, exist_ok=True)
        (video.root / name).write_bytes(name.encode())
    writing = data.draw(st.sets(st.sampled_from(sorted(tree)))) if tree else set()
    limits = StorageConfig(max_disk_usage_gb=max_bytes / GB, max_age_hours=age_hours, keep_free_gb=keep_free / GB)
    disk = Disk(capacity)
    retention = loaded(video, limits, free_bytes=disk.free_bytes)

    try:
        retention.make_room(writing)
        full = False
    except StorageError:
        full = True

    left = {kept.segment_id for kept in find_segments(video)}
    gone = set(tree) - left
    deletable = left - writing
    assert all((video.root / name).read_bytes() == name.encode() for name in unknown)
    assert not gone & writing
    assert all(video.segment(segment).exists() for segment in left)
    assert sum(tree[segment][1] for segment in left) <= max_bytes or not deletable
    assert full == (disk.free_bytes(video.root) < keep_free)
    assert not (full and deletable)
    too_old = {segment for segment in tree if NOW - timedelta(hours=age_hours) > kept_time(segment)}
    assert not {segment for segment in deletable & too_old if tree[segment][0]}
    if any(not tree[segment][0] for segment in gone):
        assert not {segment for segment in deletable if tree[segment][0]}
    assert not video.outbox.exists() or {path.stem for path in video.outbox.iterdir()} <= left


def kept_time(segment: str) -> datetime:
    return datetime.fromtimestamp(kept_segment(segment, 0).started_at, UTC)
