"""A face engine for clips of `tests.support.clips`: the bright block is a face, whose embedding is what it is told."""

from collections.abc import Sequence

import numpy as np

from shared_utils.analysis.detections import Box, Floats, Image
from shared_utils.embedding_models import embedding_model
from shared_utils.faces.face import FaceFound

SIZE = 8  # of the embeddings
# Eyes, nose and corners of the mouth, as parts of the box.
_LANDMARKS = np.array([(0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)], np.float32)


def unit(number: int) -> Floats:
    """The embedding of one person: that of another number is at a right angle to it."""
    return np.asarray(np.eye(SIZE)[number], np.float32)


def between(one: Floats, other: Floats, similarity: float) -> Floats:
    """An embedding that has this similarity to the first; both given ones are at a right angle."""
    return np.asarray(similarity * one + np.sqrt(1 - similarity**2) * other, np.float32)


def face_at(box: Box, score: float = 0.9) -> FaceFound:
    """A frontal, upright face."""
    corner, size = np.array(box[:2], np.float32), np.array((box[2] - box[0], box[3] - box[1]), np.float32)
    return FaceFound(box, score, corner + _LANDMARKS * size)


class BlockEngine:
    """Takes the bright block for the face of one person."""

    def __init__(self, name: str = "block-faces", person: int = 0, weights: str = "0123456789abcdef") -> None:
        self._name, self._person, self._weights = name, person, weights
        self.looks: list[tuple[int, int]] = []  # height and width of every picture that was searched

    @property
    def name(self) -> str:
        return self._name

    @property
    def embedding_model(self) -> str:
        return embedding_model(self._name, self._weights)

    def find(self, image: Image) -> list[FaceFound]:
        self.looks.append((image.shape[0], image.shape[1]))
        rows, columns = np.nonzero((image > 220).all(axis=2))
        if len(rows) < 50:
            return []
        return [face_at((float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)))]

    def crop(self, image: Image, face: FaceFound) -> Image:
        return image

    def embed_crops(self, crops: Sequence[Image]) -> Floats:
        return np.stack([unit(self._person)] * len(crops))


class BlindEngine(BlockEngine):
    """Finds nobody, ever."""

    def find(self, image: Image) -> list[FaceFound]:
        return []
