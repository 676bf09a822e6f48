"""Whatever people do to a gallery, in whatever order: it is what a dictionary would be, and so is the snapshot."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared_utils.gallery.errors import GalleryUseError
from shared_utils.gallery.names import compared
from shared_utils.gallery.records import TrackKey
from shared_utils.gallery.snapshot import read_snapshot, snapshot_path
from shared_utils.gallery.store import Gallery
from tests.support.galleries import gallery_in, photo
from tests.support.gallery_parts import MODEL, face_in, face_of

NAMES = st.sampled_from(["Ann", "ann", "Bob", "Zoë", "ZOE\u0308", "Straße", "STRASSE", "unknown", " "])
PHOTOS = st.lists(st.integers(0, 8), max_size=3)  # so few that they meet
ALLOWED = {"ann", "bob", "zoë", "strasse"}


@dataclass
class Person:
    """What the gallery should know of somebody."""

    photos: set[int] = field(default_factory=set)
    rejections: set[int] = field(default_factory=set)


class GalleryModel(RuleBasedStateMachine):
    """Each rule does the same to the gallery and to a dictionary of people."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.gallery: Gallery = gallery_in(self.folder).__enter__()
        self.people: dict[str, Person] = {}

    def teardown(self) -> None:
        self.gallery.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    @rule(name=NAMES, photos=PHOTOS)
    def add(self, name: str, photos: list[int]) -> None:
        key = compared(name)
        taken = {one for other, person in self.people.items() if other != key for one in person.photos}
        faces = [photo(0, look) for look in photos]
        if key not in ALLOWED or not photos or taken & set(photos):
            with pytest.raises(GalleryUseError):
                self.gallery.add(name, faces)
            return
        added = self.gallery.add(name, faces)
        before = self.people.setdefault(key, Person()).photos
        assert added.added == len(set(photos) - before)
        before |= set(photos)

    @rule(name=NAMES, new=NAMES)
    def rename(self, name: str, new: str) -> None:
        key, to = compared(name), compared(new)
        if key not in self.people or to not in ALLOWED or (to in self.people and to != key):
            with pytest.raises(GalleryUseError):
                self.gallery.rename(name, new)
            return
        self.gallery.rename(name, new)
        self.people[to] = self.people.pop(key)

    @rule(kept=NAMES, gone=NAMES)
    def merge(self, kept: str, gone: str) -> None:
        key, other = compared(kept), compared(gone)
        if key not in self.people or other not in self.people or key == other:
            with pytest.raises(GalleryUseError):
                self.gallery.merge(kept, gone)
            return
        self.gallery.merge(kept, gone)
        absorbed = self.people.pop(other)
        self.people[key].photos |= absorbed.photos
        self.people[key].rejections |= absorbed.rejections

    @rule(name=NAMES, purge=st.booleans())
    def remove(self, name: str, purge: bool) -> None:
        if compared(name) not in self.people:
            with pytest.raises(GalleryUseError):
                self.gallery.remove(name, purge=purge)
            return
        self.gallery.remove(name, purge=purge)
        del self.people[compared(name)]

    @rule(name=NAMES, track=st.integers(0, 3))
    def reject(self, name: str, track: int) -> None:
        face = face_in(TrackKey("hall-20261120T080000000Z", MODEL, track), face_of(50, track))
        if compared(name) not in self.people:
            with pytest.raises(GalleryUseError):
                self.gallery.reject(name, face)
            return
        self.gallery.reject(name, face)
        self.people[compared(name)].rejections.add(track)

    @rule()
    def reopen(self) -> None:
        self.gallery.__exit__(None, None, None)
        self.gallery.__enter__()

    @invariant()
    def the_gallery_is_what_it_should_be(self) -> None:
        found = {compared(one.name): one for one in self.gallery.identities()}
        assert found.keys() == self.people.keys()
        for key, person in self.people.items():
            assert found[key].embeddings.get(MODEL, 0) == len(person.photos)
            assert found[key].rejections == len(person.rejections)

    @invariant()
    def the_snapshot_is_the_gallery(self) -> None:
        snapshot = read_snapshot(snapshot_path(self.gallery.video))
        assert snapshot.version == self.gallery.version
        assert {compared(one.name) for one in snapshot.identities} == self.people.keys()
        vectors = snapshot.models.get(MODEL)
        assert (0 if vectors is None else len(vectors.embeddings)) == sum(len(p.photos) for p in self.people.values())
        assert (0 if vectors is None else len(vectors.rejected)) == sum(len(p.rejections) for p in self.people.values())


TestGallery = GalleryModel.TestCase
TestGallery.settings = settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
