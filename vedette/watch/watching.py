"""The loop: frames in, looked at a few times a second, drawn with what was seen, and out again."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from shared_utils.analysis.detections import Image
from shared_utils.analysis.frames import Frame
from shared_utils.clock import Clock
from vedette.watch.looks import Look, Seen, between
from vedette.watch.overlay import draw_seen
from vedette.watch.seeing import Sight
from vedette.watch.sinks import Sink
from vedette.watch.sources import Source

_WIDEST_PX = 1920
_MOST_WAITING = 60  # frames between two looks that are kept to be drawn
_FPS_OVER = 30  # frames


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of it."""

    frames: int
    seconds: float  # of video
    fps: float  # frames drawn per second of work
    names: tuple[str, ...]  # of whom the gallery knows
    strangers: int
    objects: tuple[str, ...]


@dataclass(slots=True)
class _Tally:
    """Who and what was seen, by track."""

    faces: dict[int, Seen]
    objects: dict[int, str]

    def add(self, look: Look) -> None:
        for one in look.seen.values():
            if one.kind == "face":
                self.faces[one.track_id] = one
            else:
                self.objects[one.track_id] = one.label


class Pace:
    """Frames per second of work, over the last few of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments = deque([clock.monotonic()], maxlen=_FPS_OVER + 1)

    def tick(self) -> float:
        """Another frame is done; how many are done per second."""
        self._moments.append(self._clock.monotonic())
        return (len(self._moments) - 1) / max(self._moments[-1] - self._moments[0], 1e-6)


def watch(
    source: Source,
    sight: Sight,
    sink: Sink,
    looks_per_second: float,
    *,
    clock: Clock,
    told: Callable[[float], None] = lambda _t: None,
) -> Watched:
    """Draw the whole source. `told`: the moment (seconds) that is done."""
    began, pace, tally = clock.monotonic(), Pace(clock), _Tally({}, {})
    frames, last = 0, 0.0
    for frame, seen in seen_in(source.frames, sight, looks_per_second, tally):
        fps = pace.tick()
        sink.put(frame.t, draw_seen(frame.image, seen, f"{source.name}   {frame.t:.1f} s   {fps:.1f} fps"))
        frames, last = frames + 1, frame.t
        told(frame.t)
    worked = max(clock.monotonic() - began, 1e-6)
    known = [one for one in tally.faces.values() if one.known]
    return Watched(
        frames,
        last,
        frames / worked,
        tuple(sorted({one.label for one in known})),
        len(tally.faces) - len(known),
        tuple(sorted(set(tally.objects.values()))),
    )


def seen_in(
    frames: Iterator[Frame], sight: Sight, looks_per_second: float, tally: _Tally
) -> Iterator[tuple[Frame, list[Seen]]]:
    """Every frame with what is seen in it. Frames between two looks wait for the second, so that boxes move evenly."""
    waiting: list[Frame] = []
    before: Look | None = None
    for frame in map(_small_enough, frames):
        due = before is None or frame.t >= before.t + 1 / looks_per_second - 1e-3
        if not due and len(waiting) < _MOST_WAITING:
            waiting.append(frame)
            continue
        look = sight.look(frame.t, frame.image)
        tally.add(look)
        for one in waiting:
            yield one, between(before or look, look, one.t)
        yield frame, list(look.seen.values())
        waiting, before = [], look
    if before is not None:
        for one in waiting:
            yield one, list(before.seen.values())


def _small_enough(frame: Frame) -> Frame:
    height, width = frame.image.shape[:2]
    if width <= _WIDEST_PX:
        return frame
    size = (_WIDEST_PX, max(round(height * _WIDEST_PX / width), 1))
    return Frame(frame.t, _resized(frame.image, size))


def _resized(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
