"""What is drawn: boxes that move evenly, names as soon as they are known, and who may not be shown."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shared_utils.analysis.detections import Image
from shared_utils.analysis.frames import Frame
from shared_utils.config.schema import Config
from shared_utils.errors import WrongUseError
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.snapshot import GallerySnapshot, KnownIdentity, ModelVectors
from shared_utils.segments import VideoDir, write_manifest
from shared_utils.tasks import PRIVACY_QUEUE
from tests.support.check_site import manifest_of
from tests.support.fixed_clock import FixedClock
from tests.support.painted_faces import Painted, PaintedEngine, picture
from vedette.watch.looks import Look, Seen, between
from vedette.watch.overlay import caption, draw_seen
from vedette.watch.private import require_open
from vedette.watch.seeing import FaceOptions, FaceSight, Sight
from vedette.watch.sources import Source
from vedette.watch.watching import Watched, watch

ANNA = 20


def seen(x: float, *, kind: str = "object", label: str = "person", known: bool = False) -> Seen:
    return Seen("face" if kind == "face" else "object", 1, label, 0.8, (x, 100, x + 50, 200), known)


def look(t: float, *all_seen: Seen) -> Look:
    return Look(t, {(one.kind, one.track_id): one for one in all_seen})


def matcher() -> Matcher:
    """Knows Anna, as painted."""
    angle = np.radians(ANNA)
    vectors = np.array([[np.cos(angle), np.sin(angle)]], np.float32)
    nobody, none = np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
    of_model = ModelVectors(vectors, np.zeros(1, np.int32), nobody, none)
    snapshot = GallerySnapshot(1, "g", (KnownIdentity("a1", "Anna"),), {"painted": of_model})
    return Matcher(snapshot, "painted", 0.4, 0.05)


class Collected:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, Image]] = []

    def put(self, t: float, image: Image) -> None:
        self.frames.append((t, image))


class MovingSight(Sight):
    """Sees one person, 100 px farther to the right each second, and counts how often it looks."""

    def __init__(self) -> None:
        super().__init__(None, None)
        self.looked: list[float] = []

    def look(self, t: float, image: Image) -> Look:
        self.looked.append(t)
        return look(t, seen(100 * t))


def frames(count: int, per_second: float = 10.0) -> Iterator[Frame]:
    return (Frame(number / per_second, np.full((240, 320, 3), 90, np.uint8)) for number in range(count))


def test_a_box_moves_evenly_between_two_looks() -> None:
    """Boxes that jump five times a second tire the eyes."""
    before, after = look(1.0, seen(0)), look(2.0, seen(100))

    assert [between(before, after, t)[0].box[0] for t in (1.0, 1.25, 2.0)] == [0, 25, 100]


def test_what_is_gone_stays_for_half_of_the_time() -> None:
    """Nobody knows when it went; what comes is drawn once it was seen."""
    before, after = look(1.0, seen(0)), look(2.0)

    assert len(between(before, after, 1.4)) == 1
    assert between(before, after, 1.6) == []
    assert between(after, before, 1.6) == []


def test_a_name_that_is_known_a_moment_later_is_drawn_at_once() -> None:
    """The frames between are drawn after the second look anyway."""
    before = look(1.0, seen(0, kind="face", label="unknown"))
    after = look(2.0, seen(0, kind="face", label="Anna", known=True))

    assert between(before, after, 1.1)[0].label == "Anna"


def test_frames_between_looks_are_drawn_and_not_looked_at() -> None:
    """Looking is nearly all of the work."""
    sight, sink = MovingSight(), Collected()
    done = watch(Source("clip", frames(21), None), sight, sink, 2.0, clock=FixedClock())

    assert [round(t, 1) for t in sight.looked] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert [round(t, 1) for t, _ in sink.frames] == [round(number / 10, 1) for number in range(21)]
    assert done.frames == 21
    assert done.objects == ("person",)


def test_the_last_frames_are_drawn_too() -> None:
    """A clip ends between two looks nearly always."""
    sink = Collected()
    watch(Source("clip", frames(14), None), MovingSight(), sink, 1.0, clock=FixedClock())

    assert len(sink.frames) == 14


def test_a_face_gets_its_name_and_a_stranger_none() -> None:
    """The gallery's answer, by the same rules as in the log."""
    sight = Sight(None, FaceSight(PaintedEngine(), matcher(), FaceOptions(), 5.0))
    shown = picture(Painted(ANNA), Painted(150))
    sink = Collected()
    done = watch(
        Source("clip", iter([Frame(0.0, shown), Frame(1.0, shown)]), None), sight, sink, 5.0, clock=FixedClock()
    )

    assert isinstance(done, Watched)
    assert (done.names, done.strangers) == (("Anna",), 1)


