"""One task in, one line out, and what the gallery learns: the face worker on real files, without Redis."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared_utils.analysis.detections import Floats, Image
from shared_utils.errors import SegmentError, StorageError
from shared_utils.faces.face import FaceFound
from shared_utils.gallery.snapshot import snapshot_path
from tests.support.face_engines import BlindEngine, BlockEngine, unit
from tests.support.face_site import FaceSite, enrol
from tests.support.worker_site import SEGMENT


@pytest.fixture
def site(tmp_path: Path) -> FaceSite:
    return FaceSite(tmp_path / "video")


def test_a_segment_ends_as_one_line_with_the_name_of_who_is_in_it(site: FaceSite) -> None:
    """Nothing less is what the worker is for."""
    enrol(site.video, {"Ben": unit(1), "Anna": unit(0)})

    site.worker.handle(site.add_segment())

    line = site.line
    assert (line["ok"], line["detected"], line["count"], line["error"]) == (True, ["Anna"], 1, None)
    assert (line["segment_id"], line["model"]) == (SEGMENT, "block-faces")
    (found,) = line["faces"]
    assert (found["track_id"], found["identity_id"], found["similarity"]) == (1, "id-of-anna", 1.0)
    assert 1.6 <= found["first_t"] <= 2.4
    assert 3.6 <= found["last_t"] <= 4.4


def test_the_path_of_a_face_is_where_it_was(site: FaceSite) -> None:
    """The page draws the names over the playing video, and redaction may rely on it."""
    site.worker.handle(site.add_segment())

    (found,) = site.line["faces"]
    assert len(found["path"]) >= 6
    for t, x1, y1, x2, y2, score in found["path"]:
        moment = int(t * 15 + 0.01) / 15  # of the frame
        assert x1 == pytest.approx((moment % 4) / 4 * (640 - 60), abs=5)
        assert (y1, y2) == (pytest.approx(180, abs=5), pytest.approx(240, abs=5))
        assert x2 - x1 == pytest.approx(60, abs=8)
        assert score == 0.9


def test_without_a_gallery_everybody_is_unknown(site: FaceSite) -> None:
    """The first day of every installation; the strangers of that day can be named later."""
    site.worker.handle(site.add_segment())

    (found,) = site.line["faces"]
    assert (site.line["detected"], found["name"], found["identity_id"]) == (["unknown"], "unknown", None)
    assert found["similarity"] == 0


def test_somebody_enrolled_meanwhile_is_known_to_the_next_segment(site: FaceSite) -> None:
    """Workers are not restarted when a person is added."""
    task = site.add_segment()
    site.worker.handle(task)
    enrol(site.video, {"Anna": unit(0)})
    site.worker.handle(task.model_copy(update={"id": SEGMENT.replace("123Z", "456Z")}))

    assert [line["detected"] for line in site.lines] == [["unknown"], ["Anna"]]


class Meanwhile(BlockEngine):
    """Finds faces while something else happens."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = happens

    def find(self, image: Image) -> list[FaceFound]:
        self._happens()
        return super().find(image)


def test_somebody_purged_while_a_segment_is_looked_at_is_not_named_in_it(tmp_path: Path) -> None:
    """The name would stand in the log and beside the face until the next command looks."""
    place = FaceSite(tmp_path / "video", Meanwhile(lambda: enrol(place.video, {"Ben": unit(1)}, version=2)))
    enrol(place.video, {"Anna": unit(0), "Ben": unit(1)})

    place.worker.handle(place.add_segment())

    assert place.line["detected"] == ["unknown"]
    assert [one.name for one in place.appearances()] == ["unknown"]


def test_footage_that_is_deleted_while_it_is_looked_at_leaves_no_faces(tmp_path: Path) -> None:
    """Retention looks for what it leaves behind once a day, and takes only what is old."""
    place = FaceSite(tmp_path / "video", Meanwhile(lambda: place.video.segment(SEGMENT).unlink(missing_ok=True)))

    place.worker.handle(place.add_segment())

    assert (place.line["ok"], place.line["detected"]) == (True, ["unknown"])
    assert place.video.appearances_of(SEGMENT) == []


