"""People through a whole segment: hidden for a while, more than one, and what is no person."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from face_worker.pipeline import Faces, Options, find_faces
from shared_utils.analysis.detections import Floats, Image
from shared_utils.analysis.sampling import Sampling
from shared_utils.analysis.segment_worker import Segment
from shared_utils.errors import SegmentError
from shared_utils.faces.face import FaceFound
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.snapshot import GallerySnapshot
from shared_utils.segments import MotionLook
from tests.support.clips import make_clip
from tests.support.face_engines import BlockEngine

NOBODY = Matcher(GallerySnapshot(), "block-faces", 0.4, 0.05)
THERE = [(0.5, 1.5), (6.5, 7.5)]  # longer apart than the tracker waits for anybody


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> Segment:
    """Somebody who is there twice within ten seconds."""
    path = make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=9, moving=THERE)
    times = [begin + number / 5 for begin, end in THERE for number in range(round((end - begin) * 5))]
    return Segment(path, 9.0, tuple(MotionLook(t=t, area=0.03, boxes=()) for t in times))


def seen(segment: Segment, engine: BlockEngine) -> Faces:
    return find_faces(segment, engine, lambda: NOBODY, Options(Sampling(6.0, 80)))


class Changing(BlockEngine):
    """The face that comes back is that of somebody else."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def embed_crops(self, crops: Sequence[Image]) -> Floats:
        self._person = self._calls
        self._calls += 1
        return super().embed_crops(crops)


class Fancying(BlockEngine):
    """Takes the block for a face from afar, and for none when it is looked at closely."""

    def find(self, image: Image) -> list[FaceFound]:
        return super().find(image) if image.shape[0] != image.shape[1] else []


def test_somebody_who_comes_back_has_one_track(segment: Segment) -> None:
    """Behind the van and out again is one visitor, not two."""
    (entry,) = seen(segment, BlockEngine()).entries

    assert entry["track_id"] == 1
    assert entry["first_t"] < 1.5
    assert entry["last_t"] > 6.5


def test_somebody_else_who_comes_has_a_track_of_their_own(segment: Segment) -> None:
    """That two were at the same place is no reason to take one for the other."""
    first, second = seen(segment, Changing()).entries

    assert (first["track_id"], second["track_id"]) == (1, 2)
    assert first["last_t"] < second["first_t"]


def test_what_is_no_face_when_looked_at_closely_is_nobody(segment: Segment) -> None:
    """Nobody is counted, named, or kept as a stranger for a pattern on a wall."""
    found = seen(segment, Fancying())

    assert found.frames_analysed >= 6
    assert found.entries == []


def test_a_segment_without_a_frame_is_told_as_such(tmp_path: Path) -> None:
    """An empty result would say that nobody was there."""
    path = make_clip(tmp_path / "clip.mp4", seconds=2)
    whole = path.read_bytes()
    begin, end = whole.index(b"mdat") + 4, whole.index(b"moov") - 4
    path.write_bytes(whole[:begin] + bytes(end - begin) + whole[end:])

    with pytest.raises(SegmentError, match="can be decoded"):
        find_faces(Segment(path, 2.0), BlockEngine(), lambda: NOBODY, Options())