def test_small_faces_are_left_out() -> None:
    """As in the worker: they cannot be told apart."""
    sight = FaceSight(PaintedEngine(), matcher(), FaceOptions(least_face_px=60), 5.0)

    assert sight.look(0.0, picture(Painted(ANNA, side_px=50))) == []


def test_captions_say_who_and_which_track() -> None:
    """The track id is what `vedette faces reject` asks for."""
    assert caption(seen(0)) == "person 1"
    assert caption(seen(0, kind="face", label="Anna", known=True)) == "Anna 1 · 0.80"
    assert caption(seen(0, kind="face", label="unknown")) == "unknown 1"


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (1920, 1080)])
def test_any_frame_can_be_drawn_on(size: tuple[int, int]) -> None:
    """Boxes reach beyond it, are inside out, or larger than all of it."""
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    wild = [Seen("face", 1, "Zoë", 0.5, box, True) for box in ((-50, -50, 5000, 5000), (30, 30, 10, 10), (5, 5, 5, 5))]

    drawn = draw_seen(frame, wild, "12.3 fps")

    assert drawn.shape == frame.shape
    assert frame.max() == 0, "the frame given is left as it was"


def test_the_box_is_drawn_where_it_is() -> None:
    """A box beside the person would be taken for a fault of the model."""
    frame = np.full((720, 1280, 3), 90, np.uint8)
    drawn = draw_seen(frame, [Seen("object", 1, "person", 0.9, (600, 300, 900, 500))], "")

    drawn[:250] = 90  # the corner
    changed = np.argwhere(np.abs(drawn.astype(int) - 90).max(axis=2) > 60)
    assert changed.max(axis=0).tolist() == pytest.approx([500, 900], abs=8)
    assert changed[:, 1].min() == pytest.approx(600, abs=8)


@pytest.mark.parametrize(
    "what", ["door", "video/segments/door/2026-11-20/door-20261120T101500123Z.mp4", "door-20261120T101500123Z.mp4"]
)
def test_nothing_of_a_private_camera_is_shown(what: str) -> None:
    """Invariant 8: nothing that a viewer can open shows an unredacted face."""
    config = Config.model_validate({"cameras": {"door": {"url": "rtsp://10.0.0.5/s", "privacy": "blur"}}})

    with pytest.raises(WrongUseError, match="privacy: blur"):
        require_open(config, what)
    require_open(config, "yard-20261120T101500123Z.mp4")
    require_open(config, str(Path("holiday.mp4")))


def test_a_link_does_not_show_a_private_camera(tmp_path: Path) -> None:
    """The name of the file is all that says whose it is."""
    config = Config.model_validate({"cameras": {"door": {"url": "rtsp://10.0.0.5/s", "privacy": "blur"}}})
    (tmp_path / "holiday.mp4").symlink_to(tmp_path / "door-20261120T101500123Z.mp4")

    with pytest.raises(WrongUseError, match="privacy: blur"):
        require_open(config, str(tmp_path / "holiday.mp4"))


@pytest.mark.parametrize("waiting", [False, True])
def test_footage_that_was_recorded_as_private_is_not_shown(tmp_path: Path, waiting: bool) -> None:
    """The camera is open now, or known no more; those who were recorded then trusted the promise."""
    config, video = Config.model_validate({"video_dir": tmp_path}), VideoDir(tmp_path)
    private, public = (manifest_of(video, number, tasks) for number, tasks in enumerate(((PRIVACY_QUEUE,), ())))
    for one in (private, public):
        write_manifest(video.waiting_manifest(one.segment_id) if waiting else video.manifest(one.segment_id), one)

    with pytest.raises(WrongUseError, match="privacy: blur"):
        require_open(config, str(video.segment(private.segment_id)))
    require_open(config, str(video.segment(public.segment_id)))
