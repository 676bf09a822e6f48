"""A model runs on the device that was asked for, or says why it cannot. The runtime stands for a machine's."""

from pathlib import Path

import pytest

from shared_utils.onnx_session import DeviceMissingError, open_session
from tests.support.gpu_runtime import GpuRuntime
from tests.support.tiny_onnx import tiny_detector


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tiny_detector(tmp_path / "tiny.onnx")


def test_the_libraries_of_cuda_are_loaded_before_the_session_is_made(weights: Path) -> None:
    """They lie in wheels, where the session would not find them, and it would run on the CPU."""
    runtime = GpuRuntime(gpu_works=True)

    session = open_session(weights, device="cuda", runtime=runtime)

    assert runtime.calls == ["preload_dlls", "InferenceSession"]
    assert session.get_providers()[0] == "CUDAExecutionProvider"


def test_a_silent_fall_back_to_the_cpu_is_an_error(weights: Path) -> None:
    """ONNX Runtime only logs it; the queue that never gets empty would be noticed weeks later."""
    with pytest.raises(DeviceMissingError, match=r"objects\.device is 'cuda'.*only CPUExecutionProvider"):
        open_session(weights, device="cuda", runtime=GpuRuntime(gpu_works=False))


def test_a_runtime_without_the_device_is_an_error_before_anything_is_loaded(weights: Path) -> None:
    """TensorRT is no part of the wheel."""
    runtime = GpuRuntime(gpu_works=True)

    with pytest.raises(DeviceMissingError, match="TensorrtExecutionProvider"):
        open_session(weights, device="tensorrt", runtime=runtime)

    assert runtime.calls == []


def test_a_worker_for_the_cpu_needs_no_libraries_of_cuda(weights: Path) -> None:
    """They take a gigabyte of memory."""
    runtime = GpuRuntime(gpu_works=True)

    open_session(weights, runtime=runtime)

    assert runtime.calls == ["InferenceSession"]
