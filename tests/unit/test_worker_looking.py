"""What is shown to a detector, and what is known of each frame afterwards."""

from collections.abc import Sequence

import numpy as np

from shared_utils.analysis.frames import Frame
from shared_utils.segments import BoxPx, MotionLook
from tests.support.detectors import BlockDetector
from video_worker.detectors import Detection, Image
from video_worker.looking import Looked, look_through

SIZE = (360, 640)
SIDE = 40
LAMP = (20, 20)  # left and top of a block that never moves


class TileDetector:
    """Finds every white block in whatever image it is given, and remembers how large the images were."""

    name, labels, input_size_px = "tiles", ("block",), (640, 640)

    def __init__(self) -> None:
        self.images: list[tuple[int, int]] = []

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        self.images += [(image.shape[0], image.shape[1]) for image in images]
        return [self._blocks(image) for image in images]

    def _blocks(self, image: Image) -> list[Detection]:
        found = []
        white = np.asarray((image > 220).all(axis=2))
        corners = white & ~np.roll(white, 1, 0) & ~np.roll(white, 1, 1)
        for top, left in np.argwhere(corners):
            height, width = int(white[top:, left].argmin()), int(white[top, left:].argmin())
            box = (float(left), float(top), float(left + width), float(top + height))
            found.append(Detection("block", 0.9, box))
        return found


def square_at(t: float, *corners: tuple[int, int]) -> Frame:
    return frame_at(t, *corners, size=(640, 640))


def frame_at(t: float, *corners: tuple[int, int], size: tuple[int, int] = SIZE) -> Frame:
    image = np.zeros((*size, 3), np.uint8)
    for left, top in corners:
        image[top : top + SIDE, left : left + SIDE] = 255
    return Frame(t, image)


def box_at(left: int, top: int) -> BoxPx:
    return left, top, left + SIDE, top + SIDE


def walk(seconds: float) -> tuple[list[Frame], list[MotionLook]]:
    """A block crosses the frame, a lamp stands still: two frames and five looks a second."""

    def place(t: float) -> tuple[int, int]:
        return round(200 + 20 * t), 200

    frames = [frame_at(n / 2, LAMP, place(n / 2)) for n in range(round(seconds * 2) + 1)]
    looks = [MotionLook(t=n / 5, area=0.01, boxes=(box_at(*place(n / 5)),)) for n in range(round(seconds * 5) + 1)]
    return frames, looks


def looked(frames: list[Frame], looks: list[MotionLook], detector: TileDetector | None = None) -> list[Looked]:
    return list(look_through(frames, looks, detector or TileDetector(), batch_size=1))


def boxes(detections: Sequence[Detection]) -> list[tuple[float, ...]]:
    return sorted(tuple(round(value) for value in one.box) for one in detections)


def test_what_moves_is_found_in_every_frame_and_what_stands_is_known_in_every_frame() -> None:
    """As if every frame had been looked at as a whole."""
    frames, looks = walk(10)

    results = looked(frames, looks)

    assert [one.frame for one in results] == frames
    for one in results:
        left = round(200 + 20 * one.frame.t)
        assert box_at(left, 200) in boxes(one.found)
        assert boxes([*one.found, *one.carried]) == sorted([box_at(*LAMP), box_at(left, 200)])


def test_far_fewer_images_than_frames_are_shown() -> None:
    """The whole effort is for this: an image costs the same, whatever is in it."""
    frames, looks = walk(10)
    detector = TileDetector()

    looked(frames, looks, detector)

    assert len(detector.images) <= len(frames) / 2
    assert all(width == 640 and height <= 640 for height, width in detector.images)


def test_what_stood_and_is_gone_is_forgotten() -> None:
    """A chair that was carried away is not there for ever."""
    frames, looks = walk(10)
    frames[6:] = [frame_at(one.t, (round(200 + 20 * one.t), 200)) for one in frames[6:]]
    looks[14] = MotionLook(t=2.8, area=0.02, boxes=(*looks[14].boxes, box_at(*LAMP)))

    results = looked(frames, looks)

    assert box_at(*LAMP) in boxes(results[5].carried) + boxes(results[5].found)
    assert all(box_at(*LAMP) not in boxes([*one.found, *one.carried]) for one in results[6:])


def test_what_is_known_is_not_invented_anew_by_a_region_that_cuts_it() -> None:
    """Half a lamp at the border of a tile is no second lamp."""
    frames, looks = walk(10)
    beside = (LAMP[0] + SIDE + 12, LAMP[1], LAMP[0] + SIDE + 32, LAMP[1] + SIDE)
    looks = [one.model_copy(update={"boxes": (*one.boxes, beside)}) for one in looks]

    results = looked(frames, looks)

    assert all(len([*one.found, *one.carried]) == 2 for one in results)


def test_without_boxes_every_frame_is_shown_as_a_whole() -> None:
    """Old manifests, salvaged recordings, and events of another kind."""
    frames, _ = walk(3)
    detector = TileDetector()

    results = looked(frames, [], detector)

    assert len(detector.images) == len(frames)
    assert all(not one.carried and len(one.found) == 2 for one in results)


def test_regions_that_do_not_fit_side_by_side_lead_to_the_whole_frame() -> None:
    """Half of a square frame, but in two pieces that are too wide and too high for one image."""
    large, small = (0, 0, 280, 280), (408, 408, 640, 640)
    specks = (10, 10, 20, 20), (600, 600, 610, 610)
    looks = [MotionLook(t=t, area=0.1 if t else 0.5, boxes=(large, small, *specks)) for t in (0.0, 0.2, 0.7, 9.0)]
    frames = [square_at(t, (300, 200), (20, 20)) for t in (0.0, 0.5, 1.0, 9.0)]
    detector = TileDetector()

    results = looked(frames, looks, detector)

    assert all(boxes([*one.found, *one.carried]) == [box_at(20, 20), box_at(300, 200)] for one in results)
    assert detector.images == [(640, 640)] * 4


def test_a_detector_that_takes_no_tiles_is_shown_every_frame() -> None:
    """HOG takes the edges of tiles for people."""
    frames, looks = walk(3)
    detector = BlockDetector()

    results = list(look_through(frames, looks, detector, batch_size=4))

    assert detector.frames_seen == len(frames)
    assert [one.frame for one in results] == frames


def test_no_frames_are_no_looks() -> None:
    """Of a broken file nothing may decode."""
    assert looked([], walk(3)[1]) == []