def test_what_the_gallery_learns_of_lies_beside_the_line(site: FaceSite) -> None:
    """Known people too: a wrong name is told to be wrong later, and then its face must still be there."""
    enrol(site.video, {"Anna": unit(0)})

    site.worker.handle(site.add_segment())

    (one,) = site.appearances()
    (entry,) = site.line["faces"]
    assert (one.segment_id, one.camera, one.model, one.name) == (SEGMENT, "front", site.engine.embedding_model, "Anna")
    assert (one.track_id, one.identity_id) == (entry["track_id"], entry["identity_id"])
    assert float(one.embedding @ unit(0)) == pytest.approx(1.0)
    assert one.crop_jpeg is not None
    picture = cv2.imdecode(np.frombuffer(one.crop_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.max() > 220, "the face is in the picture"


@pytest.mark.parametrize("tasks", [("face_queue", "privacy_queue"), ("face_queue",)])
def test_of_a_camera_with_privacy_no_picture_is_kept(site: FaceSite, tasks: tuple[str, ...]) -> None:
    """Nothing that a viewer can open shows an unredacted face; without a manifest nobody knows whether that may be."""
    task = site.add_segment(tasks=tasks)
    if "privacy_queue" not in tasks:
        site.video.manifest(SEGMENT).unlink()
        task = task.model_copy(update={"camera": "elsewhere", "id": SEGMENT.replace("front", "elsewhere")})

    site.worker.handle(task)

    (path,) = site.video.faces.rglob("*.npz")
    assert b"\xff\xd8\xff" not in path.read_bytes()
    assert site.line["count"] == 1


def test_where_nobody_is_seen_nothing_is_kept(tmp_path: Path) -> None:
    """Most segments: a million empty files would be no help."""
    site = FaceSite(tmp_path / "video", BlindEngine())

    site.worker.handle(site.add_segment())

    assert (site.line["ok"], site.line["detected"], site.line["faces"]) == (True, [], [])
    assert site.line["frames_analysed"] >= 3
    assert not list(site.video.root.rglob("*.npz"))


def test_the_same_task_again_changes_nothing(site: FaceSite) -> None:
    """Queues deliver twice."""
    task = site.add_segment()
    site.worker.handle(task)
    before = site.video.appearances(SEGMENT, "block-faces").stat().st_mtime_ns

    site.worker.handle(task)

    assert len(site.lines) == 1
    assert site.video.appearances(SEGMENT, "block-faces").stat().st_mtime_ns == before


def test_another_pack_adds_its_line_and_its_faces_beside_the_first(site: FaceSite) -> None:
    """Embeddings of two models are never compared, so both are kept."""
    task = site.add_segment()
    again = task.model_copy(update={"id": f"{SEGMENT}@block-2", "model": "block-2"})

    for one in (task, again, again):
        site.worker.handle(one)

    assert [line["model"] for line in site.lines] == ["block-faces", "block-2"]
    models = [site.appearances(pack)[0].model for pack in ("block-faces", "block-2")]
    assert models == ["block-faces:01234567", "block-2:01234567"]


def test_another_pack_that_is_missing_gives_a_line_that_says_so(site: FaceSite) -> None:
    """A re-analysis by a model that nobody has cannot wait for it: somebody mistyped its name."""
    task = site.add_segment().model_copy(update={"id": f"{SEGMENT}@bufalo", "model": "bufalo"})

    site.worker.handle(task)

    assert (site.line["ok"], site.line["model"], site.line["faces"]) == (False, "bufalo", [])
    assert "The model 'bufalo' is not in" in site.line["error"]


def test_a_broken_segment_gets_its_line_at_once(site: FaceSite) -> None:
    """Trying again would be in vain."""
    task = site.add_segment()
    site.video.segment(SEGMENT).write_bytes(b"no video at all")

    site.worker.handle(task)

    assert site.line["ok"] is False
    assert "is not a video that can be read" in site.line["error"]


def test_while_the_faces_cannot_be_kept_the_line_waits(site: FaceSite) -> None:
    """With the line written nobody would ever look at the segment again, and its strangers could never be named."""
    task = site.add_segment()
    site.video.faces.write_text("in the way")

    with pytest.raises(StorageError, match="cannot be kept"):
        site.worker.handle(task)
    assert site.lines == []

    site.video.faces.unlink()
    site.worker.handle(task)
    assert site.line["ok"]


def test_while_the_gallery_cannot_be_read_the_task_waits(site: FaceSite) -> None:
    """Everybody would be unknown for ever."""
    task = site.add_segment()
    path = snapshot_path(site.video)
    path.parent.mkdir()
    path.write_bytes(b"torn")

    with pytest.raises(StorageError, match="snapshot of the gallery"):
        site.worker.handle(task)

    assert site.lines == []


def test_a_task_whose_segment_has_no_place_is_analysed_all_the_same(site: FaceSite) -> None:
    """People push tasks by hand to try something."""
    task = site.add_segment().model_copy(update={"id": "by-hand"})

    site.worker.handle(task)

    assert (site.line["ok"], site.line["count"]) == (True, 1)
    assert not site.video.faces.exists()


class Failing(BlockEngine):
    """Fails at one of its three kinds of work."""

    def __init__(self, at: str, error: Exception) -> None:
        super().__init__()
        self._at, self._error = at, error

    def find(self, image: Image) -> list[FaceFound]:
        self._maybe_fail("find")
        return super().find(image)

    def crop(self, image: Image, face: FaceFound) -> Image:
        self._maybe_fail("crop")
        return super().crop(image, face)

    def embed_crops(self, crops: Sequence[Image]) -> Floats:
        self._maybe_fail("embed")
        return super().embed_crops(crops)

    def _maybe_fail(self, what: str) -> None:
        if what == self._at:
            raise self._error


@pytest.mark.timeout(60)
@pytest.mark.parametrize("at", ["find", "crop", "embed"])
def test_whatever_fails_in_a_stage_ends_the_task_in_its_own_way(tmp_path: Path, at: str) -> None:
    """A fault is tried again, a disk is waited for, a broken segment gets its line; and no stage hangs."""
    fault, away, broken = ValueError("a fault"), StorageError("it is away"), SegmentError("it is broken")
    for number, error in enumerate((fault, away, broken)):
        site = FaceSite(tmp_path / str(number), Failing(at, error))
        task = site.add_segment()
        if error is broken:
            site.worker.handle(task)
            assert site.line["error"] == "it is broken"
            continue
        with pytest.raises(type(error)) as raised:
            site.worker.handle(task)
        assert raised.value is error
        assert site.lines == []
