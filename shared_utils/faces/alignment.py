"""Turning and scaling a face so that its eyes, nose and mouth lie where every recogniser expects them."""

from typing import Final

import cv2
import numpy as np
from insightface.utils.face_align import arcface_dst
from skimage.transform import SimilarityTransform

from shared_utils.analysis.detections import Floats, Image
from shared_utils.errors import WrongUseError
from shared_utils.faces.face import FaceFound

CROP_PX: Final = 112  # the side of the crops that ArcFace was trained on


class AlignmentError(WrongUseError):
    """Landmarks that no face has: all on one spot, or no numbers."""

    def __init__(self, face: FaceFound) -> None:
        super().__init__(
            f"The face at {tuple(round(side) for side in face.box)} cannot be aligned: its landmarks "
            f"{face.landmarks.tolist()} do not span a face. Leave it out."
        )


def is_alignable(landmarks: Floats) -> bool:
    """Whether the five landmarks span a face at all."""
    return bool(np.isfinite(landmarks).all() and (np.ptp(landmarks, axis=0) >= 1).any())


def aligned_crop(image: Image, face: FaceFound, side_px: int = CROP_PX) -> Image:
    """The face upright, `side_px` square, BGR; black where the image ends. Raises AlignmentError.

    The same as `insightface.utils.face_align.norm_crop`, which calls what scikit-image is about to remove.
    """
    if not is_alignable(face.landmarks):
        raise AlignmentError(face)
    to_crop = SimilarityTransform.from_estimate(face.landmarks, _where_landmarks_go(side_px))
    if not to_crop:
        raise AlignmentError(face)
    return np.asarray(cv2.warpAffine(image, to_crop.params[:2], (side_px, side_px)), np.uint8)


def _where_landmarks_go(side_px: int) -> Floats:
    """InsightFace's template for recognisers of 112 px and its multiples, and for those of 128 px."""
    if side_px % CROP_PX == 0:
        return np.asarray(arcface_dst * (side_px / CROP_PX), np.float32)
    ratio = side_px / 128
    return np.asarray(arcface_dst * ratio + np.array((8 * ratio, 0)), np.float32)
