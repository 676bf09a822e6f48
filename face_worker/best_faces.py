"""The few faces of a track that are worth an embedding: large, sharp, frontal, and not all of the same moment."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from shared_utils.analysis.detections import Box, Image
from shared_utils.faces.face import FaceFound

# A face this close in time to a better one shows little that is new.
_FAR_APART_SECONDS = 1.0
_NOTHING_NEW = 0.5  # what is left of the worth of a face that was seen beside a better one
_MARGIN = 0.5  # of the longer side of a face, on each side: room for aligning it, and for a person to know it by
_MOST_PX = 320  # longer side of what is kept; the recogniser looks at 112


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """One face with its surroundings, cut out of its frame."""

    t: float  # seconds from the start of the segment
    image: Image
    face: FaceFound  # in pixels of `image`
    quality: float  # 0 to 1


def portrait_of(image: Image, face: FaceFound, *, t: float, quality: float) -> Portrait:
    """The face cut out, and made smaller where it is larger than anybody needs; the frame can be let go."""
    x1, y1, x2, y2 = _part(face.box, image.shape[:2])
    scale = min(1.0, _MOST_PX / max(x2 - x1, y2 - y1))
    size = max(round((x2 - x1) * scale), 1), max(round((y2 - y1) * scale), 1)
    part = image[y1:y2, x1:x2]
    cut = cv2.resize(part, size, interpolation=cv2.INTER_AREA) if scale < 1 else part.copy()
    left, top, right, bottom = face.box
    box = (left - x1) * scale, (top - y1) * scale, (right - x1) * scale, (bottom - y1) * scale
    landmarks = (face.landmarks - np.array((x1, y1), np.float32)) * np.float32(scale)
    return Portrait(t, np.asarray(cut, np.uint8), FaceFound(box, face.score, landmarks), quality)


class BestFaces:
    """The best portraits of each track, `most` of them at any time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[int, list[Portrait]] = defaultdict(list)

    def wants(self, track_id: int, t: float, quality: float) -> bool:
        """Whether a face would be kept: looking is cheaper than cutting out."""
        kept = self._kept[track_id]
        return len(kept) < self._most or _least_worth([*_facts(kept), (t, quality)]) < len(kept)

    def add(self, track_id: int, portrait: Portrait) -> None:
        kept = self._kept[track_id]
        kept.append(portrait)
        if len(kept) > self._most:
            del kept[_least_worth(_facts(kept))]

    def of(self, track_id: int) -> list[Portrait]:
        """The portraits of a track, the best first; empty if it has none."""
        return sorted(self._kept[track_id], key=lambda portrait: (-portrait.quality, portrait.t))


def _facts(portraits: Sequence[Portrait]) -> list[tuple[float, float]]:
    return [(portrait.t, portrait.quality) for portrait in portraits]


def _least_worth(faces: Sequence[tuple[float, float]]) -> int:
    """Which of the faces, each a moment and a quality, adds least to the others."""
    return min(range(len(faces)), key=lambda number: _worth(faces, number))


def _worth(faces: Sequence[tuple[float, float]], number: int) -> float:
    t, quality = faces[number]
    # Of two that are equally good the later one counts as the lesser, so that one of them stays.
    better = [abs(t - at) for other, (at, good) in enumerate(faces) if (good, -at) > (quality, -t) and other != number]
    new = min(min(better, default=_FAR_APART_SECONDS) / _FAR_APART_SECONDS, 1.0)
    return quality * (_NOTHING_NEW + (1 - _NOTHING_NEW) * new)


def _part(box: Box, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The whole pixels of a frame (height, width) that hold a face and its surroundings; one at least."""
    height, width = size
    x1, y1, x2, y2 = box
    margin = _MARGIN * max(x2 - x1, y2 - y1)
    left, top = min(max(int(x1 - margin), 0), width - 1), min(max(int(y1 - margin), 0), height - 1)
    return left, top, max(min(int(x2 + margin) + 1, width), left + 1), max(min(int(y2 + margin) + 1, height), top + 1)
