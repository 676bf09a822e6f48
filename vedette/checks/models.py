"""Whether the weights are there, are weights, and run on the hardware that was asked for."""

from importlib.util import find_spec
from pathlib import Path

from shared_utils.config import Config
from shared_utils.errors import ModelError
from shared_utils.models import HOG, ModelMissingError, find_model
from vedette.checks.finding import Finding, ok, problem, warning

SUBJECT = "object model"
_FETCH = "Bring the weights with 'vedette models fetch', or put the file there."


def check_models(config: Config) -> list[Finding]:
    """Only what the cameras' analyses need."""
    if not any("objects" in camera.analyses for camera in config.cameras.values()):
        return [ok(SUBJECT, "not needed: no camera has 'objects' in its analyses")]
    if config.objects.model == HOG:
        return [ok(SUBJECT, "OpenCV's people detector is configured, which needs no weights")]
    try:
        path = find_model(config.objects.model, config.models_dir)
    except ModelMissingError:
        missing = config.models_dir.absolute() / config.objects.model
        text = f"{missing} is missing: OpenCV's people detector is used instead, which finds people only"
        return [warning(SUBJECT, text, _FETCH)]
    except ModelError as error:
        return [problem(SUBJECT, str(error), _FETCH)]
    return [_weights(path), *_device(path, config)]


def _weights(path: Path) -> Finding:
    if find_spec("onnxruntime") is None:
        return ok(SUBJECT, f"{path.absolute()} is there; not loaded, as ONNX Runtime is not installed here")
    from shared_utils.model_check import check_weights

    try:
        check_weights(path)
    except ModelError as error:
        return problem(SUBJECT, str(error), _FETCH)
    return ok(SUBJECT, f"{path.absolute()} loads ({path.stat().st_size / 1e6:.1f} MB)")


def _device(path: Path, config: Config) -> list[Finding]:
    """Whether a session really comes to run there: ONNX Runtime lists devices that this machine does not have."""
    device = config.objects.device
    if device == "cpu" or path.suffix != ".onnx" or find_spec("onnxruntime") is None:
        return []
    from shared_utils.onnx_session import DeviceMissingError, open_session

    try:
        open_session(path, device=device)
    except DeviceMissingError as error:
        return [problem(SUBJECT, str(error), "On a machine without a GPU set objects.device to cpu.")]
    except ModelError:
        return []  # the weights are at fault, which is told already
    return [ok(SUBJECT, f"it runs on {device}")]
