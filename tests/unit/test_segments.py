"""Names, manifests and places of segments: contracts that files on disk rely on."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_utils.errors import SegmentError
from shared_utils.segments import (
    CAMERA_NAME,
    Manifest,
    VideoDir,
    parse_segment_id,
    read_manifest,
    segment_id,
    write_manifest,
)
from shared_utils.tasks import Task, task_for
from tests.support.manifest_json import MANIFEST, SEGMENT


@given(
    camera=st.from_regex(CAMERA_NAME, fullmatch=True),
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
)
def test_a_segment_id_tells_camera_and_start(camera: str, moment: datetime) -> None:
    """Whatever a camera is called, and wherever it stands: the name is all that is left of a lost manifest."""
    found_camera, found_start = parse_segment_id(segment_id(camera, moment))

    assert found_camera == camera
    assert timedelta(0) <= moment - found_start < timedelta(milliseconds=1)


def test_segment_ids_sort_by_time_in_utc() -> None:
    """Also in the hour that summer time repeats."""
    berlin = [timezone(timedelta(hours=2)), timezone(timedelta(hours=1))]
    moments = [datetime(2026, 10, 25, 2, 30, tzinfo=zone) for zone in berlin]

    names = [segment_id("front", moment) for moment in moments]

    assert names == ["front-20261025T003000000Z", "front-20261025T013000000Z"]


def test_a_time_without_zone_names_nothing() -> None:
    """It would be taken for the zone of this machine, silently."""
    with pytest.raises(ValueError, match="no time zone"):
        segment_id("front", datetime(2026, 11, 20))  # noqa: DTZ001


@pytest.mark.parametrize(
    "text",
    [
        "", "front", "front-20261120T101500Z", "Front-20261120T101500123Z", "-20261120T101500123Z",
        "front-20261320T101500123Z", "front-20261120T251500123Z", "../front-20261120T101500123Z",
        "front-20261120T101500123Z\n", "front-\u0662\u0660\u0662\u06661120T101500123Z", "a/b-20261120T101500123Z",
    ],
)  # fmt: skip
def test_anything_else_is_no_segment_id(text: str) -> None:
    """Ids become paths: what is not exactly one is refused."""
    with pytest.raises(SegmentError, match=r"(?i)segment id"):
        parse_segment_id(text)


def test_a_manifest_is_the_json_of_the_contract(tmp_path: Path) -> None:
    """Notebooks and other people's tools read these files."""
    path = tmp_path / "new" / f"{SEGMENT}.json"
    manifest = Manifest.model_validate(MANIFEST)

    write_manifest(path, manifest)

    assert json.loads(path.read_text()) == MANIFEST
    assert list(json.loads(path.read_text())) == list(MANIFEST)
    assert read_manifest(path) == manifest


def test_a_key_from_a_newer_vedette_is_kept(tmp_path: Path) -> None:
    """Somebody who goes back one version must not lose what the newer one knew."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps(MANIFEST | {"weather": {"rain": True}}))

    write_manifest(path, read_manifest(path))

    assert json.loads(path.read_text())["weather"] == {"rain": True}


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2}, {"segment_id": "front"}, {"trigger": "boredom"}, {"started_at": "2026-11-20T10:15:00"},
        {"duration_seconds": -1}, {"bytes": -1}, {"video": None}, {"motion": [{"t": 1}]}, {"tasks": [1]},
    ],
)  # fmt: skip
def test_a_manifest_that_breaks_the_contract_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """With its path, so that it can be found and mended."""
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(MANIFEST | change))

    with pytest.raises(SegmentError, match=r"broken\.json cannot be used"):
        read_manifest(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    """A power cut may leave anything."""
    path = tmp_path / "broken.json"
    path.write_bytes(content)

    with pytest.raises(SegmentError, match=r"broken\.json cannot be used"):
        read_manifest(path)


def test_a_missing_manifest_is_an_error_of_the_segment(tmp_path: Path) -> None:
    """One segment cannot be used; the others can."""
    with pytest.raises(SegmentError, match="No such file"):
        read_manifest(tmp_path / "missing.json")


def test_everything_of_a_segment_has_its_place() -> None:
    """Where things lie is a contract, too."""
    video = VideoDir(Path("video"))

    places = [video.segment(SEGMENT), video.manifest(SEGMENT), video.waiting_manifest(SEGMENT), video.snapshot(SEGMENT)]
    places.append(video.appearances(SEGMENT, "buffalo_l"))

    assert [str(place) for place in places] == [
        f"video/segments/front/2026-11-20/{SEGMENT}.mp4",
        f"video/segments/front/2026-11-20/{SEGMENT}.json",
        f"video/outbox/{SEGMENT}.json",
        f"video/snapshots/front/2026-11-20/{SEGMENT}.jpg",
        f"video/faces/front/2026-11-20/{SEGMENT}.buffalo_l.npz",
    ]


def test_the_faces_of_a_segment_are_found_whichever_model_made_them(tmp_path: Path) -> None:
    """They are deleted with the segment: one that is overlooked would outlive it."""
    video, other = VideoDir(tmp_path), SEGMENT.replace("front", "front-2")
    folder = video.appearances_folder(SEGMENT)
    folder.mkdir(parents=True)
    ours = [folder / f"{SEGMENT}.{rest}" for rest in ("a.b.npz", "buffalo_l.npz", "buffalo_l.npz.part")]
    theirs = [folder / name for name in (f"{SEGMENT}.npz", f"{SEGMENT}.txt", f"{other}.a.npz", f"{SEGMENT}.a.npz.bak")]
    for path in (*ours, *theirs):
        path.touch()

    assert video.appearances_of(SEGMENT) == ours
    assert video.appearances_of(other) == []


def test_a_file_named_in_a_task_is_found_below_video(tmp_path: Path) -> None:
    """Even if video/ itself is reached over a link, as mounted folders often are."""
    (tmp_path / "disk" / "segments").mkdir(parents=True)
    (tmp_path / "video").symlink_to(tmp_path / "disk")

    path = VideoDir(tmp_path / "video").resolve("segments/a.mp4")

    assert path == tmp_path / "disk" / "segments" / "a.mp4"


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "segments/../../secret",
        "/etc/passwd",
        "",
        ".",
        "segments/..",
        "out/secret",
        "loop/a",
        "a\0b",
        "\ud800",
    ],
)
def test_a_name_that_leaves_video_is_refused(tmp_path: Path, name: str) -> None:
    """Tasks come from a list that anybody with the Redis password can write to."""
    (tmp_path / "video" / "segments").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "video" / "out").symlink_to(tmp_path)
    (tmp_path / "video" / "loop").symlink_to(tmp_path / "video" / "loop")

    with pytest.raises(SegmentError, match=r"video folder"):
        VideoDir(tmp_path / "video").resolve(name)


def test_a_task_asks_for_one_analysis_of_one_segment() -> None:
    """A re-analysis is another task, so that the push guard lets it through; it is about the same segment."""
    manifest, now = Manifest.model_validate(MANIFEST), datetime(2026, 11, 20, 10, 16, tzinfo=UTC)

    first, again = task_for(manifest, now), task_for(manifest, now, model="yolov8x")

    assert json.loads(first.to_json()) == {
        "id": SEGMENT,
        "schema": 1,
        "filename": MANIFEST["filename"],
        "camera": "front",
        "started_at": "2026-11-20T10:15:00.123Z",
        "queued_at": "2026-11-20T10:16:00.000Z",
    }
    assert (again.id, again.segment_id, again.model) == (f"{SEGMENT}@yolov8x", SEGMENT, "yolov8x")
    assert Task.model_validate_json(again.to_json()) == again
