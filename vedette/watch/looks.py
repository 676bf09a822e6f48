"""What was seen at one moment, and where it is between two of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from shared_utils.analysis.detections import Box

Kind = Literal["object", "face"]
Key = tuple[Kind, int]  # what it is and its track id


@dataclass(frozen=True, slots=True)
class Seen:
    """One object or face in one frame."""

    kind: Kind
    track_id: int
    label: str  # an object's label; a face's name, "unknown" for strangers
    score: float  # an object's score; the similarity of a face with the person
    box: Box
    known: bool = False  # a face of somebody in the gallery


@dataclass(frozen=True, slots=True)
class Look:
    """All that was seen in one frame."""

    t: float  # seconds
    seen: Mapping[Key, Seen]


def between(before: Look, after: Look, t: float) -> list[Seen]:
    """What is to be drawn in a frame between two that were looked at.

    What is in both moves evenly from one to the other, and has the name that is known by then; what was only seen
    before stays for half of the time.
    """
    share = min(max((t - before.t) / max(after.t - before.t, 1e-6), 0.0), 1.0)
    drawn = []
    for key, one in before.seen.items():
        later = after.seen.get(key)
        if later is not None:
            drawn.append(replace(later, box=_mixed(one.box, later.box, share)))
        elif share < 0.5:
            drawn.append(one)
    return drawn


def _mixed(one: Box, other: Box, share: float) -> Box:
    x1, y1, x2, y2 = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return x1, y1, x2, y2
