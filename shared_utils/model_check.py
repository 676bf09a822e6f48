"""Whether weights are weights: they load, have the right shape and find what a known picture shows."""

import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared_utils.models import UnusableModelError, model_labels

_MIN_SCORE = 0.25
_KNOWN_PICTURE_SHOWS = frozenset({"person", "bus"})
_USUAL_SIDE_PX = 640
_GREY = 114  # what Ultralytics fills the square with


def known_picture() -> Path | None:
    """The photograph of a bus and people that the Ultralytics wheel carries; None where that is not installed."""
    spec = find_spec("ultralytics")
    folders = spec.submodule_search_locations if spec is not None else None
    return next((path for folder in folders or () if (path := Path(folder) / "assets" / "bus.jpg").is_file()), None)


def check_weights(path: Path, picture: Path | None = None) -> None:
    """Look into an object detector, `.onnx` or `.pt`, as far as its kind allows. Raises UnusableModelError.

    A model that knows people and buses must find both in `picture`, which shows both.
    """
    if path.suffix == ".onnx":
        _check_detector(path, picture)
    elif path.suffix == ".pt":
        _check_checkpoint(path)
    elif not path.is_file() or path.stat().st_size == 0:
        raise UnusableModelError(path, "it is missing or empty")


def check_pack(folder: Path, files: tuple[str, ...]) -> None:
    """Every model named must be there and load. Raises UnusableModelError."""
    from shared_utils.onnx_session import open_session

    for name in files:
        open_session(folder / name)


def _check_checkpoint(path: Path) -> None:
    """A checkpoint is a zip archive with a pickle in it; it is not opened further, as loading one runs its code."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise UnusableModelError(path, f"it is no PyTorch checkpoint ({error})") from error
    if not any(name.endswith("/data.pkl") for name in names):
        raise UnusableModelError(path, "it is an archive, but no PyTorch checkpoint")


def _check_detector(path: Path, picture: Path | None) -> None:
    from shared_utils.onnx_session import open_session

    session = open_session(path)
    labels = model_labels(session.get_modelmeta().custom_metadata_map)
    height, width = _input_size(path, session)
    showing = picture if _KNOWN_PICTURE_SHOWS.issubset(labels.values()) else None
    output = _run(path, session, _network_input(showing, height, width))
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[1] != 4 + len(labels):
        expected = f"1x{4 + len(labels)}xN for its {len(labels)} labels"
        raise UnusableModelError(path, f"its output is {'x'.join(map(str, output.shape))}, expected {expected}")
    if showing is not None:
        best = output[0, 4:].max(axis=1)
        found = {label for label, score in zip(labels.values(), best, strict=True) if score > _MIN_SCORE}
        if missed := _KNOWN_PICTURE_SHOWS - found:
            raise UnusableModelError(path, f"it does not find the {' and the '.join(sorted(missed))} in {showing.name}")


def _input_size(path: Path, session: Any) -> tuple[int, int]:
    """Height and width that the model takes; the usual ones where it takes any."""
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3:
        raise UnusableModelError(path, f"its input is {'x'.join(map(str, shape))}, expected 1x3xHxW")
    height, width = (side if isinstance(side, int) else _USUAL_SIDE_PX for side in shape[2:])
    return height, width


def _run(path: Path, session: Any, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    from shared_utils.onnx_session import RUNTIME_ERRORS

    first = session.get_inputs()[0]
    kind = np.float16 if first.type == "tensor(float16)" else np.float32
    try:
        return np.asarray(session.run(None, {first.name: pixels.astype(kind)})[0], np.float32)
    except RUNTIME_ERRORS as error:
        raise UnusableModelError(path, f"it fails on a picture ({str(error).splitlines()[0]})") from error


def _network_input(picture: Path | None, height: int, width: int) -> NDArray[np.float32]:
    """The picture in the middle of grey, 1x3xHxW, RGB, 0 to 1; grey alone without a picture."""
    import cv2

    canvas = np.full((height, width, 3), _GREY, np.uint8)
    image = cv2.imread(str(picture), cv2.IMREAD_COLOR) if picture is not None else None
    if image is not None:
        scale = min(height / image.shape[0], width / image.shape[1])
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        top, left = (height - size[1]) // 2, (width - size[0]) // 2
        canvas[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    pixels = canvas[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    return np.ascontiguousarray(pixels / np.float32(255))
