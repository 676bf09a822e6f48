"""The file in which a segment's faces wait for a name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared_utils.errors import SegmentError
from shared_utils.gallery.appearances import (
    Appearance,
    appearances_folder,
    appearances_path,
    read_appearances,
    write_appearances,
)
from shared_utils.gallery.arrays import write_arrays
from shared_utils.gallery.errors import UnreadableArraysError
from shared_utils.segments import VideoDir
from tests.support.gallery_parts import MODEL, appearance


@pytest.fixture
def video(tmp_path: Path) -> VideoDir:
    return VideoDir(tmp_path / "video")


def written(video: VideoDir, *appearances: Appearance) -> Path:
    path = write_appearances(video, appearances[0].segment_id, MODEL, appearances)
    assert path is not None
    return path


def test_what_was_written_is_read(video: VideoDir) -> None:
    without_picture = replace(appearance(2, 5, name="Ann"), crop_jpeg=None)

    found = read_appearances(written(video, appearance(1), without_picture))

    for one, wanted in zip(found, (appearance(1), without_picture), strict=True):
        assert np.array_equal(one.embedding, wanted.embedding)
        assert repr(replace(one, embedding=None)) == repr(replace(wanted, embedding=None))  # type: ignore[arg-type]


def test_it_lies_by_camera_and_day_under_the_name_of_its_segment(video: VideoDir) -> None:
    """Retention finds it by the segment, people by the day; two models do not overwrite each other."""
    path = written(video, appearance(1))

    place = path.relative_to(appearances_folder(video)).as_posix()
    assert place == f"hall/2026-11-20/hall-20261120T080000000Z.{MODEL}.npz"


def test_analysing_again_replaces_what_was_learned(video: VideoDir) -> None:
    """A task that comes twice must not make two appearances of one."""
    written(video, appearance(1), appearance(2, 2))

    again = read_appearances(written(video, appearance(1)))

    assert [one.track_id for one in again] == [1]


def test_a_segment_in_which_nobody_appears_has_no_file(video: VideoDir) -> None:
    """Most segments are so; and what an analysis before this one left is taken away."""
    path = written(video, appearance(1))

    assert write_appearances(video, appearance(1).segment_id, MODEL, []) is None
    assert not path.exists()


@pytest.mark.parametrize("model", ["../evil", "a/b", "", ".hidden"])
def test_a_model_cannot_lead_out_of_the_folder(video: VideoDir, model: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        appearances_path(video, appearance(1).segment_id, model)


def test_a_segment_cannot_lead_out_of_the_folder(video: VideoDir) -> None:
    with pytest.raises(SegmentError):
        appearances_path(video, "../../etc/passwd", MODEL)


def test_an_appearance_of_another_segment_is_refused(video: VideoDir) -> None:
    """It would be named, and later deleted, together with footage that does not show it."""
    with pytest.raises(ValueError, match="is not of"):
        write_appearances(video, appearance(1).segment_id, MODEL, [appearance(1, minutes=3)])


def test_a_torn_file_is_told(video: VideoDir) -> None:
    """A disk that lost power lies sometimes; whoever reads thousands of these goes on with the next."""
    path = written(video, appearance(1))
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(UnreadableArraysError, match="damaged"):
        read_appearances(path)


def test_a_bit_that_fell_over_is_told(video: VideoDir) -> None:
    """One in a vector would make another person of somebody, for ever."""
    path = written(video, appearance(1))
    data = bytearray(path.read_bytes())
    place = data.find(appearance(1).embedding.tobytes())
    data[place + 30] ^= 1
    path.write_bytes(bytes(data))

    with pytest.raises(UnreadableArraysError, match="damaged"):
        read_appearances(path)


def test_pictures_that_belong_to_no_track_are_refused(video: VideoDir) -> None:
    path = appearances_path(video, appearance(1).segment_id, MODEL)
    header = {"schema": 1, "segment_id": appearance(1).segment_id, "tracks": [], "model": MODEL}
    empty = np.zeros((0, 4), np.float32)
    write_arrays(path, header, {"embeddings": empty, "crops": np.zeros(3, np.uint8), "crop_ends": np.zeros(0, int)})

    with pytest.raises(UnreadableArraysError, match="pictures"):
        read_appearances(path)
