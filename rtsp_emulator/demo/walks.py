"""Who crosses the yard when: one loop of the scene, with pauses in which nobody is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rtsp_emulator.demo.geometry import HEIGHT_PX, WIDTH_PX, Ground, on_picture, px_per_metre
from rtsp_emulator.demo.people import CREAM_COAT, DARK_COAT, GREY_HAIR, Person

LOOP_SECONDS = 64.0
# The sun stands to the right and behind the viewer: one metre of height throws this much shadow on the picture.
SHADOW_LEFT, SHADOW_UP = 0.62, 0.13

_STEP_METRES = 0.72
_FULL_STRIDE_METRES_PER_SECOND = 0.9
_SOFTENED_SECONDS = 0.35  # nobody stops or sets off in an instant


@dataclass(frozen=True, slots=True)
class Pose:
    """How a person is seen at one moment."""

    place: Ground
    phase: float  # radians; two steps are one turn
    stride: float  # 0 standing, 1 walking


@dataclass(frozen=True, slots=True)
class Walk:
    """One crossing: where the person is at which second of the loop, in between at an even pace."""

    person: Person
    stations: tuple[tuple[float, Ground], ...]
    mirrored: bool = False

    @property
    def starts_at(self) -> float:
        return self.stations[0][0]

    @property
    def ends_at(self) -> float:
        return self.stations[-1][0]

    def pose(self, t_seconds: float) -> Pose:
        around = t_seconds + np.linspace(-_SOFTENED_SECONDS, _SOFTENED_SECONDS, 9)
        times = [t for t, _ in self.stations]
        x = float(np.interp(around, times, [place.x for _, place in self.stations]).mean())
        z = float(np.interp(around, times, [place.z for _, place in self.stations]).mean())
        paces = [0.0, *np.cumsum([abs(b.x - a.x) for (_, a), (_, b) in pairwise(self.stations)])]
        walked = np.interp(around, times, paces)
        speed = float(walked[-1] - walked[0]) / (2 * _SOFTENED_SECONDS)
        stride = min(1.0, speed / _FULL_STRIDE_METRES_PER_SECOND)
        return Pose(Ground(x, z), float(walked.mean()) * np.pi / _STEP_METRES, stride)


@dataclass(frozen=True, slots=True)
class View:
    """How the photograph of a person lies on the full picture."""

    scale: float
    ground: tuple[float, float]  # pixel on which the person stands
    mirrored: bool

    def box(self, person: Person) -> tuple[float, float, float, float]:
        """What the person and the shadow together can cover, in pixels of the full picture."""
        x1, y1, x2, y2 = person.box
        side = -1 if self.mirrored else 1
        ends = [self.ground[0] + side * (x - person.ground[0]) * self.scale for x in (x1, x2)]
        top = self.ground[1] - (person.ground[1] - y1) * self.scale
        bottom = self.ground[1] + (y2 - person.ground[1]) * self.scale
        shadow = SHADOW_LEFT * person.height_px * self.scale if person.hip_y is not None else 0.0
        return min(ends) - shadow, top, max(ends), bottom


def view(walk: Walk, pose: Pose) -> View:
    """Where and how large the person is seen."""
    scale = px_per_metre(pose.place.z) * walk.person.height_metres / walk.person.height_px
    return View(scale, on_picture(pose.place), walk.mirrored)


# The pauses are longer than the default pre-roll and post-roll together, so that recording stops in each of them.
WALKS = (
    Walk(
        CREAM_COAT,
        (
            (6.0, Ground(-4.6, 4.3)),
            (9.6, Ground(0.1, 4.5)),
            (11.8, Ground(0.1, 4.5)),
            (16.0, Ground(5.7, 4.1)),
        ),
    ),
    Walk(
        DARK_COAT,
        (
            (29.0, Ground(-5.4, 5.2)),
            (33.0, Ground(-0.4, 5.4)),
            (35.0, Ground(-0.4, 5.4)),
            (39.5, Ground(6.0, 4.9)),
        ),
    ),
    Walk(
        CREAM_COAT,
        (
            (30.2, Ground(5.0, 3.6)),
            (37.0, Ground(-4.1, 3.9)),
        ),
        mirrored=True,
    ),
    Walk(
        GREY_HAIR,
        (
            (52.0, Ground(-1.8, 1.58)),
            (54.0, Ground(0.1, 1.58)),
            (55.6, Ground(0.1, 1.58)),
            (57.8, Ground(1.85, 1.58)),
        ),
    ),
    Walk(
        DARK_COAT,
        (
            (51.5, Ground(5.8, 4.6)),
            (59.0, Ground(-4.7, 4.8)),
        ),
        mirrored=True,
    ),
)


def walks_within(seconds: float) -> tuple[Walk, ...]:
    """The walks of a loop of this length: a visit that would not be over in time is left out."""
    return tuple(walk for walk in WALKS if walk.ends_at <= seconds)


def seen_intervals(walks: Sequence[Walk], fps: int) -> list[tuple[float, float]]:
    """When a person or a shadow is in the picture, in seconds; visits that overlap are one."""
    spans: list[tuple[float, float]] = []
    for start, end in sorted(filter(None, (_seen(walk, fps) for walk in walks))):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _seen(walk: Walk, fps: int) -> tuple[float, float] | None:
    frames = list(_frames_seen(walk, fps))
    return (frames[0] / fps, (frames[-1] + 1) / fps) if frames else None


def _frames_seen(walk: Walk, fps: int) -> Iterator[int]:
    for number in range(int(walk.starts_at * fps), int(walk.ends_at * fps) + 1):
        left, top, right, bottom = view(walk, walk.pose(number / fps)).box(walk.person)
        if right > 0 and left < WIDTH_PX and bottom > 0 and top < HEIGHT_PX:
            yield number
