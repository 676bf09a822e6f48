"""People are told apart as well as the weights can, on photographs with known answers."""

from pathlib import Path

import pytest

from shared_utils.config import FacesConfig
from shared_utils.faces.engine import load_engine
from shared_utils.models import PACKS_FOLDER
from tests.support.face_pairs import Pairs, all_pairs, embeddings_of, largest_face, listed_pairs, photographs

PACK = "local_mbf"  # what the similarities of pairs.csv were written down with


@pytest.fixture(scope="module")
def pairs(models_dir: Path, media_dir: Path) -> tuple[Pairs, Pairs]:
    """Those of pairs.csv, and those of all photographs."""
    faces_dir = media_dir / "faces"
    if not (faces_dir / "pairs.csv").is_file():
        pytest.skip("MEDIA_DIR has no faces/pairs.csv")
    if not (models_dir / PACKS_FOLDER / PACK).is_dir():
        pytest.skip(f"MODELS_DIR has no pack {PACK}, for which pairs.csv was written")
    photos = photographs(faces_dir)
    engine = load_engine(FacesConfig(model=PACK, threads=1), models_dir)
    embeddings = embeddings_of(largest_face(engine), photos)
    assert embeddings.keys() == photos.keys(), "in every photograph there is a face"
    return listed_pairs(faces_dir, embeddings), all_pairs(photos, embeddings)


def test_listed_pairs_are_as_far_apart_as_written_down(pairs: tuple[Pairs, Pairs]) -> None:
    """Worse alignment, other colours or another scale would show here first."""
    listed, _ = pairs

    assert (len(listed.same), len(listed.different)) == (57, 114)
    assert round(min(listed.same), 2) >= 0.52
    assert max(listed.different) <= 0.33


@pytest.mark.parametrize("false_accepts", [1e-2, 1e-3])
def test_all_pairs_of_one_person_are_accepted_at_a_small_false_accept_rate(
    pairs: tuple[Pairs, Pairs], false_accepts: float
) -> None:
    _, every = pairs
    threshold = every.threshold_for(false_accepts)

    assert len(every.different) >= 1 / false_accepts, "there are enough pairs to tell"
    assert every.false_accepts(threshold) <= false_accepts
    assert every.true_accepts(threshold) == 1


def test_the_default_threshold_accepts_everybody_and_no_stranger(pairs: tuple[Pairs, Pairs]) -> None:
    """What a user has who never calibrates."""
    _, every = pairs
    threshold = FacesConfig().threshold

    assert (every.true_accepts(threshold), every.false_accepts(threshold)) == (1, 0)
