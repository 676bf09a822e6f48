"""ArcFace: the embedding of an aligned face."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from insightface.model_zoo import ArcFaceONNX

from shared_utils.analysis.detections import Floats, Image
from shared_utils.errors import ModelError
from shared_utils.models import UnusableModelError
from shared_utils.onnx_session import RUNTIME_ERRORS, Device

# Crops in one run. A CPU takes longer for each face of a batch than for one alone, as less of it stays in its cache.
_MOST_AT_ONCE: dict[Device, int] = {"cpu": 1, "cuda": 16, "tensorrt": 16}


class FaceRecogniser:
    """One loaded ArcFace. May be used by several threads at once."""

    def __init__(self, path: Path, session: Any, *, device: Device) -> None:
        self._path = path
        self._arcface = ArcFaceONNX(str(path), session)
        self.crop_px = int(self._arcface.input_size[0])
        self.embedding_size = self._try_one()
        self._at_once = _MOST_AT_ONCE[device]
        if self._at_once > 1 and not self._takes_several():
            self._at_once = 1

    def embed(self, crops: Sequence[Image]) -> Floats:
        """The embeddings of aligned BGR crops of `crop_px`: n x embedding_size, each of length 1."""
        parts = [self._run(crops[start : start + self._at_once]) for start in range(0, len(crops), self._at_once)]
        raw = np.concatenate(parts) if parts else np.empty((0, self.embedding_size), np.float32)
        lengths = np.linalg.norm(raw, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise ModelError(f"{self._path} answered a face with no usable numbers. Bring the weights again.")
        return np.asarray(raw / lengths, np.float32)

    def _run(self, crops: Sequence[Image]) -> Floats:
        return np.asarray(self._arcface.get_feat(list(crops)), np.float32)

    def _try_one(self) -> int:
        """The embedding's length, which the model knows only once it has run. Raises UnusableModelError."""
        try:
            answer = self._run([self._noise(0)])
        except RUNTIME_ERRORS as error:
            raise self._unusable(f"it fails on a picture: {error}") from error
        if answer.ndim != 2 or answer.shape[0] != 1 or answer.shape[1] < 2:
            raise self._unusable(f"its output has the shape {answer.shape}, not faces x numbers")
        if not (np.isfinite(answer).all() and answer.any()):
            raise self._unusable("it answers with nothing but zeros, or with no numbers")
        return int(answer.shape[1])

    def _takes_several(self) -> bool:
        """Whether two crops in one run give what they give one by one: a shape written in the file may be wrong."""
        crops = [self._noise(seed) for seed in (1, 2)]
        try:
            together = self._run(crops)
        except RUNTIME_ERRORS:
            return False
        alone = np.concatenate([self._run([crop]) for crop in crops])
        return together.shape == alone.shape and np.allclose(together, alone, rtol=1e-2, atol=1e-3)

    def _noise(self, seed: int) -> Image:
        return np.random.default_rng(seed).integers(0, 256, (self.crop_px, self.crop_px, 3), np.uint8)

    def _unusable(self, reason: str) -> UnusableModelError:
        return UnusableModelError(self._path, f"it is no ArcFace recogniser: {reason}")
