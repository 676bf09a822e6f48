"""SCRFD: where the faces are, with five landmarks each."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from insightface.model_zoo import SCRFD

from shared_utils.analysis.detections import Image
from shared_utils.errors import WrongUseError
from shared_utils.faces.alignment import is_alignable
from shared_utils.faces.face import FaceFound
from shared_utils.models import UnusableModelError
from shared_utils.onnx_session import RUNTIME_ERRORS

STRIDE_PX: Final = 32  # the coarsest grid of SCRFD: its input is a multiple of it
_ANY_FAILURE: Final[tuple[type[Exception], ...]] = (*RUNTIME_ERRORS, IndexError, TypeError, ValueError)
_LEAST_SIDE_PX = 8  # of the picture as the detector sees it: no face fits into less
_LEAST_PORTRAIT_PX = 128  # the smallest size in which a portrait is looked at once more
_SAME_FACE = 0.5  # of the smaller of two boxes lies in the other


class FaceDetector:
    """One loaded SCRFD. May be used by several threads at once."""

    def __init__(self, path: Path, session: Any, *, size_px: int, least_score: float) -> None:
        self._path, self._size_px, self._least_score = path, size_px, least_score
        # One session for all sizes: SCRFD would open another one, with a copy of the weights, for each size it meets.
        self._scrfd = SCRFD(str(path), session, static_shape_sessions=False)
        self._try_it()

    def find(self, image: Image, *, least_score: float | None = None, portrait: bool = False) -> list[FaceFound]:
        """The faces of any size in a BGR image, the surest first. Raises WrongUseError for anything else.

        With `portrait` the picture is also looked at in half its size, a quarter and so on: SCRFD does not find a face
        that fills all of a large picture.
        """
        _require_bgr(image)
        score = self._least_score if least_score is None else least_score
        size_px = min(self._size_px, max(image.shape[:2]))
        found = self._look(image, size_px, score)
        while portrait and (size_px := size_px // 2) >= _LEAST_PORTRAIT_PX:
            more = self._look(image, size_px, score)
            found += [face for face in more if not any(_is_same(face, other) for other in found)]
        return sorted(found, key=lambda face: -face.score)

    def _look(self, image: Image, size_px: int, least_score: float) -> list[FaceFound]:
        """The faces in a picture that is made smaller where its longer side has more than `size_px`, never larger."""
        height, width = image.shape[:2]
        scale = min(1.0, size_px / max(height, width))
        if min(height, width) * scale < _LEAST_SIDE_PX:
            return []
        boxes, landmarks = self._scrfd.detect(image, _input_size(width, height, scale), det_thresh=least_score)
        return [
            FaceFound((float(x1), float(y1), float(x2), float(y2)), float(score), points)
            for (x1, y1, x2, y2, score), points in zip(boxes, np.asarray(landmarks, np.float32), strict=True)
            if is_alignable(points)
        ]

    def _try_it(self) -> None:
        """Check what really comes out. Raises UnusableModelError."""
        if not self._scrfd.use_kps:
            raise self._unusable("it has no landmarks, which alignment needs")
        grey = np.full((STRIDE_PX * 4, STRIDE_PX * 4, 3), 127, np.uint8)
        try:
            self._look(grey, self._size_px, self._least_score)
        except _ANY_FAILURE as error:
            raise self._unusable(f"it fails on a grey image: {error}") from error

    def _unusable(self, reason: str) -> UnusableModelError:
        return UnusableModelError(self._path, f"it is no SCRFD detector with landmarks: {reason}")


def _input_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Width and height of the detector's input: the scaled picture, each side rounded up to the grid."""
    across, down = (int(np.ceil(round(side * scale) / STRIDE_PX)) * STRIDE_PX for side in (width, height))
    return across, down


def _is_same(face: FaceFound, other: FaceFound) -> bool:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = face.box, other.box
    shared = max(0.0, min(ax2, bx2) - max(ax1, bx1)) * max(0.0, min(ay2, by2) - max(ay1, by1))
    return shared > _SAME_FACE * min((ax2 - ax1) * (ay2 - ay1), (bx2 - bx1) * (by2 - by1))


def _require_bgr(image: Image) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise WrongUseError(
            f"Faces are looked for in BGR pictures of uint8, height x width x 3; this is {image.dtype}, "
            f"{' x '.join(map(str, image.shape))}."
        )
