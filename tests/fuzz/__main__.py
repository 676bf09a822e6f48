"""`python -m tests.fuzz [COUNT] [FIRST_SEED]`: try broken files that the tests do not have."""

import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import track

from tests.fuzz.broken_file_process import Outcome
from tests.fuzz.trial import complaints, outcomes


def main(count: int = 2_000, first: int | None = None) -> int:
    first = int(time.time()) * 1000 if first is None else first
    with TemporaryDirectory(prefix="fuzz-") as folder:
        trial = outcomes(first, count, Path(folder) / "work")
        found: list[Outcome] = list(track(trial, f"Seeds from {first}", total=count))
    print_counts(found)
    bad = complaints(found)
    sys.stdout.write("\n".join([*bad, f"{len(found)} files, {len(bad)} complaints", ""]))
    return 1 if bad else 0


def print_counts(found: list[Outcome]) -> None:
    for (worker, salvage), number in sorted(Counter((one.worker, one.salvage) for one in found).items()):
        sys.stdout.write(f"{number:7}  worker: {worker:7} salvage: {salvage}\n")
    most = max((one.most_memory_mb for one in found), default=0.0)
    sys.stdout.write(f"most memory {most:.0f} MB, {sum(one.seconds for one in found):.0f} s\n")


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
