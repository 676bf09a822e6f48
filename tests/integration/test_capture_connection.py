"""A whole connection: packets from a source through the detector's door to the disk. The camera alone is made up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import pytest

from capture_service.blindness import BLIND_SECONDS
from capture_service.camera_state import CameraState
from capture_service.connection import Connection, MotionFinder
from capture_service.errors import CameraLostError
from capture_service.motion import MotionSeen
from capture_service.packets import Packet, Received, StreamFormat, VideoFormat
from shared_utils.config.schema import MotionConfig
from shared_utils.segments import Manifest
from tests.support.capture_parts import camera_config, capture_parts
from tests.support.clips import make_clip
from tests.support.fixed_clock import FixedClock
from tests.support.packets import Footage, footage

SLOWER = 3.0  # a clip of 12 s takes 36
OnLook = Callable[[MotionSeen], None]


@dataclass
class FilmSource:
    """A camera that sends a clip, while the clock goes on."""

    film: Footage
    clock: FixedClock

    def open(self) -> StreamFormat:
        return self.film.stream

    def packets(self) -> Iterator[Received]:
        began, now = self.clock.monotonic(), self.clock.monotonic()
        for packet in self.film.packets:
            self.clock.advance(max(0.0, began + SLOWER * packet.dts_seconds - now))
            now = self.clock.monotonic()
            yield Received(
                packet.kind, packet.data, packet.pts, packet.dts, packet.duration, packet.time_base,
                packet.is_keyframe, now,
            )  # fmt: skip

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Finder:
    """A detector that takes every packet and sees nothing move; one without eyes never says so."""

    on_look: OnLook
    has_eyes: bool
    starts: int = 0

    def start(self, video_format: VideoFormat) -> None:
        self.starts += 1

    def offer(self, packet: Packet) -> bool:
        if self.has_eyes and packet.kind == "video":
            self.on_look(MotionSeen(packet.pts_seconds, moving=False, area=0.0, boxes=()))
        return True

    def stop(self) -> None:
        """No thread runs."""


@pytest.fixture
def film(tmp_path: Path) -> Iterator[Footage]:
    film = footage(make_clip(tmp_path / "clip.mp4", seconds=12, audio=True, width=320, height=180))
    yield film
    film.container.close()


def recorded(
    root: Path, film: Footage, *, has_eyes: bool, finders: list[Finder] | None = None, record: str = "motion"
) -> list[Manifest]:
    """What is left of the connection when the camera has gone."""
    made: list[Finder] = [] if finders is None else finders

    def finder(camera: str, settings: MotionConfig, on_look: OnLook) -> MotionFinder:
        made.append(Finder(on_look, has_eyes))
        return made[-1]

    clock = FixedClock()
    with capture_parts(root) as parts:
        around = replace(parts.around, clock=clock)
        config = camera_config(segment_seconds=60, record=record)
        connection = Connection("cam", config, FilmSource(film, clock), around, CameraState("cam"))
        with pytest.raises(CameraLostError):
            connection.run(Event(), finder, lambda _is_keyframe: None)
    return parts.manifests()


def test_what_a_detector_cannot_see_is_recorded(
    tmp_path: Path, film: Footage, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream that its decoder does not understand must not mean that nothing is recorded, for ever and silently."""
    (manifest,) = recorded(tmp_path / "video", film, has_eyes=False)

    assert manifest.duration_seconds > 12 - BLIND_SECONDS / SLOWER
    assert caplog.text.count("no motion can be looked for") == 1


def test_a_detector_that_looks_and_sees_nothing_is_believed(tmp_path: Path, film: Footage) -> None:
    """Otherwise every camera would record all the time."""
    assert recorded(tmp_path / "video", film, has_eyes=True) == []


def with_changing_sets(packet: Packet, number: int) -> Packet:
    """The packet with another H.264 level in its SPS, every second time."""
    data, at = bytearray(packet.data), packet.data.find(b"\0\0\1\x67")
    if at >= 0:
        data[at + 6] = (31, 40)[number % 2]
    return replace(packet, data=bytes(data))


def test_sets_that_change_while_the_size_stays_do_not_restart_the_detector(tmp_path: Path, film: Footage) -> None:
    """It learns the scene for seconds after each start: with two sets in turn it would never see anything."""
    keyframes = [number for number, packet in enumerate(film.packets) if packet.is_keyframe and packet.kind == "video"]
    changing = [
        with_changing_sets(packet, keyframes.index(number)) if number in keyframes else packet
        for number, packet in enumerate(film.packets)
    ]
    finders: list[Finder] = []

    manifests = recorded(
        tmp_path / "video", replace(film, packets=changing), has_eyes=True, finders=finders, record="continuous"
    )

    assert len(manifests) >= len(keyframes) - 1  # a file has one format
    assert [finder.starts for finder in finders] == [1]
