"""How good a face is for being recognised: its size, its sharpness, and how far it looks into the camera."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from shared_utils.analysis.detections import Floats, Image
from shared_utils.faces.alignment import aligned_crop
from shared_utils.faces.face import FaceFound

_USELESS_PX: Final = 16.0
_ENOUGH_PX: Final = 80.0
_BLURRED: Final = 20.0  # variance of the Laplacian over the aligned crop
_SHARP: Final = 300.0


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What is told to people is `size_px`; the rest is 0 (useless) to 1 (as good as it gets)."""

    size_px: float  # the shorter side of the box
    sharpness: float
    frontality: float
    overall: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a face looks, from its landmarks alone; 0 is into the camera."""

    yaw: float  # -1 (profile) to 1 (the other profile): where the nose lies between the eyes
    pitch: float  # about -1 (up) to 1 (down): where the nose lies between eyes and mouth
    roll_degrees: float  # how far the head leans to its side


def quality_of(image: Image, face: FaceFound) -> FaceQuality:
    """Judge one face of a BGR image. Raises AlignmentError for landmarks that no face has."""
    size = _between(face.size_px, _USELESS_PX, _ENOUGH_PX)
    sharpness = _between(
        float(np.log(_edges(aligned_crop(image, face)))), float(np.log(_BLURRED)), float(np.log(_SHARP))
    )
    frontality = _frontality(pose_of(face.landmarks))
    return FaceQuality(face.size_px, sharpness, frontality, float((size * sharpness * frontality) ** (1 / 3)))


def pose_of(landmarks: Floats) -> Pose:
    """The pose of five landmarks in the order of `face.LANDMARKS`."""
    right_eye, left_eye, nose, right_mouth, left_mouth = np.asarray(landmarks, np.float64)
    across = left_eye - right_eye
    distance = max(float(np.hypot(*across)), 1e-6)
    unit = across / distance
    down = np.array((-unit[1], unit[0]))
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    height = float((mouth - eyes) @ down)
    height = max(height, 1e-6) if height >= 0 else height
    return Pose(
        yaw=float(np.clip(2 * ((nose - (eyes + mouth) / 2) @ unit) / distance, -1, 1)),
        pitch=float(np.clip(2 * (float((nose - eyes) @ down) / height) - 1, -1, 1)),
        roll_degrees=float(np.degrees(np.arctan2(across[1], across[0]))),
    )


def _frontality(pose: Pose) -> float:
    return max(0.0, 1 - abs(pose.yaw)) * max(0.0, 1 - abs(pose.pitch))


def _edges(crop: Image) -> float:
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    return max(float(cv2.Laplacian(grey, cv2.CV_32F).var()), 1e-6)


def _between(value: float, least: float, enough: float) -> float:
    return float(np.clip((value - least) / (enough - least), 0, 1))
