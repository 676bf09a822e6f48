"""Two thousand broken segments through the worker and through salvage: no crash, no hang, bounded memory.

`make fuzz` tries others. A complaint names the seed; `Corpus.broken(seed)` gives its file.
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.broken_files import DAMAGES, Corpus
from tests.fuzz.trial import complaints, outcomes

FILES, AT_A_TIME = 2_000, 200


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, FILES, AT_A_TIME))
def test_a_broken_segment_ends_as_one_line_and_a_broken_part_is_salvaged_or_kept(tmp_path: Path, first: int) -> None:
    """Disks and power cuts make such files, and anybody who can write to `video/` may."""
    found = list(outcomes(first, AT_A_TIME, tmp_path / "work"))

    assert complaints(found) == []
    assert [one.seed for one in found] == list(range(first, first + AT_A_TIME))
    worker, salvage = Counter(one.worker for one in found), Counter(one.salvage for one in found)
    assert worker.keys() == {"ok", "not ok"}, "some files are good enough, and some are not"
    assert salvage.keys() == {"segment", "broken", "deleted"}


def test_the_corpus_is_the_same_every_time_and_damaged_in_every_way(tmp_path: Path) -> None:
    """A seed in a complaint would say nothing otherwise."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one, other = Corpus(tmp_path / "one"), Corpus(tmp_path / "other")

    files = [one.broken(seed) for seed in range(FILES)]

    assert all(other.broken(file.seed) == file for file in files[::100])
    assert {file.kind.rpartition(": ")[2] for file in files} == set(DAMAGES)
