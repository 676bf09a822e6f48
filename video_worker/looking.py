"""Looking through the frames of a segment without looking twice at what has not moved."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from shared_utils.analysis.frames import Frame
from shared_utils.analysis.moved import marked
from shared_utils.segments import MotionLook
from video_worker.detectors import Detection, Detector
from video_worker.mosaic import Tile, arrange, paint, sort_out
from video_worker.packing import SizePx
from video_worker.regions import Region, area_px, overlap_px, regions_to_look_at, whole

# Frames wait in memory for their image to be full, and what was found before them is not known as long as they wait.
_MOST_WAITING = 6
# What is known is out of date when this part of it was looked at; less would be a moving neighbour.
_HELD = 0.9
# A detection that shares this part of its box with a known object of its label is that object.
_SAME = 0.5


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of one frame."""

    frame: Frame
    found: tuple[Detection, ...]  # seen in this frame
    carried: tuple[Detection, ...] = ()  # seen before, where nothing has moved since


def look_through(
    frames: Iterable[Frame], looks: Sequence[MotionLook], detector: Detector, batch_size: int
) -> Iterator[Looked]:
    """Look at the frames of one segment, which come in order of time; `looks` say what moved and when.

    The detector is shown a whole frame now and then, and in between only those regions in which something moved, those
    of several frames in one image. A detector that takes no such images is shown every frame as a whole.
    """
    size = detector.input_size_px
    if size is None:
        return _looked_at_whole(frames, detector, batch_size)
    return _looked_at_regions(frames, looks, _Eye(detector, size, batch_size))


def _looked_at_whole(frames: Iterable[Frame], detector: Detector, batch_size: int) -> Iterator[Looked]:
    source = iter(frames)
    while batch := list(islice(source, batch_size)):
        for frame, found in zip(batch, detector.detect([frame.image for frame in batch]), strict=True):
            yield Looked(frame, tuple(found))


def _looked_at_regions(frames: Iterable[Frame], looks: Sequence[MotionLook], eye: "_Eye") -> Iterator[Looked]:
    known: tuple[Detection, ...] = ()
    waiting: list[_Waiting] = []
    for frame, moved in marked(frames, looks):
        size = frame.image.shape[0], frame.image.shape[1]
        all_of_it = _Waiting(frame, size, (Region(whole(size)),))
        if moved is None:
            next_one = all_of_it
        else:
            next_one = _Waiting(frame, size, regions_to_look_at(moved, [one.box for one in known], size))
        if not eye.has_room_for([*waiting, next_one]):
            for looked in eye.look(waiting, known):
                yield looked
                known = (*looked.found, *looked.carried)
            waiting = []
        if eye.is_last(waiting) and eye.has_room_for([*waiting, all_of_it]):
            next_one = all_of_it  # the image would go half empty
        waiting.append(next_one)
    yield from eye.look(waiting, known)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame that is to be looked at, and where."""

    frame: Frame
    size: SizePx
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class _Eye:
    """A detector with images made of regions."""

    detector: Detector
    canvas: SizePx
    batch_size: int

    def has_room_for(self, waiting: Sequence[_Waiting]) -> bool:
        """Whether the regions of these frames can be looked at together. Those of one frame always can."""
        return len(waiting) <= 1 or (len(waiting) <= self._most and self._arranged(waiting) is not None)

    def is_last(self, waiting: Sequence[_Waiting]) -> bool:
        """Whether after one more frame no other can wait."""
        return len(waiting) == self._most - 1

    def look(self, waiting: Sequence[_Waiting], known: tuple[Detection, ...]) -> Iterator[Looked]:
        """What is known of each of these frames, given what was known before the first."""
        for one, found in zip(waiting, self._found(waiting), strict=True):
            carried = tuple(old for old in known if not _is_out_of_date(old, one.regions, found))
            known = (*found, *carried)
            yield Looked(one.frame, tuple(found), carried)

    def _found(self, waiting: Sequence[_Waiting]) -> list[list[Detection]]:
        """The detections of each frame, without those that are cut off by the border of a region."""
        tiles = self._tiles(waiting)
        images = paint(tiles, [one.frame.image for one in waiting], self.canvas)
        found: list[list[Detection]] = [[] for _ in waiting]
        for number, detections in enumerate(self.detector.detect(images) if images else ()):
            for tile, detection in sort_out(detections, [tile for tile in tiles if tile.place.canvas == number]):
                if not tile.cuts(detection.box, waiting[tile.frame].size):
                    found[tile.frame].append(detection)
        return found

    def _tiles(self, waiting: Sequence[_Waiting]) -> list[Tile]:
        tiles = self._arranged(waiting)
        if tiles is None:  # one frame whose regions do not fit side by side
            tiles = self._arranged([_Waiting(one.frame, one.size, (Region(whole(one.size)),)) for one in waiting])
        return tiles or []

    def _arranged(self, waiting: Sequence[_Waiting]) -> list[Tile] | None:
        return arrange([(one.size, one.regions) for one in waiting], self.canvas, self.batch_size)

    @property
    def _most(self) -> int:
        return _MOST_WAITING * self.batch_size


def _is_out_of_date(old: Detection, looked_at: Sequence[Region], found: Sequence[Detection]) -> bool:
    """Whether the place of a known object was looked at, or the object was seen again."""
    if sum(overlap_px(old.box, region.box) for region in looked_at) > _HELD * area_px(old.box):
        return True
    alike = [new for new in found if new.label == old.label]
    return any(overlap_px(old.box, new.box) > _SAME * min(area_px(old.box), area_px(new.box)) for new in alike)
