"""ONNX files of a few hundred bytes, written by hand: a network that answers the same whatever it is shown."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

_FLOAT = 1
_INT64 = 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _value(name: str, shape: Iterable[int | str]) -> bytes:
    """ValueInfoProto of a float tensor; a side with a name may be of any size."""
    dims = b"".join(_bytes(1, _number(1, size) if isinstance(size, int) else _bytes(2, size)) for size in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, _FLOAT) + _bytes(2, dims)))


def tiny_detector(
    path: Path,
    *,
    labels: Mapping[int, str] | None = None,
    scores: Sequence[float] = (0.9, 0.9),
    takes: Sequence[int] = (1, 3, 32, 32),
) -> Path:
    """Write a detector whose boxes all have these scores, one for each class; with `labels` it names its classes."""
    answer = np.zeros((1, 4 + len(scores), 21), np.float32)
    answer[0, 4:] = np.array(scores, np.float32)[:, None]
    tensor = b"".join(_number(1, size) for size in answer.shape)
    tensor += _number(2, _FLOAT) + _bytes(8, "answer") + _bytes(9, answer.tobytes())
    node = _bytes(1, "answer") + _bytes(2, "output0") + _bytes(3, "only") + _bytes(4, "Identity")
    graph = _bytes(1, node) + _bytes(2, "tiny") + _bytes(5, tensor)
    graph += _bytes(11, _value("images", takes)) + _bytes(12, _value("output0", answer.shape))
    model = _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13))
    if labels is not None:
        model += _bytes(14, _bytes(1, "names") + _bytes(2, str(dict(labels))))
    path.write_bytes(model)
    return path


def any_size_detector(path: Path, label: str) -> Path:
    """Write a detector for images of any size that tells the size it was shown.

    Its one box has its middle at (batch, 3) and is as wide as the input is high, and as high as the input is wide.
    """
    shape_of_box = _number(1, 3) + _number(2, _INT64) + _bytes(8, "box_shape")
    shape_of_box += _bytes(9, np.array([1, 4, 1], np.int64).tobytes())
    score = b"".join(_number(1, 1) for _ in range(3)) + _number(2, _FLOAT) + _bytes(8, "score")
    score += _bytes(9, np.array([0.9], np.float32).tobytes())
    nodes = (
        _node("Shape", ["images"], "sizes"),
        _node("Cast", ["sizes"], "floats", to=_FLOAT),
        _node("Reshape", ["floats", "box_shape"], "box"),
        _node("Concat", ["box", "score"], "output0", axis=1),
    )
    graph = b"".join(_bytes(1, node) for node in nodes) + _bytes(2, "any-size") + _bytes(5, shape_of_box)
    graph += _bytes(5, score) + _bytes(11, _value("images", ("batch", 3, "height", "width")))
    graph += _bytes(12, _value("output0", ("batch", 5, "anchors")))
    model = _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13))
    path.write_bytes(model + _bytes(14, _bytes(1, "names") + _bytes(2, str({0: label}))))
    return path


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: int) -> bytes:
    """NodeProto with whole numbers for attributes."""
    given = b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(3, output) + _bytes(4, kind)
    return given + b"".join(
        _bytes(5, _bytes(1, name) + _number(3, value) + _number(20, 2)) for name, value in attributes.items()
    )
