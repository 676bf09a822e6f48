"""Whether the weights are there, are weights, and the hardware that was asked for exists."""

from importlib.util import find_spec
from pathlib import Path

from shared_utils.config import Config
from shared_utils.errors import ModelError
from vedette.checks.finding import Finding, ok, problem, warning

SUBJECT = "object model"
_FETCH = "Bring the weights with 'vedette models fetch', or put the file there."
_PROVIDERS = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}


def check_models(config: Config) -> list[Finding]:
    """Only what the cameras' analyses need."""
    if not any("objects" in camera.analyses for camera in config.cameras.values()):
        return [ok(SUBJECT, "not needed: no camera has 'objects' in its analyses")]
    name = config.objects.model
    if name == "hog":
        return [ok(SUBJECT, "OpenCV's people detector is configured, which needs no weights")]
    path = config.models_dir / name
    if not path.is_file():
        text = f"{path.absolute()} is missing: OpenCV's people detector is used instead, which finds people only"
        return [warning(SUBJECT, text, _FETCH)]
    return [_weights(path), *_device(config.objects.device)]


def _weights(path: Path) -> Finding:
    if find_spec("onnxruntime") is None:
        return ok(SUBJECT, f"{path.absolute()} is there; not loaded, as ONNX Runtime is not installed here")
    from shared_utils.model_check import check_weights

    try:
        check_weights(path)
    except ModelError as error:
        return problem(SUBJECT, f"{path.absolute()}: {error}", _FETCH)
    return ok(SUBJECT, f"{path.absolute()} loads ({path.stat().st_size / 1e6:.1f} MB)")


def _device(device: str) -> list[Finding]:
    provider = _PROVIDERS.get(device)
    if provider is None:
        return []
    if find_spec("onnxruntime") is None:
        return []
    import onnxruntime as ort

    if provider in ort.get_available_providers():
        return [ok(SUBJECT, f"ONNX Runtime here can use {device}")]
    fix = "Install onnxruntime-gpu (docker-compose.gpu.yml has it), or set objects.device to cpu."
    return [problem(SUBJECT, f"objects.device is {device}, which ONNX Runtime cannot use here", fix)]
