"""Files of arrays with a JSON header: NumPy's .npz without pickles, whole or absent, read with suspicion."""

import errno
import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared_utils.durable import write_durably
from shared_utils.gallery.errors import UnreadableArraysError

Array = NDArray[Any]  # of a type that the reader checks
HEADER = "header"
_MOST_BYTES = 8 * 1024**3  # a million embeddings of 512 take two
# What NumPy and zipfile raise for damage; MemoryError, where a damaged size asks for more than there is.
_DAMAGE = (
    ValueError,
    KeyError,
    EOFError,
    IndexError,
    OverflowError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_arrays(path: Path, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """The whole file, on disk when this returns. Raises OSError."""
    text = json.dumps(header, ensure_ascii=False, allow_nan=False).encode()
    buffer = io.BytesIO()
    contents: dict[str, Any] = {HEADER: np.frombuffer(text, np.uint8), **arrays}
    np.savez(buffer, **contents)
    write_durably(path, buffer.getvalue())


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays. Raises UnreadableArraysError for damage, OSError where the file cannot be read at all.

    Each entry of the file carries a checksum, so that a bit that fell over is noticed.
    """
    with path.open("rb") as handle:
        try:
            _check_sizes(handle)
            with np.load(handle, allow_pickle=False) as contents:
                arrays = {name: contents[name] for name in contents.files}
            header = json.loads(arrays.pop(HEADER).tobytes())
        except (*_DAMAGE, OSError) as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:  # which is a place before the file's start
                raise
            raise UnreadableArraysError(path, f"it is damaged ({type(error).__name__}: {error})") from error
    if not isinstance(header, dict) or not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise UnreadableArraysError(path, "it holds something else than arrays and a header")
    return header, arrays


def _check_sizes(handle: Any) -> None:
    """Ours are not compressed: a small file that claims gigabytes is refused before anything is unpacked."""
    with zipfile.ZipFile(handle) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("it is compressed, which Vedette's files are not")
        if sum(entry.file_size for entry in entries) > _MOST_BYTES:
            raise ValueError(f"it claims to hold more than {_MOST_BYTES} bytes")
    handle.seek(0)


def unit_rows(array: Array, *, rows: int | None = None) -> NDArray[np.float32]:
    """The array, checked to be a matrix of float32 whose rows have length 1. Raises ValueError."""
    if array.ndim != 2 or array.dtype != np.float32 or (rows is not None and len(array) != rows):
        raise ValueError(f"expected a matrix of float32, found {array.dtype} of shape {array.shape}")
    lengths = np.einsum("ij,ij->i", array, array)
    if not bool(np.all(np.abs(lengths - 1.0) < 1e-3)):  # false for what is not a number, too
        raise ValueError("an embedding has not the length 1")
    return array
