"""ONNX Runtime sessions: the one place that knows its devices and how it fails."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as _native

from shared_utils.errors import ModelError
from shared_utils.models import UnusableModelError

Device = Literal["cpu", "cuda", "tensorrt"]
Section = Literal["objects", "faces"]  # of the configuration: whose device it is

# They have no base in common but Exception.
RUNTIME_ERRORS: tuple[type[Exception], ...] = tuple(
    kind for kind in vars(_native).values() if isinstance(kind, type) and issubclass(kind, Exception)
)
_PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
}
_GPU_PACKAGES: dict[Section, str] = {"objects": "worker-gpu.txt", "faces": "face-gpu.txt"}
_LOG_NOTHING = 4  # what is wrong is said by our own errors


class DeviceMissingError(ModelError):
    """The device that was asked for cannot be used; the CPU is no substitute that anybody would notice."""

    def __init__(self, section: Section, device: Device, provider: str, present: Sequence[str]) -> None:
        super().__init__(
            f"{section}.device is {device!r}, but ONNX Runtime has no {provider} here (only {', '.join(present)}). "
            f"Install the packages of requirements/{_GPU_PACKAGES[section]} on a machine with an NVIDIA GPU and its "
            f"driver (with Docker: docker-compose.gpu.yml), or set {section}.device to cpu."
        )


def open_session(
    path: Path,
    *,
    device: Device = "cpu",
    threads: int = 0,
    section: Section = "objects",
    runtime: Any = onnxruntime,
) -> Any:
    """Load a model onto a device. Raises UnusableModelError and DeviceMissingError, which names the section's `device`.

    `threads` 0 leaves their number to the runtime, which is passed in so that tests can stand for a machine with a GPU.
    """
    if not path.is_file():
        raise UnusableModelError(path, "it is a folder" if path.is_dir() else "it is missing")
    wanted = _PROVIDERS[device]
    _require(section, device, runtime.get_available_providers())
    if device != "cpu":
        runtime.preload_dlls()  # CUDA comes in wheels, where the system's loader does not look
    options = runtime.SessionOptions()
    options.log_severity_level = _LOG_NOTHING
    options.intra_op_num_threads = threads
    # Threads that spin while there is nothing to do take the cores from the other workers and from capture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = runtime.InferenceSession(str(path), options, providers=wanted)
    except RUNTIME_ERRORS as error:
        raise UnusableModelError(path, f"ONNX Runtime cannot load it ({str(error).splitlines()[0]})") from error
    _require(section, device, session.get_providers())  # ONNX Runtime falls back to the CPU without an error
    return session


def require_device(section: Section, device: Device, runtime: Any = onnxruntime) -> None:
    """Raises DeviceMissingError where the runtime knows no such device. Whether one is there, a model shows."""
    _require(section, device, runtime.get_available_providers())


def _require(section: Section, device: Device, present: Sequence[str]) -> None:
    provider = _PROVIDERS[device][0]
    if provider not in present:
        raise DeviceMissingError(section, device, provider, present)
