"""Whether the weights are there, are weights, and run on the hardware that was asked for."""

from importlib.util import find_spec
from pathlib import Path

from shared_utils.config import Config
from shared_utils.errors import ModelError
from shared_utils.models import HOG, ModelMissingError, find_model
from vedette.checks.finding import Finding, ok, problem, warning
from vedette.missing_models import faces_are_asked_for, require_pack_files

SUBJECT, FACE_SUBJECT = "object model", "face model"
_FETCH = "Bring the weights with 'vedette models fetch', or put the file there."


def check_models(config: Config) -> list[Finding]:
    """Only what the cameras' analyses need."""
    return [*check_object_model(config), *check_face_model(config)]


def check_object_model(config: Config) -> list[Finding]:
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


def check_face_model(config: Config) -> list[Finding]:
    """Both models of the pack, on the device that the configuration asks for."""
    if not faces_are_asked_for(config):
        return [ok(FACE_SUBJECT, "not needed: no camera has 'faces' in its analyses")]
    name, fetch = config.faces.model, f"See its licence and bring it with 'vedette models fetch {config.faces.model}'."
    try:
        require_pack_files(config)
    except ModelMissingError:
        text = f"{name} is missing in {config.models_dir.absolute()}: nobody is recognised, and the tasks wait"
        return [warning(FACE_SUBJECT, text, f"{fetch} Or take 'faces' out of the analyses of your cameras.")]
    except ModelError as error:
        return [problem(FACE_SUBJECT, str(error), fetch)]
    if find_spec("insightface") is None:
        return [ok(FACE_SUBJECT, f"{name} is there; not loaded, as InsightFace is not installed here")]
    return [_loaded_pack(config)]


def _loaded_pack(config: Config) -> Finding:
    from shared_utils.faces.engine import load_engine
    from shared_utils.onnx_session import DeviceMissingError

    try:
        engine = load_engine(config.faces, config.models_dir)
    except DeviceMissingError as error:
        return problem(FACE_SUBJECT, str(error), "On a machine without a GPU set faces.device to cpu.")
    except ModelError as error:
        return problem(FACE_SUBJECT, str(error), f"Bring it again: 'vedette models fetch {config.faces.model}'.")
    size = engine.embedding_size
    return ok(FACE_SUBJECT, f"{engine.name} loads and runs on {config.faces.device}; {size} numbers for each face")


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
