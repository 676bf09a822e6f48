"""People followed through a segment: tracks made whole by what the faces look like, and named once each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared_utils.analysis.detections import Floats, Image
from shared_utils.analysis.tracking import Sighting
from shared_utils.gallery.matching import Match, Matcher
from shared_utils.gallery.snapshot import UNKNOWN

# Two tracks of one segment are of one person from here on. Few people are seen in one segment, and they wear the same
# light: the same person is well above it, and it need not let in as little as a gallery of thousands must.
SAME_PERSON = 0.5
# Blurred faces in the dark are like each other, whoever they are of (0.47 was measured): they join nothing.
_CLEAR_ENOUGH = 0.15
# A face of a track that is less like the most typical one than this is turned away, hidden, or of somebody else.
_LIKE_THE_OTHERS = 0.2
_NEVER = -2.0  # less than any similarity


@dataclass(frozen=True, slots=True, eq=False)
class PersonTrack:
    """One person through a segment, by the best of their faces."""

    track_id: int
    sightings: tuple[Sighting, ...]  # in order of time
    embedding: Floats  # of length 1
    quality: float  # of the best face, 0 to 1
    crop: Image  # the best face with its surroundings

    @property
    def times(self) -> frozenset[float]:
        """The moments at which the person was seen."""
        return frozenset(sighting.t for sighting in self.sightings)

    def is_apart_from(self, other: "PersonTrack") -> bool:
        """Whether the two were never seen in the same frame, where nobody is twice."""
        return self.times.isdisjoint(other.times)


@dataclass(frozen=True, slots=True, eq=False)
class NamedTrack:
    """A person's track, and who that is."""

    track: PersonTrack
    match: Match


def combined(embeddings: Floats, qualities: Sequence[float]) -> Floats:
    """One embedding of length 1 from those of several faces (n, d) of one track, the better ones counting for more.

    Faces that are not like the most typical one are left out: a track that slid from one person to another would be
    like neither.
    """
    weights = np.maximum(np.asarray(qualities, np.float32), 1e-3)
    alike = embeddings @ embeddings.T
    typical = int(np.argmax(alike @ weights * weights))
    weights = np.where(alike[typical] >= _LIKE_THE_OTHERS, weights, 0)
    return _unit(weights @ embeddings)


def rejoined(tracks: Sequence[PersonTrack]) -> list[PersonTrack]:
    """The tracks with those joined that are of one person who was hidden for a while; the most alike first.

    In a crowd hundreds of short tracks are looked through: what was compared once is not compared again.
    """
    if not tracks:
        return []
    whole, times = dict(enumerate(tracks)), [track.times for track in tracks]
    vectors = np.stack([track.embedding for track in tracks])
    joinable = np.array([track.quality >= _CLEAR_ENOUGH for track in tracks])
    alike = np.where(np.outer(joinable, joinable) & ~np.eye(len(tracks), dtype=bool), vectors @ vectors.T, _NEVER)
    while alike.max() >= SAME_PERSON:
        one, other = divmod(int(alike.argmax()), len(tracks))
        if not times[one].isdisjoint(times[other]):  # nobody is twice in one frame
            alike[one, other] = alike[other, one] = _NEVER
            continue
        whole[one] = _joined(whole[one], whole.pop(other))
        times[one] |= times[other]
        vectors[one], joinable[other] = whole[one].embedding, False
        again = np.where(joinable, vectors @ vectors[one], _NEVER)
        again[one] = _NEVER
        alike[other, :] = alike[:, other] = _NEVER
        alike[one, :] = alike[:, one] = again
    return sorted(whole.values(), key=lambda track: track.track_id)


def named(tracks: Sequence[PersonTrack], matcher: Matcher) -> list[NamedTrack]:
    """Who each is. Nobody is twice in one frame: of two tracks with the same name there, the less similar loses it.

    Tracks of one name that were never seen together are of one person, and become one track.
    """
    matches = matcher.match_all(np.stack([track.embedding for track in tracks])) if tracks else []
    given = sorted(zip(tracks, matches, strict=True), key=lambda pair: (-pair[1].similarity, pair[0].track_id))
    done: list[NamedTrack] = []
    for track, match in given:
        same = [one for one in done if match.known and one.match.identity_id == match.identity_id]
        if not same:
            done.append(NamedTrack(track, match))
        elif same[0].track.is_apart_from(track):
            done[done.index(same[0])] = NamedTrack(_joined(same[0].track, track), same[0].match)
        else:
            done.append(NamedTrack(track, Match(UNKNOWN, None, match.similarity)))
    return sorted(done, key=lambda one: (one.track.sightings[0].t, one.track.track_id))


def _joined(one: PersonTrack, other: PersonTrack) -> PersonTrack:
    better = one if one.quality >= other.quality else other
    return PersonTrack(
        min(one.track_id, other.track_id),
        tuple(sorted((*one.sightings, *other.sightings), key=lambda sighting: sighting.t)),
        _unit(one.quality * one.embedding + other.quality * other.embedding),
        better.quality,
        better.crop,
    )


def _unit(vector: Floats) -> Floats:
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
