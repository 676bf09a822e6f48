"""Whether the weights are there, are weights, and the hardware that was asked for exists."""

from pathlib import Path

from shared_utils.config import Config
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
    if path.suffix != ".onnx":
        return ok(SUBJECT, f"{path.absolute()} is there ({path.stat().st_size / 1e6:.1f} MB)")
    try:
        import onnxruntime as ort
    except ImportError:
        return ok(SUBJECT, f"{path.absolute()} is there; not loaded, as ONNX Runtime is not installed here")
    try:
        model = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's own exceptions have no common base but this
        return problem(SUBJECT, f"{path.absolute()} cannot be loaded: {str(error).splitlines()[0]}", _FETCH)
    shape = "x".join(str(size) for size in model.get_inputs()[0].shape)
    return ok(SUBJECT, f"{path.absolute()} loads, input {shape}")


def _device(device: str) -> list[Finding]:
    provider = _PROVIDERS.get(device)
    if provider is None:
        return []
    try:
        import onnxruntime as ort
    except ImportError:
        return []
    if provider in ort.get_available_providers():
        return [ok(SUBJECT, f"ONNX Runtime here can use {device}")]
    fix = "Install onnxruntime-gpu (docker-compose.gpu.yml has it), or set objects.device to cpu."
    return [problem(SUBJECT, f"objects.device is {device}, which ONNX Runtime cannot use here", fix)]
