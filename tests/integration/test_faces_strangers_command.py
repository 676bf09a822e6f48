"""`vedette faces unknown|name|reject|remove --purge`: strangers of past segments, as people deal with them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner, Result

from shared_utils.clock import to_iso
from shared_utils.gallery.appearances import Appearance, appearances_path, read_appearances, write_appearances
from shared_utils.gallery.snapshot import read_snapshot, snapshot_path
from shared_utils.logs import FACES_LOG, JsonlLog
from shared_utils.segments import VideoDir, parse_segment_id
from tests.support.fixed_clock import FixedClock
from tests.support.own_folder import work_in
from tests.support.painted_faces import PaintedEngine
from vedette.cli import app

SEGMENTS = ("front-20261120T101500123Z", "front-20261120T111500123Z", "yard-20261120T121500123Z")
ENGINE = PaintedEngine()
POSTWOMAN, BOY = 20.0, 140.0


@dataclass(frozen=True)
class Bench:
    """A video folder with three segments: the postwoman in all of them, a boy in the first."""

    folder: Path
    cameras: str = "{}"

    def __call__(self, *arguments: str) -> Result:
        config = self.folder / "vedette.yml"
        config.write_text(f"faces: {{model: painted}}\nvideo_dir: {self.folder / 'video'}\ncameras: {self.cameras}\n")
        return CliRunner().invoke(app, ["faces", *arguments, "--config", str(config)])

    @property
    def video(self) -> VideoDir:
        return VideoDir(self.folder / "video")

    def lines(self) -> list[dict[str, object]]:
        return list(JsonlLog(self.video.root, FACES_LOG, FixedClock()).lines())

    def detected(self) -> list[object]:
        return [line["detected"] for line in self.lines()]


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    work_in(tmp_path, monkeypatch)
    bench = Bench(tmp_path)
    recorded(bench.video, SEGMENTS[0], [POSTWOMAN, BOY])
    recorded(bench.video, SEGMENTS[1], [POSTWOMAN + 5])
    recorded(bench.video, SEGMENTS[2], [POSTWOMAN - 5], shown=False)
    return bench


def recorded(video: VideoDir, segment: str, people: Sequence[float], *, shown: bool = True) -> None:
    """What the face worker leaves of a segment: the faces, then the line."""
    camera, started_at = parse_segment_id(segment)
    seen = [_appearance(segment, number, degrees, shown) for number, degrees in enumerate(people, start=1)]
    write_appearances(video, segment, "painted", seen)
    JsonlLog(video.root, FACES_LOG, FixedClock()).append(_line(segment, camera, started_at, len(people)))


def _appearance(segment: str, track: int, degrees: float, shown: bool) -> Appearance:
    camera, started_at = parse_segment_id(segment)
    vector = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)
    green = np.full((150, 120, 3), (0, 255, 0), np.uint8)
    crop = cv2.imencode(".jpg", green)[1].tobytes() if shown else None
    return Appearance(
        segment, camera, started_at, track, ENGINE.embedding_model, vector, 0.9, 0.0, 4.0, "unknown", None, crop
    )


def _line(segment: str, camera: str, started_at: datetime, count: int) -> dict[str, object]:
    return {
        "ok": True,
        "filename": f"{segment}.mp4",
        "detected": ["unknown"],
        "count": count,
        "timestamp": to_iso(started_at),
        "schema": 1,
        "segment_id": segment,
        "camera": camera,
        "event_id": None,
        "started_at": to_iso(started_at),
        "model": "painted",
        "frames_analysed": 9,
        "seconds": 0.5,
        "faces": [
            {"track_id": number, "name": "unknown", "identity_id": None, "similarity": 0.1, "quality": 0.9}
            for number in range(1, count + 1)
        ],
        "error": None,
    }


def plain(result: Result) -> str:
    return " ".join(result.output.replace("│", " ").split())


def test_strangers_are_numbered_the_most_often_seen_first(faces: Bench) -> None:
    """Who comes every day is named first."""
    result = faces("unknown", "--json", "--out", "sheet.png")

    strangers = json.loads(result.stdout)
    assert [(one["appearances"], one["cameras"]) for one in strangers] == [(3, ["front", "yard"]), (1, ["front"])]
    assert strangers[0]["first_seen"] == "2026-11-20T10:15:00.123Z"
    assert strangers[0]["tracks"][0]["segment_id"] in SEGMENTS


def test_the_contact_sheet_shows_faces_and_hides_those_that_must_not_be_seen(faces: Bench) -> None:
    """Of the yard, a camera with privacy: blur, there is no picture."""
    assert "Their faces are drawn in unknown.png" in plain(faces("unknown"))

    assert faces_drawn(faces.folder / "unknown.png") == pytest.approx(3, rel=0.05)  # of four appearances


def test_pictures_from_before_a_camera_became_private_are_not_shown(faces: Bench) -> None:
    """They are kept until retention deletes their footage, and nobody may see them any more."""
    private = replace(faces, cameras="{front: {url: 'rtsp://127.0.0.1/front', privacy: blur}}")
    result = private("unknown")

    assert result.exit_code == 0, result.output
    assert faces_drawn(faces.folder / "unknown.png") == 0


def faces_drawn(sheet: Path) -> float:
    """How many of the green faces a contact sheet shows."""
    with Pillow.open(sheet) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    return float((np.abs(pixels - (0, 255, 0)).max(axis=2) < 40).sum()) / (128 * 128)


def test_a_named_stranger_is_known_and_so_is_the_past(faces: Bench) -> None:
    """Otherwise last week's visits stay those of nobody."""
    number = str(json.loads(faces("unknown", "--json").stdout)[0]["number"])
    result = faces("name", number, "the postwoman", "--consent", "asked at the door")

    assert "the postwoman is new in the gallery" in plain(result)
    assert "3 tracks in 3 lines of the faces log were changed." in plain(result)
    assert faces.detected() == [["the postwoman", "unknown"], ["the postwoman"], ["the postwoman"]]
    assert [one.name for one in read_snapshot(snapshot_path(faces.video)).identities] == ["the postwoman"]
    assert len(json.loads(faces("unknown", "--json").stdout)) == 1


