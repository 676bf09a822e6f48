"""Faces that were learned from footage go with it, and nothing else goes."""

from pathlib import Path

import pytest

from capture_service import retention
from capture_service.retention import FACES_SECONDS, Retention
from capture_service.retention_faces import delete_faces
from shared_utils.config.schema import StorageConfig
from shared_utils.segments import VideoDir
from tests.unit.test_retention import ROOMY, StoppedClock, at, lay_down, loaded

A_WEEK = StorageConfig(max_age_hours=7 * 24, keep_free_gb=0)


@pytest.fixture
def video(tmp_path: Path) -> VideoDir:
    video = VideoDir(tmp_path)
    lay_down(video, at(0, "awake"))  # without footage of today, the clock would not be believed
    return video


def learn(video: VideoDir, segment: str, model: str = "buffalo_l") -> Path:
    """What the face worker leaves of the people in a segment."""
    path = video.appearances(segment, model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"faces")
    return path


def test_the_faces_of_a_segment_go_with_it(video: VideoDir) -> None:
    """What somebody looks like is told to be kept as long as the footage, and no longer."""
    old, young = lay_down(video, at(9)), lay_down(video, at(1))
    gone = [learn(video, old, model) for model in ("buffalo_l", "buffalo_s")]
    kept = learn(video, young)

    loaded(video, A_WEEK).make_room(())

    assert not any(path.exists() for path in gone)
    assert not gone[0].parent.exists()
    assert kept.exists()


def test_faces_that_are_written_while_their_segment_is_deleted_go_with_it(
    video: VideoDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may finish in that moment: footage that goes for want of space would leave its faces for weeks."""
    keeper = loaded(video, A_WEEK, StoppedClock())
    keeper.make_room(())  # with the look for leftovers, which comes once a day
    old = lay_down(video, at(9))
    keeper.note_new(old, 1)

    def delete_and_learn(video: VideoDir, segment: str) -> None:
        delete_faces(video, segment)
        if video.segment(segment).exists():
            learn(video, segment)

    monkeypatch.setattr(retention, "delete_faces", delete_and_learn)
    keeper.make_room(())

    assert not video.segment(old).exists()
    assert video.appearances_of(old) == []


def test_faces_that_were_written_after_their_segment_was_deleted_go_within_a_day(video: VideoDir) -> None:
    """A worker that has a segment in hand does not notice that it is being deleted."""
    clock = StoppedClock()
    keeper: Retention = loaded(video, A_WEEK, clock)
    keeper.make_room(())
    late = learn(video, at(9))

    keeper.make_room(())
    at_once = late.exists()
    clock.seconds = FACES_SECONDS
    keeper.make_room(())

    assert at_once
    assert not late.exists()


def test_faces_stay_while_their_segment_may_only_be_out_of_sight(video: VideoDir) -> None:
    """`segments/` may be a disk of its own that is not mounted: everything would look like a leftover."""
    young = learn(video, at(3))

    loaded(video, A_WEEK).make_room(())

    assert young.exists()


@pytest.mark.parametrize(
    "name",
    [
        "front/2026-11-01/holiday.npz",
        "front/2026-11-02/front-20261101T000000000Z.a.npz",  # not where we would have put it
        "front/2026-11-01/front-20261101T000000000Z.npz",  # by no model
        "front/2026-11-01/front-20261199T000000000Z.a.npz",  # a day that does not exist
        "front/2026-11-01/front-20261101T000000000Z.a.npz/inside",
    ],
)
def test_a_file_among_the_faces_that_is_not_ours_stays(video: VideoDir, name: str) -> None:
    path = video.faces / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"mine")

    loaded(video, A_WEEK).make_room(())

    assert path.read_bytes() == b"mine"


def test_faces_behind_a_link_stay(video: VideoDir, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What lies behind a link is not below `video/`."""
    elsewhere = learn(VideoDir(tmp_path_factory.mktemp("elsewhere")), at(9))
    video.faces.mkdir()
    (video.faces / "front").symlink_to(elsewhere.parent.parent)

    loaded(video, A_WEEK).make_room(())

    assert elsewhere.exists()


def test_faces_that_cannot_be_deleted_do_not_stop_the_recording(
    video: VideoDir, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wrong permission is for the owner to mend; the camera goes on."""
    late = learn(video, at(9))

    def denied(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    retention = loaded(video, ROOMY.model_copy(update={"max_age_hours": 24}))
    monkeypatch.setattr(Path, "unlink", denied)

    assert retention.make_room(()) == []
    assert f"{late}, whose segment is gone, cannot be deleted" in caplog.text
