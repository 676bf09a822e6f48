"""From a false-accept rate to a threshold: told only where enough pairs stand behind it."""

from pathlib import Path

import numpy as np
import pytest

from shared_utils.gallery.appearances import write_appearances
from shared_utils.gallery.calibration import calibrate, pairs, rate_at
from shared_utils.gallery.clusters import cluster_strangers
from shared_utils.gallery.index import refresh
from tests.support.galleries import open_gallery_in, photo
from tests.support.gallery_parts import MODEL, appearance, faces_of

GENUINE = np.linspace(0.5, 0.9, 101).astype(np.float32)
IMPOSTOR = np.repeat(np.linspace(-0.4, 0.599, 1000), 30).astype(np.float32)  # thirty in each thousandth


@pytest.mark.parametrize(("far", "threshold"), [(0.1, 0.5), (0.01, 0.59), (0.001, 0.599)])
def test_a_threshold_accepts_as_many_impostors_as_its_rate_says(far: float, threshold: float) -> None:
    """Counted here, one by one; the least such threshold, as each step more costs known people their names."""
    found = rate_at(far, GENUINE, IMPOSTOR)

    assert found.threshold == pytest.approx(threshold, abs=0.0011)
    assert found.threshold is not None
    assert float(np.mean(found.threshold <= IMPOSTOR)) <= far
    assert float(np.mean(found.threshold - 0.002 <= IMPOSTOR)) > far
    assert found.tar == pytest.approx(float(np.mean(found.threshold <= GENUINE)))


def test_a_rate_for_which_there_are_too_few_pairs_has_no_threshold() -> None:
    """No error in 1000 pairs does not mean one in 10,000: by the rule of three that takes 30,000.

    A number would be followed all the same, however it is marked.
    """
    found = [rate_at(far, GENUINE, IMPOSTOR[::30]) for far in (1e-2, 3e-3, 1e-3, 1e-4)]

    assert [one.enough for one in found] == [True, True, False, False]
    assert [one.threshold is None for one in found] == [one.tar is None for one in found] == [False, False, True, True]
    assert [one.pairs_needed for one in found] == [300, 1000, 3000, 30_000]


def test_a_rate_that_allows_no_error_asks_for_more_than_the_worst_pair() -> None:
    found = rate_at(1e-4, GENUINE, IMPOSTOR)

    assert found.threshold is not None
    assert found.threshold > IMPOSTOR.max()


def test_without_pairs_nothing_is_told() -> None:
    none = np.zeros(0, np.float32)

    assert (rate_at(0.1, GENUINE, none).threshold, rate_at(0.1, GENUINE, none).enough) == (None, False)
    assert rate_at(0.1, none, IMPOSTOR).tar is None


def test_few_strangers_who_are_unlike_each_other_do_not_lower_the_threshold() -> None:
    """Three pairs at -0.1 once gave the threshold 0.000, which takes everybody for everybody."""
    found = rate_at(0.1, GENUINE, np.full(3, -0.1, np.float32))

    assert (found.threshold, found.tar, found.enough, found.pairs_needed) == (None, None, False, 30)


def test_pairs_are_told_apart_by_their_owners() -> None:
    faces = np.concatenate([faces_of(1, [0, 1, 2]), faces_of(2, [0, 1])])

    genuine, impostor = pairs([("identity", "a")] * 3 + [("identity", "b")] * 2, faces)

    assert (len(genuine), len(impostor)) == (4, 6)
    assert genuine.min() > impostor.max()


def test_a_gallery_is_measured_with_its_strangers(tmp_path: Path) -> None:
    """A family of four gives too few pairs; the street in front of the door gives thousands."""
    with open_gallery_in(tmp_path) as gallery:
        for person in range(4):
            gallery.add(f"p{person}", [photo(person, look) for look in range(3)])
        gallery.add("p0", [photo(0, model="other", size=64)])
        for person in range(10, 20):
            for look in range(3):
                one = appearance(person, look=look, minutes=10 * person + look)
                write_appearances(gallery.video, one.segment_id, MODEL, [one])
        refresh(gallery.database, gallery.video)
        cluster_strangers(gallery.database, MODEL, 0.5)

        found = calibrate(gallery.database, MODEL)

    assert (found.people, found.strangers, found.genuine_pairs) == (4, 10, 4 * 3)
    assert found.impostor_pairs == 6 * 9 + 12 * 10 + 45
    assert [one.enough for one in found.rates] == [True, False, False, False]
    assert found.rates[0].tar == 1.0


def test_an_empty_gallery_says_nothing(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        found = calibrate(gallery.database, MODEL)

    assert (found.people, found.impostor_pairs) == (0, 0)
    assert not any(one.enough for one in found.rates)
