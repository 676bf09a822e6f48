"""One loaded pack: the faces of a picture, and their embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from shared_utils.analysis.detections import Floats, Image
from shared_utils.config.schema import FacesConfig
from shared_utils.embedding_models import embedding_model
from shared_utils.faces.alignment import aligned_crop
from shared_utils.faces.detector import FaceDetector
from shared_utils.faces.face import FaceFound
from shared_utils.faces.pack import find_pack
from shared_utils.faces.recogniser import FaceRecogniser
from shared_utils.onnx_session import open_session

__all__ = ["FaceEngine", "FaceFound", "load_engine"]


class FaceEngine:
    """Finds faces and makes embeddings. May be used by several threads at once."""

    def __init__(self, name: str, recogniser_id: str, detector: FaceDetector, recogniser: FaceRecogniser) -> None:
        self._name, self._recogniser_id = name, recogniser_id
        self._detector, self._recogniser = detector, recogniser

    @property
    def name(self) -> str:
        """The pack: stands in every line, and in the names of sidecars."""
        return self._name

    @property
    def recogniser_id(self) -> str:
        """16 hex digits that change with the recogniser's weights, for packs that were changed under one name."""
        return self._recogniser_id

    @property
    def embedding_model(self) -> str:
        """Pack and weights: stands wherever embeddings do. Only those of which it is equal are compared."""
        return embedding_model(self._name, self._recogniser_id)

    @property
    def embedding_size(self) -> int:
        return self._recogniser.embedding_size

    def find(self, image: Image, *, least_score: float | None = None, portrait: bool = False) -> list[FaceFound]:
        """The faces in a BGR image, in its pixels, the surest first. Raises WrongUseError for anything else.

        They are of any size: `faces.min_face_px` is for the caller. `least_score` is `faces.min_score` if not given.
        `portrait` is for photographs: a face that fills the whole picture is found, too, in a third more time.
        """
        return self._detector.find(image, least_score=least_score, portrait=portrait)

    def embed(self, image: Image, faces: Sequence[FaceFound]) -> Floats:
        """The embeddings of faces found in the image: faces x embedding_size, each of length 1.

        Their product is the similarity, -1 to 1. Raises AlignmentError for landmarks that no face has.
        """
        return self.embed_crops([self.crop(image, face) for face in faces])

    def crop(self, image: Image, face: FaceFound) -> Image:
        """The aligned face, square, of the size that the recogniser takes (112 px). Raises AlignmentError."""
        return aligned_crop(image, face, self._recogniser.crop_px)

    def embed_crops(self, crops: Sequence[Image]) -> Floats:
        """The embeddings of crops that `crop` made, of one image or of several; as `embed` gives them."""
        return self._recogniser.embed(crops)


def load_engine(config: FacesConfig, models_dir: Path, *, runtime: Any = onnxruntime) -> FaceEngine:
    """Load the pack that the configuration names, onto its device, and try both models.

    Raises ModelMissingError, UnusableModelError and DeviceMissingError. `runtime` is passed in for tests.
    """
    pack = find_pack(config.model, models_dir)
    detector, recogniser = (
        open_session(path, device=config.device, threads=config.threads, section="faces", runtime=runtime)
        for path in (pack.detector, pack.recogniser)
    )
    return FaceEngine(
        pack.name,
        pack.recogniser_id(),
        FaceDetector(pack.detector, detector, size_px=config.detection_size_px, least_score=config.min_score),
        FaceRecogniser(pack.recogniser, recogniser, device=config.device),
    )
