"""How well a face engine tells people apart on photographs that are not part of the repository."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from shared_utils.analysis.detections import Floats, Image
from shared_utils.faces.engine import FaceEngine

# One folder for each person; whoever is in one of them is in no other.
_PEOPLE = ("chips", "named", "strangers")


@dataclass(frozen=True, slots=True)
class Pairs:
    """The similarities of pairs of photographs."""

    same: tuple[float, ...]  # of one person
    different: tuple[float, ...]  # of two people

    def true_accepts(self, threshold: float) -> float:
        """The share of pairs of one person that are accepted (TAR)."""
        return _share(self.same, threshold)

    def false_accepts(self, threshold: float) -> float:
        """The share of pairs of two people that are accepted (FAR)."""
        return _share(self.different, threshold)

    def threshold_for(self, false_accepts: float) -> float:
        """The least threshold at which no more than this share of the pairs of two people is accepted."""
        allowed = int(false_accepts * len(self.different))
        return float(np.nextafter(sorted(self.different, reverse=True)[allowed], 2))


def photographs(faces_dir: Path) -> dict[str, Path]:
    """The photographs of one person each, by `kind/person/file`."""
    found = [path for kind in _PEOPLE for path in sorted((faces_dir / kind).glob("*/*")) if path.is_file()]
    return {path.relative_to(faces_dir).as_posix(): path for path in found}


def embeddings_of(embed: Callable[[Image], Floats | None], photos: dict[str, Path]) -> dict[str, Floats]:
    """The embedding of each photograph in which there is one."""
    found = {name: embed(_read(path)) for name, path in photos.items()}
    return {name: embedding for name, embedding in found.items() if embedding is not None}


def largest_face(engine: FaceEngine) -> Callable[[Image], Floats | None]:
    """What makes the embedding of the largest face in a photograph, or nothing where there is none."""

    def embed(image: Image) -> Floats | None:
        faces = engine.find(image, portrait=True)
        return engine.embed(image, [max(faces, key=lambda face: face.size_px)])[0] if faces else None

    return embed


def listed_pairs(faces_dir: Path, embeddings: dict[str, Floats]) -> Pairs:
    """The pairs that pairs.csv lists."""
    with (faces_dir / "pairs.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["file_a"], row["file_b"], row["same"] == "1") for row in csv.DictReader(file)]
    return _pairs(rows, embeddings)


def all_pairs(names: Iterable[str], embeddings: dict[str, Floats]) -> Pairs:
    """Every photograph with every other: a small false-accept rate needs many pairs of two people."""
    return _pairs([(one, other, _person(one) == _person(other)) for one, other in combinations(names, 2)], embeddings)


def _pairs(pairs: Iterable[tuple[str, str, bool]], embeddings: dict[str, Floats]) -> Pairs:
    similarities: dict[bool, list[float]] = {True: [], False: []}
    for one, other, same in pairs:
        known = one in embeddings and other in embeddings  # where no face is found, nobody is accepted
        similarities[same].append(float(embeddings[one] @ embeddings[other]) if known else -1.0)
    return Pairs(tuple(similarities[True]), tuple(similarities[False]))


def _person(name: str) -> str:
    return name.rpartition("/")[0]


def _share(similarities: Sequence[float], threshold: float) -> float:
    return sum(similarity >= threshold for similarity in similarities) / len(similarities)


def _read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is no picture that OpenCV reads")
    return np.asarray(image, np.uint8)
