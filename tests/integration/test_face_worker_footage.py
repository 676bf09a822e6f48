"""The face worker's eyes on real recordings with real weights: who is named, and above all who is not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from face_worker.pipeline import Faces, Options, find_faces
from shared_utils.analysis.detections import Floats
from shared_utils.config.schema import FacesConfig
from shared_utils.faces.engine import FaceEngine, load_engine
from shared_utils.faces.pack import PACKS_DIR
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.snapshot import GallerySnapshot, KnownIdentity, ModelVectors
from tests.support.as_segment import as_segment, existing

PACK = "local_mbf"
WOMAN, MAN = "head-pose-face-detection-female.gif", "head-pose-face-detection-male.gif"
TOGETHER, CORRIDOR = "head-pose-face-detection-female-and-male.gif", "face-demographics-walking-and-pause.gif"


@pytest.fixture(scope="module")
def engine(models_dir: Path) -> FaceEngine:
    existing(models_dir / PACKS_DIR / PACK)
    return load_engine(FacesConfig(model=PACK), models_dir)


def matcher(people: dict[str, list[Floats]]) -> Matcher:
    """With the thresholds that the configuration has by default."""
    embeddings = np.stack([one for several in people.values() for one in several])
    owners = [number for number, several in enumerate(people.values()) for _ in several]
    none = np.zeros((0, embeddings.shape[1]), np.float32)
    vectors = ModelVectors(embeddings, np.array(owners, np.int32), none, np.zeros(0, np.int32))
    identities = tuple(KnownIdentity(f"id-{name}", name) for name in people)
    defaults = FacesConfig()
    return Matcher(GallerySnapshot(1, "g", identities, {PACK: vectors}), PACK, defaults.threshold, defaults.margin)


NOBODY = Matcher(GallerySnapshot(), PACK, 0.4, 0.05)


def seen(media_dir: Path, folder: Path, name: str, engine: FaceEngine, gallery: Matcher) -> Faces:
    segment = as_segment(existing(media_dir / "videos" / name), folder)
    return find_faces(segment, engine, lambda: gallery, Options())


@pytest.fixture(scope="module")
def couple(engine: FaceEngine, media_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Matcher:
    """A gallery of the woman and the man, each enrolled from a clip of their own."""
    folder = tmp_path_factory.mktemp("clips")
    people = {}
    for name, clip in (("woman", WOMAN), ("man", MAN)):
        (track,) = seen(media_dir, folder, clip, engine, NOBODY).tracks
        people[name] = [track.track.embedding]
    return matcher(people)


@pytest.fixture(scope="module")
def strangers(engine: FaceEngine, media_dir: Path) -> Matcher:
    """A gallery of people who are in none of the clips."""
    in_a_clip = {"lin_manuel_miranda", "obama"}
    folders = [existing(media_dir / "faces" / kind) for kind in ("chips", "named", "strangers")]
    people = [one for folder in folders for one in sorted(folder.iterdir()) if one.name not in in_a_clip]
    return matcher({one.name: embeddings_in(one, engine) for one in people if embeddings_in(one, engine)})


def embeddings_in(folder: Path, engine: FaceEngine) -> list[Floats]:
    """Of three photos of one person at most."""
    embeddings = []
    for photo in sorted(folder.glob("*.jpg"))[:3]:
        image = np.asarray(cv2.imread(str(photo)), np.uint8)
        embeddings += list(engine.embed(image, engine.find(image, portrait=True)[:1]))
    return embeddings


def test_both_are_named_where_they_are_together(
    engine: FaceEngine, media_dir: Path, tmp_path: Path, couple: Matcher
) -> None:
    """She leans her head far to the side; each keeps one track and one name all along."""
    found = seen(media_dir, tmp_path, TOGETHER, engine, couple)

    assert sorted(found.detected) == ["man", "woman"]
    left_to_right = sorted(found.tracks, key=lambda one: one.track.sightings[0].detection.box[0])
    assert [one.match.name for one in left_to_right] == ["woman", "man"]
    assert all(one.match.similarity > 0.6 for one in found.tracks)
    assert all(len(one.track.sightings) >= found.frames_analysed - 2 for one in found.tracks)


def test_of_three_in_a_corridor_only_the_one_who_is_known_gets_a_name(
    engine: FaceEngine, media_dir: Path, tmp_path: Path, couple: Matcher
) -> None:
    """Two strangers walk beside her, one of them a man."""
    found = seen(media_dir, tmp_path, CORRIDOR, engine, couple)

    left_to_right = sorted(found.tracks, key=lambda one: one.track.sightings[0].detection.box[0])
    assert [one.match.name for one in left_to_right] == ["woman", "unknown", "unknown"]


@pytest.mark.parametrize(
    "name",
    [
        "classroom.gif",
        "people-walking.mp4",
        "short_hamilton_clip.mp4",
        "worker-zone-detection.gif",
        "negative-cockatoo.mp4",
    ],
)
def test_nobody_else_ever_gets_their_name(
    engine: FaceEngine, media_dir: Path, tmp_path: Path, couple: Matcher, name: str
) -> None:
    """A wrong name is worse than none: somebody would open the door for it."""
    found = seen(media_dir, tmp_path, name, engine, couple)

    assert set(found.detected) <= {"unknown"}


@pytest.mark.parametrize("name", [TOGETHER, CORRIDOR, "people-walking.mp4", "short_hamilton_clip.mp4"])
def test_with_strangers_only_in_the_gallery_nobody_is_named(
    engine: FaceEngine, media_dir: Path, tmp_path: Path, strangers: Matcher, name: str
) -> None:
    """The open set: most of those who pass by are in no gallery, and must stay strangers in each."""
    found = seen(media_dir, tmp_path, name, engine, strangers)

    assert found.detected, "there are faces to be named wrongly"
    assert set(found.detected) == {"unknown"}
