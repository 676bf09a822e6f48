"""YOLOv8 of any size and any classes on ONNX Runtime."""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from shared_utils.config.schema import ObjectsConfig
from shared_utils.models import UnusableModelError, model_labels
from shared_utils.onnx_session import RUNTIME_ERRORS, open_session
from video_worker.detectors.base import Detection, Floats, Image
from video_worker.detectors.letterbox import Letterbox, letterbox
from video_worker.detectors.suppression import decode, suppress

_INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_STRIDE = 32
_USUAL_SIZE = 640


class OnnxYolo:
    """One loaded model. It is tried on a grey image first, so that a wrong one is found before any task."""

    def __init__(self, path: Path, config: ObjectsConfig) -> None:
        self._path, self._config = path, config
        self._session = open_session(path, device=config.device, threads=config.threads)
        about = self._session.get_modelmeta().custom_metadata_map
        self._input = self._one_input(about)
        self._type = _INPUT_TYPES[self._input.type]
        batch, _, height, width = self._input.shape
        self._fixed_batch = batch if isinstance(batch, int) else None
        self._batch_size = self._fixed_batch or config.batch_size
        self._any_size = not (isinstance(height, int) and isinstance(width, int))
        self._size = _size_in(about) if self._any_size else (height, width)
        self._labels = tuple(model_labels(about).values())
        self._try_it()

    @property
    def name(self) -> str:
        return self._path.stem

    @property
    def labels(self) -> tuple[str, ...]:
        return self._labels

    @property
    def input_size_px(self) -> tuple[int, int]:
        return self._size

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The detections of each image; those of one size go through the model together if it allows that."""
        found: list[list[Detection]] = []
        for _, alike in groupby(images, key=lambda image: image.shape):
            same_size = list(alike)
            for start in range(0, len(same_size), self._batch_size):
                found += self._detect_batch(same_size[start : start + self._batch_size])
        return found

    def _detect_batch(self, images: Sequence[Image]) -> list[list[Detection]]:
        height, width = images[0].shape[:2]
        placed = letterbox((height, width), self._size, _STRIDE if self._any_size else None)
        outputs = self._run(self._tensor([placed.fit(image) for image in images]))
        return [self._detections(output, placed) for output in outputs[: len(images)]]

    def _tensor(self, images: Sequence[Image]) -> Any:
        rows = max(len(images), self._fixed_batch or 0)
        tensor = np.zeros((rows, 3, *images[0].shape[:2]), self._type)
        for number, image in enumerate(images):
            rgb = image[..., ::-1].transpose(2, 0, 1)
            np.divide(rgb, 255, out=tensor[number], dtype=self._type, casting="unsafe")
        return tensor

    def _run(self, tensor: Any) -> Floats:
        output = self._session.run(None, {self._input.name: tensor})[0]
        return np.asarray(output, np.float32)

    def _detections(self, output: Floats, placed: Letterbox) -> list[Detection]:
        boxes, scores, classes = decode(output, len(self._labels), self._config.min_score)
        kept = suppress(boxes, classes, self._config.max_overlap)
        corners = placed.restore(boxes[kept]).tolist()
        return [
            Detection(self._labels[class_], float(score), (x1, y1, x2, y2))
            for class_, score, (x1, y1, x2, y2) in zip(classes[kept], scores[kept], corners, strict=True)
        ]

    def _one_input(self, about: dict[str, str]) -> Any:
        inputs, task = self._session.get_inputs(), about.get("task", "detect")
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3:
            raise self._unusable(
                f"its inputs are {[given.shape for given in inputs]}, not one of batch x 3 x height x width"
            )
        if inputs[0].type not in _INPUT_TYPES:
            raise self._unusable(f"its input is of type {inputs[0].type}, not float or float16")
        if task != "detect":
            raise self._unusable(f"it was made for the task {task!r}, not 'detect'")
        return inputs[0]

    def _try_it(self) -> None:
        """Check what really comes out. Raises UnusableModelError."""
        grey = np.full((self._fixed_batch or 1, 3, *self._size), 0.5, self._type)
        try:
            output = self._run(grey)
        except RUNTIME_ERRORS as error:
            raise self._unusable(f"it fails on a grey image: {error}") from error
        if output.ndim != 3 or output.shape[1] < 5 or output.shape[2] == 6:
            raise self._unusable(f"its output has the shape {output.shape}, not batch x (4 + classes) x anchors")
        classes = output.shape[1] - 4
        if len(self._labels) != classes:
            raise self._unusable(f"it has {classes} classes, but {len(self._labels)} labels")

    def _unusable(self, reason: str) -> UnusableModelError:
        return UnusableModelError(self._path, f"it is no YOLOv8 detector as Ultralytics exports it: {reason}")


def _size_in(about: dict[str, str]) -> tuple[int, int]:
    """Height and width that a model of any input size was exported for."""
    numbers = [int(number) for number in re.findall(r"\d+", about.get("imgsz", ""))]
    height, width = (numbers * 2)[:2] if numbers else (_USUAL_SIZE, _USUAL_SIZE)
    return height, width
