"""How long a face takes to be looked for in a gallery of 100,000, on one core."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import table
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.nearest import Plain
from shared_utils.gallery.snapshot import GallerySnapshot, KnownIdentity, ModelVectors

TITLE = "Gallery"
EMBEDDINGS, SIZE, PHOTOS = 100_000, 512, 5
TIMES, FACES = 40, 200
MODEL = "random"
_HEAD = f"""## {TITLE}

One face against {EMBEDDINGS:,} embeddings of {SIZE} numbers ({EMBEDDINGS // PHOTOS:,} people with {PHOTOS} photos each,
random directions, which are the hardest to tell apart), in a process that is held to one core with one thread. *Plain*:
one product of the matrix with the vector (NumPy). *Vedette*: the whole of `Matcher.match`, decision included. {TIMES}
times each, in turn.

"""


def measure() -> str:
    """The section of the report."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # read once, by NumPy's library
    command = [sys.executable, "-m", "benchmarks.gallery"]
    done = subprocess.run(
        command, env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    rows = [
        [
            way,
            *(f"{statistic(times):.1f}" for times in zip(*found[way], strict=True) for statistic in (min, median, max)),
        ]
        for way in ("plain", "Vedette: a known person", "Vedette: a stranger")
    ]
    ratio = _median_cpu(found["Vedette: a stranger"]) / _median_cpu(found["plain"])
    same, ready = f"{found['same']} of {found['faces']}", found["ready_seconds"]
    return (
        _HEAD
        + table(["way", "shortest ms", "median", "longest", "CPU: shortest ms", "median", "longest"], rows)
        + f"\nA stranger takes {ratio:.2f} of the plain product. {same} faces, half of them of known people, got the "
        "same answer both ways, similarities to five digits. The search is made ready in "
        f"{ready:.1f} s, once for each version of the gallery.\n"
    )


def _median_cpu(times: list[list[float]]) -> float:
    return median(cpu for _, cpu in times)


def main() -> None:
    """In the process with one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    snapshot, random = _gallery(), np.random.default_rng(1)
    vectors = snapshot.models[MODEL]
    began = time.perf_counter()
    matcher = Matcher(snapshot, MODEL, 0.4, 0.05)
    matcher.match(vectors.embeddings[0])
    ready = time.perf_counter() - began
    strangers = _unit(random.normal(size=(FACES // 2, SIZE)))
    known = _unit(
        vectors.embeddings[:: EMBEDDINGS // (FACES // 2)] + 0.5 * _unit(random.normal(size=(FACES // 2, SIZE)))
    )
    ways: dict[str, Callable[[int], object]] = {
        "plain": lambda turn: vectors.embeddings @ strangers[turn],
        "Vedette: a known person": lambda turn: matcher.match(known[turn]),
        "Vedette: a stranger": lambda turn: matcher.match(strangers[turn]),
    }
    found: dict[str, Any] = {way: [] for way in ways}
    for turn in range(TIMES):
        for way, search in ways.items():
            found[way].append(_milliseconds(search, turn))
    faces = [*known, *strangers]
    found |= {"ready_seconds": ready, "faces": len(faces), "same": _same(snapshot, matcher, faces)}
    sys.stdout.write(json.dumps(found))


def _gallery() -> GallerySnapshot:
    people = EMBEDDINGS // PHOTOS
    owners = np.repeat(np.arange(people, dtype=np.int32), PHOTOS)
    none = np.zeros((0, SIZE), np.float32), np.zeros(0, np.int32)
    embeddings = _unit(np.random.default_rng(0).normal(size=(EMBEDDINGS, SIZE)))
    identities = tuple(KnownIdentity(f"{number:012x}", f"person {number}") for number in range(people))
    return GallerySnapshot(1, "benchmark", identities, {MODEL: ModelVectors(embeddings, owners, *none)})


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def _milliseconds(search: Callable[[int], object], turn: int) -> tuple[float, float]:
    """By the clock, and of CPU time: others may be at work on the machine."""
    wall, cpu = time.perf_counter(), time.thread_time()
    search(turn)
    return (time.perf_counter() - wall) * 1000, (time.thread_time() - cpu) * 1000


def _same(snapshot: GallerySnapshot, matcher: Matcher, faces: Sequence[NDArray[np.float32]]) -> int:
    vectors = snapshot.models[MODEL]
    again = ModelVectors(vectors.embeddings, vectors.owners, vectors.rejected, vectors.rejected_owners)
    again.__dict__["search"] = Plain(vectors.embeddings, np.unique(vectors.owners, return_index=True)[1])
    plain = Matcher(GallerySnapshot(1, "benchmark", snapshot.identities, {MODEL: again}), MODEL, 0.4, 0.05)
    pairs = ((matcher.match(face), plain.match(face)) for face in faces)
    return sum(one.name == two.name and abs(one.similarity - two.similarity) < 1e-5 for one, two in pairs)


if __name__ == "__main__":
    main()
