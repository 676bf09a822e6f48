"""After a change of weights: the kept faces of everybody are given to the new model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from shared_utils.analysis.detections import Image
from shared_utils.gallery.crops import KeptFace, kept_faces
from shared_utils.gallery.records import NewEmbedding
from shared_utils.gallery.store import Gallery
from vedette.faces.portraits import Engine

_CROP_PX = 112


@dataclass(frozen=True, slots=True)
class Reembedded:
    """What was done."""

    faces: int
    people: int
    without: tuple[str, ...]  # who has no face by the model, because nothing was kept


def lacking(gallery: Gallery, model: str) -> list[KeptFace]:
    """The kept faces that the model has not seen, one of each photo, by person."""
    known = {(face.identity_id, face.source_sha256) for face in kept_faces(gallery.database) if face.model == model}
    todo: dict[tuple[str, str], KeptFace] = {}
    for face in kept_faces(gallery.database):
        key = (face.identity_id, face.source_sha256)
        if face.crop is not None and key not in known:
            todo.setdefault(key, face)
    return list(todo.values())


def reembed_people(
    gallery: Gallery, engine: Engine, todo: Sequence[KeptFace], told: Callable[[int], None] = lambda _done: None
) -> Reembedded:
    """Add what the model makes of them: each person's faces together, or none of them."""
    done = 0
    names = {one.id: one.name for one in gallery.identities()}
    people = list(dict.fromkeys(face.identity_id for face in todo))
    for person in people:
        new = [made for face in todo if face.identity_id == person if (made := _embedded(engine, face)) is not None]
        if new and person in names:
            gallery.add(names[person], new)
        done += len(new)
        told(done)
    without = tuple(one.name for one in gallery.identities() if not one.embeddings.get(engine.embedding_model))
    return Reembedded(done, len(people), without)


def _embedded(engine: Engine, face: KeptFace) -> NewEmbedding | None:
    """None for a picture that is damaged."""
    crop = _decoded(face.crop or b"")
    if crop is None:
        return None
    vector = engine.embed_crops([crop])[0]
    return NewEmbedding(
        engine.embedding_model, vector, face.quality, face.source, face.source_sha256, face.source_kind, crop=face.crop
    )


def _decoded(data: bytes) -> Image | None:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        return None
    if image.shape[:2] != (_CROP_PX, _CROP_PX):
        image = cv2.resize(image, (_CROP_PX, _CROP_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)
