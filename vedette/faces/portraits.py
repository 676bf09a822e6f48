"""One photo looked at: the face in it, ready to be added, or the reason why not."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared_utils.analysis.detections import Floats, Image
from shared_utils.faces.engine import FaceFound
from shared_utils.faces.quality import FaceQuality, quality_of
from vedette.faces.photos import Photo, PhotoError, read_photo

LEAST_SIZE_PX = 48  # half of what recognisers take; measured: at 30 px the similarity with the same photo is 0.82
LEAST_SHARPNESS = 0.1  # at 0.34 the similarity with the sharp photo is still 0.72, at 0.03 it is 0.53 and falls
LEAST_FRONTALITY = 0.2  # a profile is 0; somebody who looks past the camera 0.5 to 0.8
LEAST_QUALITY = 0.3  # what is left of the similarity, all in all: too little light, a hand before the mouth
LEAST_SCORE = 0.65  # the detector takes a dog for a face at 0.64, and every face of a portrait at 0.69 or more


class Reason(StrEnum):
    """Why a photo was not added, for programs."""

    UNREADABLE = "unreadable"
    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    UNSURE = "unsure"
    TINY = "tiny"
    BLURRED = "blurred"
    TURNED = "turned"
    POOR = "poor"
    ALREADY_ADDED = "already-added"
    SOMEBODY_ELSE = "somebody-else"
    DIFFERENT_PERSON = "different-person"


class Engine(Protocol):
    """What enrolment needs of `shared_utils.faces.engine.FaceEngine`."""

    @property
    def embedding_model(self) -> str:
        """Pack and weights: stands in each row of the gallery."""

    @property
    def embedding_size(self) -> int:
        """Numbers in an embedding."""

    def find(self, image: Image, *, least_score: float | None = None, portrait: bool = False) -> list[FaceFound]:
        """The faces, the surest first."""

    def crop(self, image: Image, face: FaceFound) -> Image:
        """The aligned face."""

    def embed_crops(self, crops: list[Image]) -> Floats:
        """An embedding for each crop."""


@dataclass(frozen=True, slots=True, eq=False)
class Refusal:
    """A photo that is not added."""

    path: Path
    reason: Reason
    text: str  # follows the name of the file
    photo: Photo | None = None  # None: it cannot be read
    faces: tuple[FaceFound, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A photo with one good face."""

    photo: Photo
    face: FaceFound
    quality: FaceQuality
    crop: Image  # aligned, 112 x 112, BGR
    embedding: NDArray[np.float32]  # (d,), of length 1

    def refused(self, reason: Reason, text: str) -> Refusal:
        """The same photo, turned away after all."""
        return Refusal(self.photo.path, reason, text, self.photo, (self.face,))


def examine(path: Path, engine: Engine) -> Portrait | Refusal:
    """Read the photo, find its one face and judge it."""
    try:
        photo = read_photo(path)
    except PhotoError as error:
        return Refusal(path, Reason.UNREADABLE, str(error))
    return examine_photo(photo, engine)


def examine_photo(photo: Photo, engine: Engine) -> Portrait | Refusal:
    """`examine` for a photo that was read."""
    found = tuple(engine.find(photo.image, portrait=True))
    if len(found) != 1:
        return _without_one_face(photo, found)
    face = found[0]
    quality = quality_of(photo.image, face)
    flaw = _flaw_of(face, quality)
    if flaw is not None:
        return Refusal(photo.path, flaw[0], flaw[1], photo, found)
    crop = engine.crop(photo.image, face)
    return Portrait(photo, face, quality, crop, engine.embed_crops([crop])[0])


def _without_one_face(photo: Photo, found: tuple[FaceFound, ...]) -> Refusal:
    if not found:
        height, width = photo.image.shape[:2]
        text = f"no face was found in it ({width}x{height} pixels): use a photo that shows the face from the front"
        return Refusal(photo.path, Reason.NO_FACE, text, photo)
    text = f"{len(found)} faces were found in it: cut out the one of the person"
    return Refusal(photo.path, Reason.SEVERAL_FACES, text, photo, found)


def _flaw_of(face: FaceFound, quality: FaceQuality) -> tuple[Reason, str] | None:
    if quality.size_px < LEAST_SIZE_PX:
        return Reason.TINY, f"its face is {quality.size_px:.0f} px large, at least {LEAST_SIZE_PX} px are needed"
    if face.score < LEAST_SCORE:
        return Reason.UNSURE, f"what was found in it may be no face (score {face.score:.2f}, {LEAST_SCORE} is needed)"
    if quality.sharpness < LEAST_SHARPNESS:
        text = f"its face is blurred (sharpness {quality.sharpness:.2f}, at least {LEAST_SHARPNESS} is needed)"
        return Reason.BLURRED, text
    if quality.frontality < LEAST_FRONTALITY:
        text = (
            f"its face is turned too far (frontality {quality.frontality:.2f}, at least {LEAST_FRONTALITY} is needed)"
        )
        return Reason.TURNED, text
    if quality.overall < LEAST_QUALITY:
        text = f"its face is too dark, too pale or hidden (quality {quality.overall:.2f}, {LEAST_QUALITY} is needed)"
        return Reason.POOR, text
    return None
