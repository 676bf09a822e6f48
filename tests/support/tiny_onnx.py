"""ONNX files of a few hundred bytes, written by hand: a network that answers the same whatever it is shown."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

_FLOAT = 1


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


def _value(name: str, shape: Iterable[int]) -> bytes:
    """ValueInfoProto of a float tensor."""
    dims = b"".join(_bytes(1, _number(1, size)) for size in shape)
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
