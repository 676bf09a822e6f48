"""The values that the face engine hands on."""

from dataclasses import dataclass
from typing import Final

from shared_utils.analysis.detections import Box, Floats

LANDMARKS: Final = ("right eye", "left eye", "nose", "right corner of the mouth", "left corner of the mouth")


@dataclass(frozen=True, slots=True, eq=False)
class FaceFound:
    """One face in one image."""

    box: Box  # x1, y1, x2, y2 in pixels of the image; may reach beyond its border
    score: float  # the detector's confidence, 0 to 1
    landmarks: Floats  # 5 x 2, x and y in pixels, in the order of LANDMARKS: as seen, the first is to the left

    @property
    def size_px(self) -> float:
        """The shorter side of the box."""
        x1, y1, x2, y2 = self.box
        return min(x2 - x1, y2 - y1)
