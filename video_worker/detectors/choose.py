"""Which detector a worker uses: the configured one, the one that a task names, or HOG where no weights are."""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from shared_utils.config.schema import ObjectsConfig
from shared_utils.config.suggest import did_you_mean
from shared_utils.errors import ConfigError, ModelError
from shared_utils.models import HOG, ModelMissingError, find_model, without_suffix
from video_worker.detectors.base import Detector
from video_worker.detectors.onnx_yolo import OnnxYolo
from video_worker.detectors.opencv_hog import OpenCvHog
from video_worker.detectors.ultralytics_adapter import UltralyticsYolo

log = logging.getLogger(__name__)

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEPT_MODELS = 3


def choose_detector(config: ObjectsConfig, models_dir: Path) -> Detector:
    """The configured detector; HOG, with a warning, if its weights are not there.

    Raises ModelError for weights that are there and cannot be used, ConfigError for labels that it does not know.
    """
    try:
        detector = load_detector(config.model, config, models_dir)
    except ModelMissingError as error:
        log.warning(
            "%s Until then the worker uses OpenCV's people detector: it finds upright people only, "
            'and the lines of the log say "model": "%s".',
            error,
            HOG,
        )
        return OpenCvHog(config)
    _check_labels(config.labels, detector)
    return detector


def load_detector(model: str, config: ObjectsConfig, models_dir: Path) -> Detector:
    """The detector of one model: a file in `models_dir`, its name without the suffix, or 'hog'. Raises ModelError."""
    if model == HOG:
        return OpenCvHog(config)
    path = find_model(model, models_dir)
    return OnnxYolo(path, config) if path.suffix == ".onnx" else UltralyticsYolo(path, config)


class Detectors:
    """The worker's own detector, and the few others that tasks named last."""

    def __init__(self, own: Detector, load: Callable[[str], Detector]) -> None:
        self.own = own
        self._load = load
        self._others: OrderedDict[str, Detector] = OrderedDict()

    def name_for(self, model: str | None) -> str:
        """What a line says as `model` for a task that asks for this one: the suffix is no part of the name."""
        return self.own.name if model is None else without_suffix(model)

    def for_model(self, model: str | None) -> Detector:
        """The detector that a task asks for; None means the worker's own. Raises ModelError."""
        if self.name_for(model) == self.own.name:
            return self.own
        if model is None or not _PLAIN_NAME.fullmatch(model):
            raise ModelError(f"{model!r} is not the name of a model; one looks like yolov8s or yolov8s.onnx.")
        if model not in self._others:
            self._others[model] = self._load(model)
        self._others.move_to_end(model)
        while len(self._others) > _KEPT_MODELS:
            self._others.popitem(last=False)
        return self._others[model]


def _check_labels(labels: tuple[str, ...], detector: Detector) -> None:
    for label in labels:
        if label not in detector.labels:
            near = did_you_mean(label, detector.labels)
            hint = f"did you mean {near!r}?" if near else f"it knows: {', '.join(detector.labels)}."
            raise ConfigError(f"objects.labels names {label!r}, which {detector.name} does not know: {hint}")