def test_a_wrong_name_is_taken_off_a_track(faces: Bench) -> None:
    """And whoever looks more like that face than like the person is not called so again."""
    number = str(json.loads(faces("unknown", "--json").stdout)[0]["number"])
    faces("name", number, "Anna")
    result = faces("reject", SEGMENTS[1], "1")

    assert "is not Anna. Counter-examples of Anna: 1." in plain(result)
    assert faces.detected() == [["Anna", "unknown"], ["unknown"], ["Anna"]]
    assert len(read_snapshot(snapshot_path(faces.video)).models[ENGINE.embedding_model].rejected) == 1


def test_a_track_without_a_name_has_none_to_take_away(faces: Bench) -> None:
    """Unless it is said whom it is not."""
    result = faces("reject", SEGMENTS[0], "2")

    assert result.exit_code == 2
    assert "has no name to take away. Say whom it is not: NAME." in plain(result)


def test_a_person_who_is_purged_leaves_no_name_and_no_face(faces: Bench) -> None:
    """Whoever asks to be forgotten is forgotten in last week's lines and faces, too."""
    number = str(json.loads(faces("unknown", "--json").stdout)[0]["number"])
    faces("name", number, "Anna")
    result = faces("remove", "Anna", "--purge", "--yes")

    assert result.exit_code == 0
    assert faces.detected() == [["unknown"]] * 3
    assert "Anna" not in (faces.folder / "video" / "faces_log.jsonl").read_text()
    assert read_snapshot(snapshot_path(faces.video)).identities == ()
    kept = [appearances_path(faces.video, segment, "painted") for segment in SEGMENTS]
    assert [[one.track_id for one in read_appearances(path)] for path in kept if path.exists()] == [[2]]


def test_nobody_is_purged_while_the_video_folder_is_away(faces: Bench) -> None:
    """Below a disk that is not mounted lies an empty folder: the past looks purged there, and is not."""
    number = str(json.loads(faces("unknown", "--json").stdout)[0]["number"])
    faces("name", number, "Anna")
    away = [faces.folder / "video" / name for name in ("faces_log.jsonl", "faces")]
    for path in away:
        path.rename(faces.folder / path.name)
    result = faces("remove", "Anna", "--purge", "--yes")
    for path in away:
        (faces.folder / path.name).rename(path)

    assert result.exit_code == 1
    assert "Mount the video folder" in plain(result)
    assert faces.detected()[1] == ["Anna"]
    assert faces("show", "Anna").exit_code == 0
    assert faces("remove", "Anna", "--purge", "--yes").exit_code == 0
    assert faces.detected() == [["unknown"]] * 3


def test_calibration_says_on_what_it_was_measured(faces: Bench) -> None:
    """A rate from three pairs is no rate."""
    number = str(json.loads(faces("unknown", "--json").stdout)[0]["number"])
    faces("name", number, "Anna")
    measured = json.loads(faces("calibrate", "--json").stdout)

    assert (measured["people"], measured["strangers"]) == (1, 1)
    assert (measured["genuine_pairs"], measured["impostor_pairs"]) == (3, 3)
    assert [(rate["threshold"], rate["tar"], rate["enough"]) for rate in measured["rates"]] == [(None, None, False)] * 4
    assert measured["threshold_in_use"] == 0.4
    shown = plain(faces("calibrate"))
    assert "too few pairs of two people to name a threshold: 30 are needed" in shown
    assert "leave faces.threshold as it is" in shown
    assert "0.000" not in shown


def test_a_damaged_file_of_faces_is_told_and_left_out(faces: Bench) -> None:
    """One bad sector must not hide every stranger."""
    appearances_path(faces.video, SEGMENTS[0], "painted").write_bytes(b"PK damaged")
    result = faces("unknown")

    assert f"{SEGMENTS[0]}.painted.npz is left out" in plain(result)
    assert "unknown.png" in plain(result)
