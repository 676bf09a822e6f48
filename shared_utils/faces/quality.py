"""How good a face is for being recognised: its size, its sharpness, and how far it looks into the camera.

Each of them is turned into the similarity that is left: that of the embedding with one of the same face seen well.
How the figures were measured stands in docs/design/face-engine.md.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from shared_utils.analysis.detections import Floats, Image
from shared_utils.faces.alignment import aligned_crop
from shared_utils.faces.face import FaceFound

# What is left of the similarity, measured: a value, and the share of the similarity at that value.
_LEFT_AT_SIZE_PX: Final = ((8, 0.08), (12, 0.26), (16, 0.42), (20, 0.59), (24, 0.74), (32, 0.87), (48, 0.94), (80, 1))
_LEFT_AT_DETAIL: Final = (
    *((0.25, 0.27), (0.5, 0.33), (1, 0.5), (1.5, 0.6), (2, 0.7), (2.5, 0.8)),
    *((3.2, 0.85), (4.1, 0.89), (5.3, 0.91), (7, 0.94), (9.5, 0.98), (13, 1)),
)
_LEFT_AT_CONTRAST: Final = ((2.7, 0.39), (5.5, 0.75), (11, 0.93), (22, 1))  # standard deviation in grey levels
_LEFT_AT_YAW: Final = ((0, 1), (0.2, 0.97), (0.4, 0.89), (0.65, 0.79), (1, 0.72))
_LEFT_AT_SCORE: Final = ((0.5, 0.1), (0.7, 0.45), (0.75, 0.65), (0.82, 1))  # lower where a hand or a shoulder hides it

_BLURRED: Final = 1.3  # in the unit of `_detail`: 0.55 of the similarity is left
_SHARP: Final = 10.0  # nothing is lost; good photographs have 2 to 14
_USUAL_PITCH: Final = 0.3  # up to here no similarity is lost
# Second derivatives along the rows, the columns and the two diagonals.
_ACROSS: Final = np.array(((0, 0, 0), (1, -2, 1), (0, 0, 0)), np.float32)
_DIAGONAL: Final = np.array(((1, 0, 0), (0, -2, 0), (0, 0, 1)), np.float32) / 2
_DIRECTIONS: Final = (_ACROSS, _ACROSS.T, _DIAGONAL, _DIAGONAL[::-1])
_FACE_IN_CROP: Final = (slice(16, 108), slice(16, 96))  # rows and columns of a crop of 112 px, without the background


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What was measured, and what it comes to."""

    size_px: float  # the shorter side of the box
    sharpness: float  # 0 (half of the similarity or more is lost) to 1
    frontality: float  # 0 (profile) to 1 (into the camera)
    overall: float  # 0 to 1: about the similarity with the same face seen well


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a face looks, from its landmarks alone; 0 is into the camera."""

    yaw: float  # -1 (profile) to 1 (the other profile): how far the nose lies from the middle between the eyes
    pitch: float  # about -1 to 1: above 0 the nose is nearer to the mouth (looking down), below 0 to the eyes
    roll_degrees: float  # how far the head leans; alignment takes it back


def quality_of(image: Image, face: FaceFound) -> FaceQuality:
    """Judge one face of a BGR image. Raises AlignmentError for landmarks that no face has."""
    grey = cv2.cvtColor(aligned_crop(image, face)[_FACE_IN_CROP], cv2.COLOR_BGR2GRAY).astype(np.float32)
    detail, contrast, pose = _detail(grey), float(grey.std()), pose_of(face.landmarks)
    # Size and sharpness both say how much detail there is: a small face made larger is blurred.
    left = min(_left(face.size_px, _LEFT_AT_SIZE_PX), _left(detail, _LEFT_AT_DETAIL))
    left *= _left(contrast, _LEFT_AT_CONTRAST) * _left(abs(pose.yaw), _LEFT_AT_YAW) * _left(face.score, _LEFT_AT_SCORE)
    sharpness = float(np.clip(np.log(detail / _BLURRED) / np.log(_SHARP / _BLURRED), 0, 1))
    return FaceQuality(face.size_px, sharpness, _frontality(pose), left)


def pose_of(landmarks: Floats) -> Pose:
    """The pose of five landmarks in the order of `face.LANDMARKS`, in pixels of any image."""
    right_eye, left_eye, nose, right_mouth, left_mouth = np.asarray(landmarks, np.float64)
    across = left_eye - right_eye
    apart = max(float(np.hypot(*across)), 1e-6)
    unit = across / apart
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    down = np.array((-unit[1], unit[0]))
    height = max(float((mouth - eyes) @ down), 1e-6)
    return Pose(
        yaw=float(np.clip(2 * ((nose - (eyes + mouth) / 2) @ unit) / apart, -1, 1)),
        pitch=float(np.clip(2 * ((nose - eyes) @ down) / height - 1, -1, 1)),
        roll_degrees=float(np.degrees(np.arctan2(across[1], across[0]))),
    )


def _frontality(pose: Pose) -> float:
    return (1 - abs(pose.yaw)) * (1 - max(0.0, abs(pose.pitch) - _USUAL_PITCH))


def _detail(grey: Floats) -> float:
    """How much fine detail there is in the direction that has least of it, in thousandths of the contrast; above 0.

    The variance of the Laplacian takes a face that moved for a sharp one, as it is sharp along the other direction,
    and a dark or foggy one for a blurred one.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), 1)  # noise is no detail
    least = min(float((cv2.filter2D(smooth, -1, kernel) ** 2).mean()) for kernel in _DIRECTIONS)
    return max(1000 * least / max(float(grey.var()), 1.0), 1e-6)


def _left(value: float, measured: tuple[tuple[float, float], ...]) -> float:
    at, left = zip(*measured, strict=True)
    return float(np.interp(value, at, left))
