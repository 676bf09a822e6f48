"""Looking for faces only where something moved, and no closer than the smallest face of interest needs."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from face_worker.engines import Engine
from face_worker.metrics import INFERENCE_SECONDS
from shared_utils.analysis.detections import Box, Detection, Image
from shared_utils.analysis.frames import Frame
from shared_utils.analysis.moved import marked
from shared_utils.faces.face import FaceFound
from shared_utils.segments import BoxPx, MotionLook

FACE = "face"  # the label by which faces are followed

# A face belongs to a body of which another part may have moved, and a detector needs surroundings.
_MARGIN_OF_BOX = 0.25
_MARGIN_OF_FRAME = 0.04
# Where this much of the frame would have to be looked at, nothing is saved by leaving the rest out.
_MOST_OF_FRAME = 0.6
# The detector finds faces of this size as surely as larger ones; the frame is made no larger than that needs.
_SMALLEST_IN_DETECTOR_PX = 16
_TOUCHES_PX = 2.0  # a face that ends this near the border of a region goes on behind it


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace(Detection):
    """One face in one frame, in pixels of it."""

    found: FaceFound


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of one frame."""

    frame: Frame
    faces: tuple[SeenFace, ...]  # seen in this frame
    carried: tuple[SeenFace, ...] = ()  # seen before, where nothing has moved since


@dataclass(frozen=True, slots=True)
class Eye:
    """How closely a detector is to look."""

    engine: Engine
    least_face_px: float  # smaller ones are left out
    most_input_px: int  # longer side of what the detector is shown

    def find(self, image: Image, region: BoxPx) -> list[FaceFound]:
        """The faces in a region of an image, in pixels of the image."""
        x1, y1, x2, y2 = region
        scale = min(_SMALLEST_IN_DETECTOR_PX / self.least_face_px, self.most_input_px / max(x2 - x1, y2 - y1), 1.0)
        part = _scaled(image[y1:y2, x1:x2], scale)
        height, width = part.shape[:2]
        with INFERENCE_SECONDS.labels("detect").time():
            found = self.engine.find(part)
        gain = (x2 - x1) / width, (y2 - y1) / height
        return [_moved_back(face, gain, (x1, y1)) for face in found]


def look_for_faces(frames: Iterable[Frame], looks: Sequence[MotionLook], eye: Eye) -> Generator[Looked, None, None]:
    """Look at the frames of one segment, which come in order of time; `looks` say what moved and when.

    A whole frame is looked at now and then, and in between the one region that holds all that moved. A face outside
    it is still where it was. While nobody is in view, every other frame is left out: a face that comes is seen half a
    second later at the most.
    """
    known: tuple[SeenFace, ...] = ()
    left_out: tuple[BoxPx, ...] | None = None
    for frame, moved_since in marked(frames, looks):
        moved = moved_since
        if moved is not None and not known and left_out is None:
            left_out = moved
            continue
        moved = None if moved is None else (*moved, *(left_out or ()))
        left_out = None
        region = region_to_look_at(moved, [face.box for face in known], frame.image.shape[:2])
        faces = _seen(frame.image, region, eye) if region else ()
        carried = tuple(face for face in known if region is None or not _lies_in(face.box, region))
        yield Looked(frame, faces, carried)
        known = (*faces, *carried)


def region_to_look_at(moved: Sequence[BoxPx] | None, known: Iterable[Box], size: tuple[int, ...]) -> BoxPx | None:
    """The part of a frame of this size (height, width) that holds all that moved, and the known faces that moved.

    None if nothing moved; the whole frame if it is not known what did (`moved` is None), or nearly all. Boxes may lie
    outside the frame, or be empty: they come from a file.
    """
    height, width = size
    whole = (0, 0, width, height)
    if moved is None:
        return whole
    cores = [core for box in moved if (core := _clipped(box, whole))]
    if not cores:
        return None
    touched = [box for box in known if any(_overlap(box, core) for core in cores)]
    grown = [_grown(box, _MARGIN_OF_FRAME * max(size)) for box in (*cores, *touched)]
    x1, y1 = min(box[0] for box in grown), min(box[1] for box in grown)
    x2, y2 = max(box[2] for box in grown), max(box[3] for box in grown)
    region = _clipped((x1, y1, x2, y2), whole)
    if region is None or _area(region) > _MOST_OF_FRAME * _area(whole):
        return whole
    return region


def _seen(image: Image, region: BoxPx, eye: Eye) -> tuple[SeenFace, ...]:
    found = [face for face in eye.find(image, region) if face.size_px >= eye.least_face_px]
    height, width = image.shape[:2]
    return tuple(
        SeenFace(FACE, face.score, face.box, face) for face in found if not _is_cut(face.box, region, (height, width))
    )


def _scaled(image: Image, scale: float) -> Image:
    if scale >= 1:
        return np.ascontiguousarray(image)
    height, width = image.shape[:2]
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _moved_back(face: FaceFound, gain: tuple[float, float], corner: tuple[int, int]) -> FaceFound:
    """A face of a scaled region, in pixels of the image."""
    x1, y1, x2, y2 = face.box
    box = x1 * gain[0] + corner[0], y1 * gain[1] + corner[1], x2 * gain[0] + corner[0], y2 * gain[1] + corner[1]
    landmarks = face.landmarks * np.array(gain, np.float32) + np.array(corner, np.float32)
    return FaceFound(box, face.score, landmarks.astype(np.float32))


def _is_cut(face: Box, region: BoxPx, size: tuple[int, int]) -> bool:
    """Whether a face ends at a border of the region that is not one of the frame."""
    x1, y1, x2, y2 = region
    return (
        (x1 > 0 and face[0] - x1 < _TOUCHES_PX)
        or (y1 > 0 and face[1] - y1 < _TOUCHES_PX)
        or (x2 < size[1] and x2 - face[2] < _TOUCHES_PX)
        or (y2 < size[0] and y2 - face[3] < _TOUCHES_PX)
    )


def _lies_in(face: Box, region: BoxPx) -> bool:
    """Whether the centre of a face lies in the region."""
    x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
    return region[0] <= x < region[2] and region[1] <= y < region[3]


def _grown(box: Box, least_px: float) -> Box:
    x1, y1, x2, y2 = box
    along, up = max((x2 - x1) * _MARGIN_OF_BOX, least_px), max((y2 - y1) * _MARGIN_OF_BOX, least_px)
    return x1 - along, y1 - up, x2 + along, y2 + up


def _clipped(box: Box, whole: BoxPx) -> BoxPx | None:
    """The whole pixels of the frame that a box touches; None if there are none."""
    x1, y1 = max(int(box[0] // 1), 0), max(int(box[1] // 1), 0)
    x2, y2 = min(-int(-box[2] // 1), whole[2]), min(-int(-box[3] // 1), whole[3])
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _overlap(one: Box, other: Box) -> bool:
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])


def _area(box: BoxPx) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
