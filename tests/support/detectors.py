"""A detector for clips of `tests.support.clips`: it finds the bright block, and counts how often it was asked."""

from collections.abc import Sequence

import numpy as np

from video_worker.detectors import Detection, Image


class BlockDetector:
    """Knows nothing but the block."""

    def __init__(self, name: str = "block-finder", label: str = "block") -> None:
        self._name, self._label = name, label
        self.frames_seen = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def labels(self) -> tuple[str, ...]:
        return (self._label,)

    @property
    def input_size_px(self) -> None:
        return None

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        self.frames_seen += len(images)
        return [self._blocks(image) for image in images]

    def _blocks(self, image: Image) -> list[Detection]:
        rows, columns = np.nonzero((image > 220).all(axis=2))
        if len(rows) < 100:
            return []
        box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
        return [Detection(self._label, 0.9, box)]


class LoadingRecorder:
    """Stands for the loading of models by name; remembers what was loaded."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, name: str) -> BlockDetector:
        self.loaded.append(name)
        return BlockDetector(name)
