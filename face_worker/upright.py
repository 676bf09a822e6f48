"""Looking at a face once more, with the head upright and at a size that the detector knows best.

The first look is at a small picture, and at heads as they are. Landmarks of a head that leans to its side are off by
so much that its embedding may be nobody's, and what is a face at the first look may be a shop window (measured:
docs/design/faces.md). What this costs is a tenth of a whole frame, for the few best faces of a track only.
"""

import cv2
import numpy as np

from face_worker.best_faces import Portrait
from face_worker.engines import Engine
from shared_utils.analysis.detections import Floats
from shared_utils.faces.face import FaceFound
from shared_utils.faces.quality import pose_of

_SIDE_PX = 160
_FACE_PX = 80  # the longer side of the face in that
_OFF_CENTRE_PX = _FACE_PX / 4  # a face farther away is that of a neighbour


def seen_again(portrait: Portrait, engine: Engine) -> FaceFound | None:
    """The face of the portrait, in its pixels, with better landmarks; None if there is none at the second look."""
    turn = _upright(portrait.face)
    turned = cv2.warpAffine(portrait.image, turn, (_SIDE_PX, _SIDE_PX))
    found = [face for face in engine.find(np.asarray(turned, np.uint8)) if _off_centre_px(face) < _OFF_CENTRE_PX]
    if not found:
        return None
    back = np.asarray(cv2.invertAffineTransform(turn), np.float32)
    face = min(found, key=_off_centre_px)
    return FaceFound(portrait.face.box, portrait.face.score, face.landmarks @ back[:, :2].T + back[:, 2])


def _upright(face: FaceFound) -> Floats:
    """Turning, scaling and moving (2 x 3) that puts a face into the middle with level eyes."""
    x1, y1, x2, y2 = face.box
    x, y = face.landmarks.mean(axis=0).tolist()
    turn = cv2.getRotationMatrix2D((x, y), pose_of(face.landmarks).roll_degrees, _FACE_PX / max(x2 - x1, y2 - y1))
    turn[:, 2] += _SIDE_PX / 2 - x, _SIDE_PX / 2 - y
    return np.asarray(turn, np.float32)


def _off_centre_px(face: FaceFound) -> float:
    """How far the middle of the landmarks lies from that of the turned picture."""
    return float(np.hypot(*(face.landmarks.mean(axis=0) - _SIDE_PX / 2)))
