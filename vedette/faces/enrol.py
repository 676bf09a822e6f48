"""Photos of a person into the gallery: all that can be used, in one transaction, and a reason for each of the others.

Nothing is written before every photo has been looked at. Killed at any moment, the gallery has all of the command's
photos or none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared_utils.analysis.detections import Image
from shared_utils.gallery.names import compared
from shared_utils.gallery.names import written as written_name
from shared_utils.gallery.records import Identity, KnownEmbedding, NewEmbedding
from shared_utils.gallery.store import Gallery
from vedette.faces.photos import shown
from vedette.faces.portraits import Engine, Portrait, Reason, Refusal, examine
from vedette.faces.resemblance import best_similarity, resembling

Embeddings = NDArray[np.float32]
Told = Callable[[int], None]  # how many photos are done


@dataclass(frozen=True, slots=True)
class EnrolOptions:
    """How an enrolment is decided."""

    threshold: float  # least similarity of two faces of one person
    consent: str = ""
    insist: bool = False  # also who looks like somebody else, or like nobody on the person's other photos
    all_or_nothing: bool = False
    keep_crops: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """What came of it."""

    name: str
    added: tuple[Portrait, ...] = ()
    refused: tuple[Refusal, ...] = ()
    identity: Identity | None = None  # None: nobody of that name is in the gallery
    is_new: bool = False

    @property
    def complete(self) -> bool:
        """Whether all that was asked for is in the gallery."""
        new = [refusal for refusal in self.refused if refusal.reason is not Reason.ALREADY_ADDED]
        return bool(self.added) and not new


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    identity: Identity
    faces: Sequence[KnownEmbedding]


@dataclass(slots=True)
class _Sorting:
    """Photos on their way: each stage turns some away and leaves the others."""

    left: list[Portrait]
    refused: list[Refusal] = field(default_factory=list)

    def turn_away(self, why: Callable[[Portrait], tuple[Reason, str] | None]) -> None:
        staying = []
        for portrait in self.left:
            found = why(portrait)
            if found is None:
                staying.append(portrait)
            else:
                self.refused.append(portrait.refused(*found))
        self.left = staying


def enrol(
    gallery: Gallery,
    engine: Engine,
    name: str,
    paths: Sequence[Path],
    options: EnrolOptions,
    *,
    told: Told = lambda _done: None,
) -> Enrolment:
    """Add what can be added of these photos. Raises GalleryUseError for a name that is none, and what `add` raises."""
    name = written_name(name)
    sorting = _Sorting([])
    for number, path in enumerate(paths):
        told(number)
        found = examine(path, engine)
        if isinstance(found, Portrait):
            sorting.left.append(replace(found, photo=found.photo.without_picture()))
        else:
            sorting.refused.append(replace(found, photo=found.photo and found.photo.without_picture()))
    decide(sorting, gallery, engine.embedding_model, name, options)
    places = {path: place for place, path in enumerate(paths)}
    refused = tuple(sorted(sorting.refused, key=lambda one: places[one.path]))
    if not sorting.left or (options.all_or_nothing and refused):
        return Enrolment(name, refused=refused, identity=_known(gallery, name))
    faces = [_as_embedding(portrait, engine.embedding_model, options) for portrait in sorting.left]
    done = gallery.add(name, faces, consent=options.consent)
    return Enrolment(done.identity.name, tuple(sorting.left), refused, done.identity, done.is_new)


def decide(sorting: _Sorting, gallery: Gallery, model: str, name: str, options: EnrolOptions) -> None:
    """Turn away what must not be added, given what the gallery holds now."""
    everybody = [_Person(one, gallery.embeddings(one.id)) for one in gallery.identities()]
    own = [person for person in everybody if compared(person.identity.name) == compared(name)]
    others = [person for person in everybody if person not in own]
    sorting.turn_away(_Repeated(name, model, own, others))
    if options.insist:
        return
    known = _matrix(own, model, sorting.left)
    strange = {person.identity.name: _matrix([person], model, sorting.left) for person in others}
    sorting.turn_away(lambda portrait: _somebody_else(portrait, known, strange, name, options.threshold))
    belongs = resembling(_matrix_of(sorting.left, known), known, options.threshold)
    strangers = {id(one) for one, fits in zip(sorting.left, belongs, strict=True) if not fits}
    left = list(sorting.left)
    sorting.turn_away(lambda portrait: _another(portrait, left, known, name) if id(portrait) in strangers else None)


class _Repeated:
    """Which photos are in the gallery already, or were named twice."""

    def __init__(self, name: str, model: str, own: Sequence[_Person], others: Sequence[_Person]) -> None:
        self._name = name
        self._here = {face.source_sha256: face for person in own for face in person.faces if face.model == model}
        self._elsewhere = {face.source_sha256: person.identity.name for person in others for face in person.faces}
        self._seen: dict[str, Path] = {}

    def __call__(self, portrait: Portrait) -> tuple[Reason, str] | None:
        sha256 = portrait.photo.sha256
        if sha256 in self._elsewhere:
            return Reason.ALREADY_ADDED, f"it was added already, as a photo of {self._elsewhere[sha256]}"
        if sha256 in self._here:
            added_at = self._here[sha256].added_at
            return Reason.ALREADY_ADDED, f"it was added to {self._name} already, on {added_at:%Y-%m-%d}"
        first = self._seen.setdefault(sha256, portrait.photo.path)
        if first != portrait.photo.path:
            return Reason.ALREADY_ADDED, f"it is the same photo as {shown(first)}"
        return None


def _somebody_else(
    portrait: Portrait, known: Embeddings, others: Mapping[str, Embeddings], name: str, threshold: float
) -> tuple[Reason, str] | None:
    nearest, whose = -1.0, ""
    for other, faces in others.items():
        similarity = best_similarity(portrait.embedding, faces)
        if similarity is not None and similarity > nearest:
            nearest, whose = similarity, other
    own = best_similarity(portrait.embedding, known)
    if nearest < threshold or (own is not None and own > nearest):
        return None
    text = (
        f"it looks like {whose}, who is in the gallery (similarity {nearest:.2f}); if it is {name}, add it with --yes"
    )
    return Reason.SOMEBODY_ELSE, text


def _another(portrait: Portrait, left: Sequence[Portrait], known: Embeddings, name: str) -> tuple[Reason, str]:
    others = [other for other in left if other is not portrait]
    faces = np.concatenate([known, _matrix_of(others, known)])
    similarity = best_similarity(portrait.embedding, faces) or 0.0
    which = f"the photos of {name} in the gallery" if len(known) else f"the other photos of {name}"
    text = f"it does not resemble {which} (similarity {similarity:.2f}); if it is {name}, add it with --yes"
    return Reason.DIFFERENT_PERSON, text


def _matrix(people: Sequence[_Person], model: str, like: Sequence[Portrait]) -> Embeddings:
    """Their faces by the model."""
    size = len(like[0].embedding) if like else 0
    faces = [face for person in people for face in person.faces if face.model == model]
    rows = [face.vector for face in faces if len(face.vector) == size]  # another length is refused when it is added
    return np.stack(rows).astype(np.float32) if rows else np.zeros((0, size), np.float32)


def _matrix_of(portraits: Sequence[Portrait], like: Embeddings) -> Embeddings:
    if not portraits:
        return np.zeros((0, like.shape[1]), np.float32)
    return np.stack([portrait.embedding for portrait in portraits]).astype(np.float32)


def _known(gallery: Gallery, name: str) -> Identity | None:
    return gallery.identity(name) if gallery.has(name) else None


def _as_embedding(portrait: Portrait, model: str, options: EnrolOptions) -> NewEmbedding:
    return NewEmbedding(
        model=model,
        vector=portrait.embedding,
        quality=portrait.quality.overall,
        source=shown(Path(portrait.photo.path.name)),
        source_sha256=portrait.photo.sha256,
        crop=as_png(portrait.crop) if options.keep_crops else None,
    )


def as_png(crop: Image) -> bytes:
    """Without loss: from the crop a new model makes what it would have made of the photo."""
    written, data = cv2.imencode(".png", crop)
    if not written:
        raise ValueError(f"a crop of {crop.shape} cannot be encoded")
    return data.tobytes()
