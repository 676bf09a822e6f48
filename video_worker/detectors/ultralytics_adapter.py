"""Weights that only Ultralytics reads (`.pt` and its other formats). An optional extra: it brings torch."""

import pickle
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from shared_utils.config.schema import ObjectsConfig
from shared_utils.models import UnusableModelError
from shared_utils.onnx_session import Device
from video_worker.detectors.base import Detection, Image

_LOADING_ERRORS = (
    AttributeError,
    ImportError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    EOFError,
    pickle.UnpicklingError,
)


class UltralyticsYolo:
    """One model loaded by Ultralytics, for inference only."""

    def __init__(self, path: Path, config: ObjectsConfig) -> None:
        self._path = path
        self._model = _load(path)
        self._options = {
            "conf": config.min_score,
            "iou": config.max_overlap,
            "device": _torch_device(path, config.device),
            "batch": config.batch_size,
            "verbose": False,
        }

    @property
    def name(self) -> str:
        return self._path.stem

    @property
    def labels(self) -> tuple[str, ...]:
        names: dict[int, str] = self._model.names
        return tuple(names[number] for number in sorted(names))

    @property
    def input_size_px(self) -> None:
        return None  # each of its formats scales in its own way; weights in daily use are exported to ONNX

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        if not images:
            return []
        return [_detections(result) for result in self._model.predict(list(images), **self._options)]


def _load(path: Path) -> Any:  # Any: an untyped library, which may not be there
    try:
        ultralytics, torch = import_module("ultralytics"), import_module("torch")
    except ImportError as error:
        raise UnusableModelError(
            path,
            f"it needs Ultralytics and torch, which are not installed ({error})",
            "Either install the extra with 'make ultralytics', or export the weights once with 'vedette models export' "
            "and set objects.model to the .onnx file.",
        ) from error
    try:
        model = ultralytics.YOLO(path, task="detect")
        if isinstance(model.model, torch.nn.Module):  # in other formats it is a path
            model.model.eval()
    except _LOADING_ERRORS as error:
        raise UnusableModelError(path, f"Ultralytics cannot load it ({error})") from error
    return model


def _torch_device(path: Path, device: Device) -> str:
    if device == "cpu":
        return "cpu"
    if not import_module("torch").cuda.is_available():
        raise UnusableModelError(
            path,
            f"objects.device is {device!r}, but torch finds no GPU",
            "Install the driver and a torch with CUDA, or set objects.device to cpu.",
        )
    return "cuda:0"  # TensorRT is in the format of the weights there (.engine), not in the device


def _detections(result: Any) -> list[Detection]:
    boxes = result.boxes
    rows = zip(boxes.cls.tolist(), boxes.conf.tolist(), boxes.xyxy.tolist(), strict=True)
    return [Detection(result.names[int(number)], score, (x1, y1, x2, y2)) for number, score, (x1, y1, x2, y2) in rows]
