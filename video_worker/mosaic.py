"""Regions of several frames in one image, at the scale that their whole frames would have, and detections back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil

import cv2
import numpy as np

from shared_utils.segments import BoxPx
from video_worker.detectors import Detection, Image
from video_worker.detectors.letterbox import PADDING_GREY
from video_worker.packing import Place, SizePx, pack
from video_worker.regions import Box, Region, whole

GUTTER_PX = 12  # between tiles, in pixels of the canvas
_STRIDE = 32  # heights of canvases are multiples of it, as models of any input size want them
# Things of this size are recognised as well as larger ones (yolov8n); but something smaller may stand beside them.
_DETAIL_PX = 120
_LEAST_SHRINKING = 0.5
_TOUCHES_PX = 2.0  # a box that ends this near a border, in pixels of the canvas, may go on behind it


@dataclass(frozen=True, slots=True)
class Tile:
    """One region of one frame in a canvas."""

    frame: int  # which of the frames that were given
    region: BoxPx
    place: Place
    size: SizePx  # in the canvas

    def detection_of(self, found: Detection) -> Detection:
        """What was found in the canvas, in pixels of the frame, clipped to the region."""
        x1, y1, x2, y2 = self.region
        gain_x, gain_y = self.size[1] / (x2 - x1), self.size[0] / (y2 - y1)
        left, top, right, bottom = found.box
        box = (
            min(max((left - self.place.left) / gain_x + x1, x1), x2),
            min(max((top - self.place.top) / gain_y + y1, y1), y2),
            min(max((right - self.place.left) / gain_x + x1, x1), x2),
            min(max((bottom - self.place.top) / gain_y + y1, y1), y2),
        )
        return Detection(found.label, found.score, box)

    def holds(self, box: Box) -> bool:
        """Whether the centre of a box of the canvas lies in this tile."""
        x, y = (box[0] + box[2]) / 2 - self.place.left, (box[1] + box[3]) / 2 - self.place.top
        return 0 <= x < self.size[1] and 0 <= y < self.size[0]

    def cuts(self, found: Box, frame_size: SizePx) -> bool:
        """Whether a box of the frame ends at a border of the region that is not one of the frame."""
        x1, y1, x2, y2 = self.region
        near = _TOUCHES_PX * (x2 - x1) / self.size[1]
        return (
            (x1 > 0 and found[0] - x1 < near)
            or (y1 > 0 and found[1] - y1 < near)
            or (x2 < frame_size[1] and x2 - found[2] < near)
            or (y2 < frame_size[0] and y2 - found[3] < near)
        )


def arrange(
    regions: Sequence[tuple[SizePx, Sequence[Region]]], canvas: SizePx, most_canvases: int
) -> list[Tile] | None:
    """Tiles for the regions of each frame, given with its size; None if that takes more canvases.

    A whole frame always fits into one. One that is alone there is no tile of a canvas but the image itself: the
    detector fits it in as it is used to.
    """
    wanted, sizes = [], []
    for number, (frame_size, of_frame) in enumerate(regions):
        gain = min(canvas[0] / frame_size[0], canvas[1] / frame_size[1])
        wanted += [(number, region.box) for region in of_frame]
        sizes += [_scaled(region.box, _gain_for(region, gain)) for region in of_frame]
    places = pack(sizes, canvas, most_canvases, GUTTER_PX)
    if places is None:
        return None
    tiles = [Tile(*which, place, size) for which, place, size in zip(wanted, places, sizes, strict=True)]
    used = Counter(place.canvas for place in places)
    return [
        replace(tile, size=regions[tile.frame][0])
        if used[tile.place.canvas] == 1 and tile.region == whole(regions[tile.frame][0])
        else tile
        for tile in tiles
    ]


def paint(tiles: Sequence[Tile], frames: Sequence[Image], canvas: SizePx) -> list[Image]:
    """The images: tiles on grey, no higher than they need to be; or a whole frame as it is."""
    count = max((tile.place.canvas for tile in tiles), default=-1) + 1
    images = []
    for number in range(count):
        inside = [tile for tile in tiles if tile.place.canvas == number]
        alone = frames[inside[0].frame] if len(inside) == 1 else None
        if alone is not None and inside[0].size == alone.shape[:2]:
            images.append(alone)
        else:
            images.append(_painted(inside, frames, canvas))
    return images


def sort_out(found: Iterable[Detection], tiles: Sequence[Tile]) -> list[tuple[Tile, Detection]]:
    """The tile that each detection of one canvas belongs to; what lies in a gutter belongs to none."""
    sorted_out = []
    for detection in found:
        tile = next((tile for tile in tiles if tile.holds(detection.box)), None)
        if tile is not None:
            sorted_out.append((tile, tile.detection_of(detection)))
    return sorted_out


def _gain_for(region: Region, gain: float) -> float:
    """The scale of a region: that of its whole frame, or less where all that is expected in it is large."""
    longest_px = region.detail_px * gain
    return gain * max(_DETAIL_PX / longest_px, _LEAST_SHRINKING) if longest_px > _DETAIL_PX else gain


def _scaled(region: BoxPx, gain: float) -> SizePx:
    x1, y1, x2, y2 = region
    return max(round((y2 - y1) * gain), 1), max(round((x2 - x1) * gain), 1)


def _painted(tiles: Sequence[Tile], frames: Sequence[Image], canvas: SizePx) -> Image:
    lowest = max(tile.place.top + tile.size[0] for tile in tiles)
    painted = np.full((min(ceil(lowest / _STRIDE) * _STRIDE, canvas[0]), canvas[1], 3), PADDING_GREY, np.uint8)
    for tile in tiles:
        (height, width), (x1, y1, x2, y2) = tile.size, tile.region
        crop = frames[tile.frame][y1:y2, x1:x2]
        top, left = tile.place.top, tile.place.left
        painted[top : top + height, left : left + width] = cv2.resize(
            crop, (width, height), interpolation=cv2.INTER_LINEAR
        )
    return painted
