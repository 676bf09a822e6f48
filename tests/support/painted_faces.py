"""Pictures with painted faces, and an engine that finds them: who it is, and how good it is, is in the colours.

A face is a square, full of blue; its green is who it is (degrees on a circle, so that the similarity of two faces is
the cosine of what is between them), and its red is noise, as a sharp face has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared_utils.analysis.detections import Floats, Image
from shared_utils.embedding_models import embedding_model
from shared_utils.faces.alignment import aligned_crop
from shared_utils.faces.face import FaceFound

_FRONTAL, _TURNED = 255, 235  # blue
_FRONTAL_FACE = ((0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75))
_PROFILE = ((0.3, 0.35), (0.5, 0.35), (0.85, 0.55), (0.35, 0.75), (0.5, 0.75))


@dataclass(frozen=True)
class Painted:
    """One face to paint."""

    who: int  # degrees, 0 to 180
    side_px: int = 120
    blurred: bool = False
    turned: bool = False
    pale: bool = False


def picture(*faces: Painted, size: tuple[int, int] = (640, 480), seed: int = 0) -> Image:
    """A grey picture (width, height) with the faces beside each other."""
    width, height = size
    image = np.full((height, width, 3), 120, np.uint8)
    random = np.random.default_rng(seed)
    left = 10
    for face in faces:
        side = face.side_px
        patch = np.empty((side, side, 3), np.uint8)
        patch[..., 0] = _TURNED if face.turned else _FRONTAL
        patch[..., 1] = face.who
        patch[..., 2] = 100 if face.blurred else _noise(random, side, face)
        image[20 : 20 + side, left : left + side] = patch
        left += side + 20
    return image


def photo(folder: Path, name: str, *faces: Painted, seed: int = 0) -> Path:
    """The picture as a PNG; another seed is another photo of the same faces."""
    path = folder / name
    cv2.imwrite(str(path), picture(*faces, seed=seed))
    return path


def _noise(random: np.random.Generator, side: int, face: Painted) -> NDArray[np.uint8]:
    grain = 2 if face.pale else 1  # pale, but not blurred
    coarse = random.integers(0, 30 if face.pale else 255, (-(-side // grain), -(-side // grain)))
    return np.asarray(np.kron(coarse, np.ones((grain, grain)))[:side, :side], np.uint8)


class PaintedEngine:
    """Finds painted faces, all as surely as it is told."""

    embedding_size = 2

    def __init__(self, name: str = "painted", score: float = 0.9, weights: str = "0123456789abcdef") -> None:
        self._name, self._score, self._weights = name, score, weights

    @property
    def name(self) -> str:
        return self._name

    @property
    def embedding_model(self) -> str:
        return embedding_model(self._name, self._weights)

    def find(self, image: Image, *, least_score: float | None = None, portrait: bool = False) -> list[FaceFound]:
        """The squares, the leftmost first."""
        mask = (image[..., 0] > 220).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = [tuple(int(value) for value in stats[number][:4]) for number in range(1, count)]
        return [_face(image, self._score, box) for box in sorted(boxes) if min(box[2:]) >= 8]

    def crop(self, image: Image, face: FaceFound) -> Image:
        return aligned_crop(image, face)

    def embed_crops(self, crops: Sequence[Image]) -> Floats:
        angles = np.radians([float(np.median(crop[40:72, 40:72, 1])) for crop in crops])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def _face(image: Image, score: float, place: tuple[int, ...]) -> FaceFound:
    left, top, width, height = place
    points = _FRONTAL_FACE if image[top + height // 2, left + width // 2, 0] > 245 else _PROFILE
    landmarks = np.array([(left + x * width, top + y * height) for x, y in points], np.float32)
    return FaceFound((left, top, left + width, top + height), score, landmarks)
