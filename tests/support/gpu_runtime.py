"""ONNX Runtime as a machine with a GPU has it: what is asked of it is noted, and runs on the CPU."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import onnxruntime


@dataclass
class GpuRuntime:
    """Its wheel for GPUs: it lists CUDA whether or not a session comes to run there."""

    gpu_works: bool
    calls: list[str] = field(default_factory=list)
    SessionOptions = onnxruntime.SessionOptions

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def preload_dlls(self) -> None:
        self.calls.append("preload_dlls")

    def InferenceSession(self, path: str, options: Any, providers: Sequence[str]) -> "GpuSession":  # noqa: N802  its name
        self.calls.append("InferenceSession")
        on_the_cpu = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return GpuSession(on_the_cpu, providers if self.gpu_works else ["CPUExecutionProvider"])


@dataclass
class GpuSession:
    """Says that it runs on these providers."""

    session: Any
    providers: Sequence[str]

    def get_providers(self) -> Sequence[str]:
        return self.providers

    def get_inputs(self) -> Any:
        return self.session.get_inputs()

    def get_outputs(self) -> Any:
        return self.session.get_outputs()

    def run(self, outputs: Any, inputs: Any) -> Any:
        return self.session.run(outputs, inputs)
