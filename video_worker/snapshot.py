"""One frame of a segment with its objects drawn in: what a person sees first of it."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from shared_utils.analysis.frames import Frame
from shared_utils.analysis.tracking import Track
from shared_utils.durable import write_durably
from video_worker.detectors import Detection, Image

_WIDEST_PX = 1920
_QUALITY = 88
_FONT = cv2.FONT_HERSHEY_DUPLEX
_BLACK = (16, 16, 16)
# BGR; light enough for black text, far enough apart to tell neighbours from each other.
_COLOURS = ((86, 214, 255), (120, 230, 120), (255, 190, 90), (200, 150, 255), (110, 160, 255), (230, 230, 110))
_Colour = tuple[int, int, int]


def write_snapshot(path: Path, frame: Frame, tracks: Sequence[Track]) -> None:
    """Write the frame with its objects as a JPEG, whole or not at all. Raises OSError."""
    written, data = cv2.imencode(".jpg", draw(frame, tracks), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not written:
        raise OSError(f"the snapshot {path.name} cannot be encoded as JPEG")
    write_durably(path, data.tobytes())


def draw(frame: Frame, tracks: Sequence[Track]) -> Image:
    """A copy of the frame, at most 1920 wide, with box, label and score of what is seen in it."""
    height, width = frame.image.shape[:2]
    scale = min(1.0, _WIDEST_PX / width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame.image.copy()
    seen = [
        (track.label, sighting.detection) for track in tracks for sighting in track.sightings if sighting.t == frame.t
    ]
    drawn = np.asarray(image, np.uint8)
    for label, detection in sorted(seen, key=lambda one: one[1].score):  # the surest one comes to lie on top
        _draw_one(drawn, label, detection, scale)
    return drawn


def _draw_one(image: Image, label: str, detection: Detection, scale: float) -> None:
    x1, y1, x2, y2 = (round(value * scale) for value in detection.box)
    thickness = max(round(image.shape[0] / 360), 1)
    colour = _COLOURS[zlib.crc32(label.encode()) % len(_COLOURS)]
    cv2.rectangle(image, (x1, y1), (x2, y2), _BLACK, thickness + 2, cv2.LINE_AA)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, thickness, cv2.LINE_AA)
    _draw_tag(image, f"{label} {detection.score:.2f}", (x1, y1), colour)


def _draw_tag(image: Image, text: str, corner: tuple[int, int], colour: _Colour) -> None:
    """Black text on a plate of the box's colour: above the box, or inside where there is no room above."""
    height, width = image.shape[:2]
    font_scale = max(height / 1080 * 0.85, 0.4)
    weight = 1 if height < 900 else 2
    (text_width, text_height), below = cv2.getTextSize(text, _FONT, font_scale, weight)
    margin = max(round(text_height * 0.35), 2)
    plate_width, plate_height = text_width + 2 * margin, text_height + below + 2 * margin
    left = min(max(corner[0], 0), max(width - plate_width, 0))
    top = corner[1] - plate_height if corner[1] >= plate_height else max(corner[1], 0)
    cv2.rectangle(image, (left, top), (left + plate_width, top + plate_height), colour, cv2.FILLED)
    baseline = (left + margin, top + margin + text_height)
    cv2.putText(image, text, baseline, _FONT, font_scale, _BLACK, weight, cv2.LINE_AA)
