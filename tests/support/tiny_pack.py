"""A pack of two made-up models: every white square is a face, and its embedding is what the crop looks like."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from shared_utils.analysis.detections import Image

FACE_PX = 48  # the side of the box that the detector puts around a white square
_STRIDES = (8, 16, 32)
_ANCHORS = 2  # for each place of the grid
_OPSET = 17

Shape = Sequence[int | str]


def tiny_pack(folder: Path, *, landmarks: bool = True, takes_several: bool = True, seed: int = 0) -> Path:
    """Write a pack. `takes_several` False: a recogniser that says that it takes batches, and fails on them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_detector(folder / "det_tiny.onnx", landmarks=landmarks)
    write_recogniser(folder / "tiny_w16.onnx", takes_several=takes_several, seed=seed)
    return folder


def picture(*centres: tuple[int, int], size: tuple[int, int] = (320, 256)) -> Image:
    """A black picture (width, height) with a face around each of these points, which are multiples of 8."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    for x, y in centres:
        image[y : y + 8, x : x + 8] = 255
    return image


def write_detector(path: Path, *, landmarks: bool = True) -> None:
    """SCRFD with the outputs of the real one; only its finest grid sees anything."""
    made = [list(_branch(stride, sees=stride == _STRIDES[0], landmarks=landmarks)) for stride in _STRIDES]
    outputs = [branch[part] for part in range(len(made[0])) for branch in made]
    nodes = [node for nodes, _ in outputs for node in nodes]
    ends = [end for _, end in outputs]
    _write(path, nodes, _value("input.1", (1, 3, "?", "?")), ends)


def write_recogniser(path: Path, *, takes_several: bool = True, seed: int = 0, gain: float = 1.0) -> None:
    """48 numbers: the crop in 4 x 4 patches, by weights that `seed` chooses, times `gain`."""
    weights = np.random.default_rng(seed).normal(size=(48, 48)).astype(np.float32) * np.float32(gain)
    nodes = [
        helper.make_node("AveragePool", ["x"], ["patches"], kernel_shape=[28, 28], strides=[28, 28]),
        helper.make_node("Reshape", ["patches", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["embedding"]),
        *_constants({"shape": np.array((-1 if takes_several else 1, 48)), "weights": weights}),
    ]
    _write(path, nodes, _value("x", ("batch", 3, 112, 112)), [_value("embedding", ("batch", 48))])


def write_other_model(path: Path) -> None:
    """Something else that packs hold: it takes 192 x 192 pixels and answers 212 numbers."""
    nodes = [
        helper.make_node("AveragePool", ["x"], ["mean"], kernel_shape=[192, 192]),
        helper.make_node("Flatten", ["mean"], ["y"]),
    ]
    _write(path, nodes, _value("x", (1, 3, 192, 192)), [_value("y", (1, 3))])


def _branch(stride: int, *, sees: bool, landmarks: bool) -> Iterator[tuple[list[onnx.NodeProto], onnx.ValueInfoProto]]:
    """Scores, boxes and landmarks of one grid, each with the nodes that make them."""
    reach = FACE_PX / 2 / stride
    points = np.array(((-0.5, -0.4), (0.5, -0.4), (0, 0), (-0.4, 0.5), (0.4, 0.5))) * reach
    yield _head(f"score{stride}", stride, np.full(1, 0.5 if sees else 0.0), per_pixel=0.5 if sees else 0.0)
    yield _head(f"box{stride}", stride, np.full(4, reach))
    if landmarks:
        yield _head(f"points{stride}", stride, points.ravel())


def _head(
    name: str, stride: int, bias: NDArray[np.float64], per_pixel: float = 0.0
) -> tuple[list[onnx.NodeProto], onnx.ValueInfoProto]:
    """A convolution that looks at one place of the grid at a time, laid out as SCRFD does: a row for each anchor."""
    columns = len(bias)
    weights = np.full((columns * _ANCHORS, 3, stride, stride), per_pixel / (3 * stride * stride), np.float32)
    # Both anchors say the same, and suppression leaves one. White comes in as 1 and scores 1, black as -1 and scores 0.
    shift = np.tile(bias, _ANCHORS).astype(np.float32)
    constants = {f"{name}.w": weights, f"{name}.b": shift, f"{name}.s": np.array((-1, columns))}
    nodes = [
        helper.make_node("Conv", ["input.1", f"{name}.w", f"{name}.b"], [f"{name}.c"], strides=[stride, stride]),
        helper.make_node("Transpose", [f"{name}.c"], [f"{name}.t"], perm=[2, 3, 0, 1]),
        helper.make_node("Reshape", [f"{name}.t", f"{name}.s"], [name]),
        *_constants(constants),
    ]
    return nodes, _value(name, ("rows", columns))


def _constants(values: dict[str, NDArray[np.float32] | NDArray[np.int64]]) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value)) for name, value in values.items()
    ]


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _write(
    path: Path, nodes: list[onnx.NodeProto], takes: onnx.ValueInfoProto, gives: list[onnx.ValueInfoProto]
) -> None:
    # Constants come first: ONNX wants every value made before it is used.
    ordered = sorted(nodes, key=lambda node: node.op_type != "Constant")
    graph = helper.make_graph(ordered, path.stem, [takes], gives)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
