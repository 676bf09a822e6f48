"""What the benchmark of many cameras says of recordings: it must not call a loss complete."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest

from benchmarks.camera_record import Show, examine
from benchmarks.capture_clips import FPS, chained_clip, frame_number
from benchmarks.many_cameras import memory_growth
from shared_utils.segments import Manifest, VideoDir, VideoInfo, write_manifest
from tests.support.clips import make_clip

BEGAN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
FRAMES = 4 * FPS
SHOW = Show(frames=FRAMES, moving=(FPS, 2 * FPS))


def record(root: Path, keep: Callable[[int], bool]) -> Path:
    """A camera's one round of a show, as a segment that holds the frames that are kept."""
    clip = chained_clip(root / "clip.mp4", [make_clip(root / f"{n}.mp4", seconds=2, moving=[(0, 2)]) for n in range(2)])
    video, name = VideoDir(root), f"cam-{BEGAN:%Y%m%dT%H%M%S}000Z"
    video.segment(name).parent.mkdir(parents=True)
    with av.open(str(clip)) as source, av.open(str(video.segment(name)), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size and keep(number):
                packet.stream = stream
                output.mux(packet)
    info = VideoInfo(codec="h264", width=640, height=360, fps=FPS)
    manifest = Manifest(
        segment_id=name, camera="cam", event_id=name, trigger="motion", started_at=BEGAN, duration_seconds=4,
        filename=video.segment_filename(name), size_bytes=1, video=info,
    )  # fmt: skip
    write_manifest(video.manifest(name), manifest)
    return root


def test_a_complete_recording_lacks_nothing(tmp_path: Path) -> None:
    """A check that finds losses everywhere would be switched off."""
    found = examine(record(tmp_path, lambda _n: True), "cam", SHOW, BEGAN, BEGAN + timedelta(seconds=4))

    assert (found.events, found.frames) == (1, FRAMES)
    assert (found.missing, found.twice, found.uneven) == (0, 0, 0)
    assert (found.moving, found.not_recorded) == (FPS, 0)


def test_one_frame_that_is_missing_is_noticed(tmp_path: Path) -> None:
    """Packets in are packets in files, not about as many."""
    found = examine(record(tmp_path, lambda n: n != 20), "cam", SHOW, BEGAN, BEGAN + timedelta(seconds=4))

    assert (found.missing, found.uneven, found.not_recorded) == (1, 1, 1)


def test_motion_outside_every_file_is_noticed(tmp_path: Path) -> None:
    """Each event may be whole while a second movement was slept through."""
    recorded = record(tmp_path, lambda _n: True)

    found = examine(recorded, "cam", SHOW, BEGAN, BEGAN + timedelta(seconds=8))

    assert (found.moving, found.not_recorded) == (2 * FPS, FPS)


def test_a_camera_without_any_event_has_lost_all_its_motion(tmp_path: Path) -> None:
    """No file, nothing missing within it: that must not pass for complete."""
    found = examine(tmp_path, "cam", SHOW, BEGAN, BEGAN + timedelta(seconds=8))

    assert found.moving == found.not_recorded == 2 * FPS


def test_frames_keep_their_numbers_when_a_show_is_told_from_another_beginning(tmp_path: Path) -> None:
    """Cameras show the same by turns; a number means the same frame of the show on each."""
    parts = [make_clip(tmp_path / f"{n}.mp4", seconds=20, fps=FPS, width=64, height=48) for n in range(2)]

    clip = chained_clip(tmp_path / "clip.mp4", parts, first_part=1)

    with av.open(str(clip)) as container:
        numbers = [frame_number(bytes(packet)) for packet in container.demux(video=0) if packet.size]
    assert numbers == [*range(20 * FPS, 40 * FPS), *range(20 * FPS)]


@pytest.mark.parametrize(("mb_a_minute", "grown"), [(0.0, 0.0), (6.0, 48 / 124)])
def test_memory_growth_is_told_for_the_last_four_fifths(mb_a_minute: float, grown: float) -> None:
    """What a service takes while it starts is no leak."""
    start = [(t, 10_000_000) for t in range(0, 120, 5)]
    rest = [(t, round(100e6 + mb_a_minute * 1e6 * (t - 120) / 60)) for t in range(120, 605, 5)]

    slope, share = memory_growth([(float(t), size) for t, size in start + rest])

    assert slope == pytest.approx(mb_a_minute, abs=0.05)
    assert share == pytest.approx(grown, abs=0.01)
