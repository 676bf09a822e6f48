"""Tracks made whole by what faces look like, and named once each."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from face_worker.tracks import PersonTrack, combined, named, rejoined
from shared_utils.analysis.detections import Detection, Floats
from shared_utils.analysis.tracking import Sighting
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.snapshot import GallerySnapshot, KnownIdentity, ModelVectors
from tests.support.face_engines import SIZE, between, unit

ANNA, BEN, STRANGER, ANYBODY = (unit(number) for number in range(4))


def track(track_id: int, embedding: Floats, times: Sequence[float], quality: float = 0.5) -> PersonTrack:
    sightings = tuple(Sighting(t, Detection("face", 0.9, (0.0, 0.0, 40.0, 50.0))) for t in times)
    return PersonTrack(track_id, sightings, embedding, quality, np.full((4, 4, 3), track_id, np.uint8))


def matcher(*people: Floats) -> Matcher:
    """Anna is known, and Ben if there are two."""
    none = np.zeros((0, SIZE), np.float32)
    owners = np.arange(len(people), dtype=np.int32)
    vectors = ModelVectors(np.stack(people), owners, none, np.zeros(0, np.int32)) if people else None
    identities = tuple(KnownIdentity(name.lower(), name) for name in ("Anna", "Ben"))
    models = {"block-faces": vectors} if vectors else {}
    return Matcher(GallerySnapshot(1, "g", identities, models), "block-faces", threshold=0.4, margin=0.05)


def test_two_tracks_of_one_person_become_one() -> None:
    """Somebody who walks behind a pillar is one visitor, with the id of their first track."""
    first, second = track(1, ANNA, [0.0, 0.5]), track(4, between(ANNA, ANYBODY, 0.8), [3.0, 3.5])

    (whole,) = rejoined([first, second])

    assert whole.track_id == 1
    assert [sighting.t for sighting in whole.sightings] == [0.0, 0.5, 3.0, 3.5]
    assert float(np.linalg.norm(whole.embedding)) == pytest.approx(1.0)


def test_tracks_that_share_a_frame_are_never_one() -> None:
    """Nobody is twice in one frame: these are twins, or one of them is a picture on the wall."""
    tracks = [track(1, ANNA, [0.0, 0.5, 1.0]), track(2, ANNA, [1.0, 1.5])]

    assert [one.track_id for one in rejoined(tracks)] == [1, 2]


def test_blurred_faces_join_nothing() -> None:
    """Shadows in the dark are like each other, whoever they are of."""
    tracks = [track(1, ANNA, [0.0], quality=0.05), track(2, ANNA, [2.0]), track(3, ANNA, [4.0], quality=0.1)]

    assert [one.track_id for one in rejoined(tracks)] == [1, 2, 3]


def test_different_people_stay_apart() -> None:
    """One who leaves as another comes is the usual case at a door."""
    tracks = [track(1, ANNA, [0.0]), track(2, between(ANNA, ANYBODY, 0.3), [2.0])]

    assert [one.track_id for one in rejoined(tracks)] == [1, 2]


def test_a_track_joins_the_one_it_is_most_like() -> None:
    """Else the order of the tracks would decide who is who."""
    tracks = [
        track(1, between(ANNA, ANYBODY, 0.6), [0.0, 1.0]),
        track(2, between(ANNA, STRANGER, 0.9), [0.0, 1.0]),
        track(3, ANNA, [4.0]),
    ]

    whole = {one.track_id: [sighting.t for sighting in one.sightings] for one in rejoined(tracks)}

    assert whole == {1: [0.0, 1.0], 2: [0.0, 1.0, 4.0]}


def test_three_parts_become_one_only_as_far_as_they_share_no_frame() -> None:
    """Joining two makes a track that may now share a frame with the third."""
    tracks = [track(1, ANNA, [0.0]), track(2, ANNA, [2.0, 4.0]), track(3, ANNA, [4.0])]

    assert len(rejoined(tracks)) == 2


def test_a_crowd_in_many_short_tracks_is_joined_in_time() -> None:
    """People who hide each other all the time: comparing each with each anew took minutes for one segment."""
    draw = np.random.default_rng(0)
    people, noise = draw.normal(size=(30, 64)), draw.normal(scale=0.3, size=(240, 64))
    looks = [people[number % 30] + noise[number] for number in range(240)]
    faces = [(look / np.linalg.norm(look)).astype(np.float32) for look in looks]
    tracks = [track(number, face, [float(number // 30)]) for number, face in enumerate(faces)]

    began = time.process_time()
    whole = rejoined(tracks)

    assert time.process_time() - began < 2
    assert [one.track_id for one in whole] == list(range(30))
    assert {len(one.sightings) for one in whole} == {8}


def test_the_better_picture_is_kept_of_two_parts() -> None:
    """It is what a person is shown to say who that is."""
    (whole,) = rejoined([track(1, ANNA, [0.0], quality=0.2), track(2, ANNA, [2.0], quality=0.7)])

    assert whole.quality == 0.7
    assert int(whole.crop[0, 0, 0]) == 2


def test_each_person_is_named_once() -> None:
    """Who came is read from the line; two known people and a stranger are three."""
    tracks = [track(1, ANNA, [0.0]), track(2, BEN, [0.0]), track(3, STRANGER, [0.0])]

    found = named(tracks, matcher(ANNA, BEN))

    assert [(one.track.track_id, one.match.name) for one in found] == [(1, "Anna"), (2, "Ben"), (3, "unknown")]
    assert [one.match.identity_id for one in found] == ["anna", "ben", None]


def test_of_two_in_one_frame_the_less_similar_loses_the_name() -> None:
    """The same person is never twice in one frame, so one of the two is somebody else."""
    tracks = [track(1, between(ANNA, ANYBODY, 0.5), [0.0, 1.0]), track(2, between(ANNA, BEN, 0.9), [1.0])]

    found = {one.track.track_id: one.match for one in named(tracks, matcher(ANNA))}

    assert (found[2].name, found[1].name) == ("Anna", "unknown")
    assert found[1].identity_id is None
    assert found[1].similarity == pytest.approx(0.5, abs=1e-5)


def test_two_tracks_of_one_name_become_one() -> None:
    """A face from the left and a face from the right are less like each other than both are like the photos."""
    tracks = [track(1, between(ANNA, STRANGER, 0.6), [0.0]), track(2, between(ANNA, ANYBODY, 0.7), [3.0])]

    (found,) = named(tracks, matcher(ANNA))

    assert (found.track.track_id, found.match.name) == (1, "Anna")
    assert found.match.similarity == pytest.approx(0.7, abs=1e-5)
    assert [sighting.t for sighting in found.track.sightings] == [0.0, 3.0]


def test_an_empty_gallery_names_nobody() -> None:
    """That is every gallery on its first day."""
    found = named([track(1, ANNA, [0.0])], matcher())

    assert [(one.match.name, one.match.identity_id, one.match.similarity) for one in found] == [("unknown", None, 0.0)]
    assert named([], matcher(ANNA)) == []


def test_better_faces_count_for_more() -> None:
    """One sharp look into the camera tells more than a turned head."""
    both = np.stack([ANNA, between(ANNA, ANYBODY, 0.5)])

    good_first, bad_first = combined(both, [0.9, 0.1]), combined(both, [0.1, 0.9])

    assert float(good_first @ ANNA) > float(bad_first @ ANNA)
    assert float(np.linalg.norm(good_first)) == pytest.approx(1.0)


def test_a_face_that_is_not_like_the_others_of_its_track_is_left_out() -> None:
    """A track that slid over to somebody else for a moment would be like neither of the two."""
    faces = np.stack([ANNA, between(ANNA, ANYBODY, 0.8), STRANGER])

    assert float(combined(faces, [0.5, 0.5, 0.5]) @ STRANGER) == pytest.approx(0.0, abs=1e-6)


def test_faces_of_no_quality_still_make_an_embedding() -> None:
    """Far away and blurred is how most people are seen."""
    assert combined(np.stack([ANNA]), [0.0]) == pytest.approx(ANNA)
