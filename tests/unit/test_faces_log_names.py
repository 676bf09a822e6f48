"""Names in past lines: changed where they are meant, and nothing else touched."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared_utils.errors import StorageError
from shared_utils.logs import FACES_LOG, JsonlLog
from shared_utils.segments import VideoDir
from tests.support.fixed_clock import FixedClock
from vedette.faces.log_names import LogChange, LoggedTrack, logged_tracks, rename_in_log

CLOCK = FixedClock(datetime(2026, 11, 20, 10, 15, tzinfo=UTC))
ANNA, BEN = ("Anna", "a1"), ("Ben", "b2")


def line(second: int, *people: tuple[str, str | None], model: str = "buffalo_l") -> dict[str, object]:
    faces = [
        {"track_id": number, "name": name, "identity_id": identity, "similarity": 0.5, "path": [[0.0, 1, 2, 3, 4, 0.9]]}
        for number, (name, identity) in enumerate(people, start=1)
    ]
    return {
        "ok": True,
        "filename": f"front-20261120T1015{second:02d}000Z.mp4",
        "detected": sorted({name for name, _ in people}),
        "count": len(people),
        "timestamp": "2026-11-20T10:15:00.000Z",
        "segment_id": f"front-20261120T1015{second:02d}000Z",
        "model": model,
        "faces": faces,
        "error": None,
    }


def written(folder: Path, *lines: dict[str, object]) -> VideoDir:
    log = JsonlLog(folder, FACES_LOG, CLOCK)
    for one in lines:
        log.append(one)
    return VideoDir(folder)


def read(video: VideoDir) -> list[dict[str, object]]:
    return list(JsonlLog(video.root, FACES_LOG, CLOCK).lines())


def anna_is_called_zoe(track: LoggedTrack) -> LoggedTrack:
    return track.called("Zoë", "a1") if track.identity_id == "a1" else track


def test_a_name_is_changed_in_the_track_and_in_what_was_detected(tmp_path: Path) -> None:
    """Other people's programs look at `detected` alone."""
    video = written(tmp_path, line(1, ANNA, BEN), line(2, BEN), line(3, ANNA, ANNA))

    change = rename_in_log(video, CLOCK, anna_is_called_zoe)

    assert change == LogChange(lines=2, tracks=3)
    assert [one["detected"] for one in read(video)] == [["Ben", "Zoë"], ["Ben"], ["Zoë"]]
    assert [track.name for track in logged_tracks(video, CLOCK)] == ["Zoë", "Ben", "Ben", "Zoë", "Zoë"]


def test_other_lines_stay_byte_for_byte(tmp_path: Path) -> None:
    """Lines of other programs, of newer versions, and torn ones are not ours to word anew."""
    video = written(tmp_path, line(1, ANNA))
    path = tmp_path / "faces_log.jsonl"
    others = [b'{"note": "by hand" , "faces": [1, {"track_id": 1}]}\n', b'{"segment_id":"x","model":"m","fa']
    path.write_bytes(others[0] + path.read_bytes() + others[1])

    rename_in_log(video, CLOCK, anna_is_called_zoe)

    lines = path.read_bytes().splitlines(keepends=True)
    assert [lines[0], lines[2]] == others
    assert json.loads(lines[1])["detected"] == ["Zoë"]


def test_every_month_is_looked_through(tmp_path: Path) -> None:
    """A person who asks to be forgotten asks for last year, too."""
    video = written(tmp_path, line(1, ANNA))
    (tmp_path / "faces_log.jsonl").rename(tmp_path / "faces_log-2025-11.jsonl")

    assert rename_in_log(video, CLOCK, anna_is_called_zoe).tracks == 1
    assert b"Anna" not in (tmp_path / "faces_log-2025-11.jsonl").read_bytes()


def test_a_log_in_which_nothing_changes_is_not_written(tmp_path: Path) -> None:
    """Whoever follows the file would read all of it again."""
    video = written(tmp_path, line(1, BEN))
    before = (tmp_path / "faces_log.jsonl").stat().st_ino

    assert rename_in_log(video, CLOCK, anna_is_called_zoe) == LogChange()
    assert (tmp_path / "faces_log.jsonl").stat().st_ino == before


def test_without_a_log_nothing_is_made(tmp_path: Path) -> None:
    """A gallery may be filled before the first segment is recorded."""
    assert rename_in_log(VideoDir(tmp_path / "video"), CLOCK, anna_is_called_zoe) == LogChange()
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A name that was to be forgotten and was not must not look like success."""
    video = written(tmp_path, line(1, ANNA))
    (tmp_path / "faces_log.jsonl.part").mkdir()  # where the new file would be written

    with pytest.raises(StorageError, match="faces_log"):
        rename_in_log(video, CLOCK, anna_is_called_zoe)
    assert read(video)[0]["detected"] == ["Anna"]
