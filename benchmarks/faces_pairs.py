"""How well people are told apart on photographs with known answers, beside InsightFace's own way."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from insightface.app import FaceAnalysis

from benchmarks.report import table
from shared_utils.analysis.detections import Floats, Image
from shared_utils.config.schema import FacesConfig
from shared_utils.faces.engine import load_engine
from shared_utils.faces.pack import find_pack
from tests.support.face_pairs import Pairs, all_pairs, embeddings_of, largest_face, listed_pairs, photographs

_RATES = (1e-2, 1e-3)


def measure() -> str:
    """One section. Needs MODELS_DIR with a pack and MEDIA_DIR with faces/pairs.csv."""
    folders = os.environ.get("MODELS_DIR"), os.environ.get("MEDIA_DIR")
    if not all(folders):
        return "## Faces: telling people apart\n\nNot measured: MODELS_DIR and MEDIA_DIR are not set.\n"
    models_dir, faces_dir = Path(str(folders[0])), Path(str(folders[1])) / "faces"
    config = FacesConfig(model=os.environ.get("FACES_MODEL", "local_mbf"))
    ways: dict[str, Callable[[Image], Floats | None]] = {
        "**Vedette**, as photographs are enrolled": largest_face(load_engine(config, models_dir)),
        "`FaceAnalysis`, det_size 640, as its documentation has it": _insightface(config, models_dir),
        "the same, with a border of half the picture where it finds nothing": _insightface(
            config, models_dir, border=0.5
        ),
    }
    photos = photographs(faces_dir)
    found = {name: embeddings_of(way, photos) for name, way in ways.items()}
    every = {name: all_pairs(photos, embeddings) for name, embeddings in found.items()}
    rows = [_row(name, len(found[name]), every[name]) for name in ways]
    ours = every[next(iter(ways))]
    return f"""## Faces: telling people apart

{len(photos)} photographs and face chips with the pack `{config.model}`, each with every other: {len(ours.same)} pairs
of one person and {len(ours.different)} of two. A photograph in which no face is found is accepted as nobody's.
TAR: share of the pairs of one person that are accepted, at the threshold that accepts no more than this share (FAR)
of the pairs of two people.

{table(("way", "face found in", *(f"TAR at FAR {rate:g} (threshold)" for rate in _RATES), "TAR, FAR at 0.40"), rows)}
{_listed(listed_pairs(faces_dir, found[next(iter(ways))]))}
{_bound(ours)}
"""


def _row(name: str, found: int, pairs: Pairs) -> tuple[str, ...]:
    thresholds = [pairs.threshold_for(rate) for rate in _RATES]
    at_rates = [f"{pairs.true_accepts(threshold):.4f} ({threshold:.2f})" for threshold in thresholds]
    return name, str(found), *at_rates, f"{pairs.true_accepts(0.40):.4f}, {pairs.false_accepts(0.40):.4f}"


def _listed(pairs: Pairs) -> str:
    rates = [f"{pairs.true_accepts(pairs.threshold_for(rate)):.4f} at FAR {rate:g}" for rate in _RATES]
    return (
        f"The {len(pairs.same)} and {len(pairs.different)} pairs of pairs.csv: one person {min(pairs.same):.3f} or "
        f"more, two people {max(pairs.different):.3f} or less; TAR {' and '.join(rates)}."
    )


def _bound(pairs: Pairs) -> str:
    """What so few pairs can say at all: with none of n accepted, the true rate is below 3/n in 19 of 20 cases."""
    return (
        f"The most similar two people of all pairs: {max(pairs.different):.3f}. With none of {len(pairs.different)} "
        f"accepted, the true rate lies below {3 / len(pairs.different):.1%} with a confidence of 95 %; a gallery of "
        "one's own is measured with `vedette faces calibrate`."
    )


def _insightface(config: FacesConfig, models_dir: Path, border: float = 0.0) -> Callable[[Image], Floats | None]:
    folder = find_pack(config.model, models_dir).detector.parent
    warnings.filterwarnings("ignore", "`estimate` is deprecated", FutureWarning)  # of what it calls to align
    analysis = FaceAnalysis(
        folder.name,
        str(folder.parents[1]),
        ["detection", "recognition"],
        providers=["CPUExecutionProvider"],
    )
    analysis.prepare(ctx_id=-1, det_size=(640, 640))

    def embed(image: Image) -> Floats | None:
        faces = analysis.get(image) or analysis.get(_bordered(image, border))
        largest = max(faces, key=lambda face: float(face.bbox[2] - face.bbox[0]), default=None)
        return None if largest is None else np.asarray(largest.normed_embedding, np.float32)

    return embed


def _bordered(image: Image, share: float) -> Image:
    down, right = (round(side * share) for side in image.shape[:2])
    return np.asarray(cv2.copyMakeBorder(image, down, down, right, right, cv2.BORDER_CONSTANT), np.uint8)
