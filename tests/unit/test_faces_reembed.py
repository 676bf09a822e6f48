"""Other weights: everybody is made known to them from what was kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.store import Gallery
from shared_utils.segments import VideoDir
from tests.support.fixed_clock import FixedClock
from tests.support.painted_faces import Painted, PaintedEngine, photo
from vedette.faces.enrol import EnrolOptions, enrol
from vedette.faces.reembed import lacking, reembed_people

OLD, NEW = PaintedEngine(), PaintedEngine(weights="fedcba9876543210")  # in a folder of the same name


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    """Anna with two photos, Ben with one of which nothing was kept."""
    with Gallery(GalleryDatabase(tmp_path / "state", FixedClock()), VideoDir(tmp_path / "video")) as opened:
        anna = [photo(tmp_path, f"{number}.png", Painted(20), seed=number) for number in range(2)]
        enrol(opened, PaintedEngine(), "Anna", anna, EnrolOptions(0.4))
        ben = [photo(tmp_path, "ben.png", Painted(150))]
        enrol(opened, PaintedEngine(), "Ben", ben, EnrolOptions(0.4, keep_crops=False))
        yield opened


def test_kept_faces_are_given_to_the_new_weights(gallery: Gallery) -> None:
    """Nobody has last year's photos at hand when the weights change."""
    done = reembed_people(gallery, NEW, lacking(gallery, NEW.embedding_model))

    assert (done.faces, done.people, done.without) == (2, 1, ("Ben",))
    assert gallery.identity("Anna").embeddings == {NEW.embedding_model: 2, OLD.embedding_model: 2}
    old, new = (gallery.embeddings("Anna", one.embedding_model) for one in (OLD, NEW))
    assert [one.source_sha256 for one in new] == [one.source_sha256 for one in old]
    assert all(float(one.vector @ other.vector) > 0.999 for one, other in zip(new, old, strict=True))


def test_a_second_time_there_is_nothing_to_do(gallery: Gallery) -> None:
    """A run that was interrupted is just run again."""
    reembed_people(gallery, NEW, lacking(gallery, NEW.embedding_model)[:1])
    rest = lacking(gallery, NEW.embedding_model)
    reembed_people(gallery, NEW, rest)

    assert len(rest) == 1
    assert lacking(gallery, NEW.embedding_model) == []


def test_weights_may_change_back_and_forth(gallery: Gallery) -> None:
    """What a face was made of is kept with each of its embeddings."""
    reembed_people(gallery, NEW, lacking(gallery, NEW.embedding_model))

    assert lacking(gallery, OLD.embedding_model) == []
    assert len(lacking(gallery, "third")) == 2
