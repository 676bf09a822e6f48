"""Frames at given moments out of real files, whole and broken ones."""

from __future__ import annotations  # av.Packet is generic for the type checker only

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from shared_utils.analysis.frames import duration_seconds, frames_at
from shared_utils.errors import SegmentError, StorageError
from tests.support.clips import make_clip


def all_frames(path: Path) -> dict[float, np.ndarray]:
    """Every frame by its time, decoded in the plainest way."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        start, time_base = stream.start_time or 0, stream.time_base
        assert time_base is not None
        frames = list(container.decode(stream))
        return {
            float((frame.pts - start) * time_base): frame.to_ndarray(format="bgr24")
            for frame in frames
            if frame.pts is not None
        }


def packets_outside(path: Path, begin: float, end: float) -> list[av.Packet[VideoStream]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        assert stream.time_base is not None
        return [packet for packet in packets if not begin <= float((packet.pts or 0) * stream.time_base) < end]


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0), ("libx265", 3)])
def test_the_frame_is_the_one_that_a_player_shows_at_that_moment(tmp_path: Path, codec: str, b_frames: int) -> None:
    """A box is written down with its time; seeking there must show the object in the box."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=4, moving=[(0, 4)], codec=codec, b_frames=b_frames, gop_seconds=1)
    shown = all_frames(clip)
    wanted = [0.0, 0.35, 1.0, 1.7, 2.5, 3.95]

    frames = list(frames_at(clip, wanted))

    assert [round(frame.t, 3) for frame in frames] == [0.0, 0.333, 1.0, 1.667, 2.467, 3.933]
    for frame in frames:
        moment = min(shown, key=lambda t: abs(t - frame.t))
        np.testing.assert_array_equal(frame.image, shown[moment])


def test_only_gops_with_a_wanted_moment_are_decoded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Decoding is what a segment costs. Every other packet is wiped here, and nobody complains: nobody looked."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=8, moving=[(5, 6)], gop_seconds=1, fps=15)
    data = bytearray(clip.read_bytes())
    for packet in packets_outside(clip, 5.0, 6.0):
        assert packet.pos is not None
        data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    clip.write_bytes(data)

    frames = list(frames_at(clip, [5.2, 5.5]))

    assert [round(frame.t, 2) for frame in frames] == [5.2, 5.47]
    assert not caplog.records


def test_moments_that_show_the_same_frame_give_it_once(tmp_path: Path) -> None:
    """A camera of one frame a second has no three of them; the model must not see one three times."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=4, fps=1, gop_seconds=1)

    frames = list(frames_at(clip, [0.1, 0.4, 0.8, 1.2, 3.9, 7.0, 9.0]))

    assert [frame.t for frame in frames] == [0.0, 1.0, 3.0]


def test_a_file_that_breaks_off_gives_the_frames_before_the_break(tmp_path: Path) -> None:
    """After a power cut the beginning of a segment is all there is, and it may show who came."""
    whole = make_clip(tmp_path / "whole.mkv", seconds=8, gop_seconds=1, moving=[(0, 8)])
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    frames = list(frames_at(broken, [0.5, 1.5, 2.5, 6.5, 7.5]))

    assert [round(frame.t, 1) for frame in frames][:3] == [0.5, 1.5, 2.5]
    assert 2 < duration_seconds(broken) < 6


def test_damage_in_the_middle_costs_no_more_than_its_gop(tmp_path: Path) -> None:
    """A bad sector in one second of video must not hide the other 29."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=6, gop_seconds=1, moving=[(0, 6)], noise=6)
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    clip.write_bytes(data)

    times = [round(frame.t, 1) for frame in frames_at(clip, [0.5, 1.5, 4.5, 5.5])]

    assert times == [0.5, 1.5, 4.5, 5.5]


def test_the_length_of_a_file_whose_header_does_not_know_it_is_found(tmp_path: Path) -> None:
    """A salvaged segment was never closed; without its length its end would not be looked at."""
    clip = make_clip(tmp_path / "clip.ts", seconds=4)

    assert duration_seconds(clip) == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize(
    ("contents", "message"), [(b"", "is empty"), (b"this is no video" * 100, "is not a video"), (None, "is gone")]
)
def test_what_is_no_video_is_said_in_words(tmp_path: Path, contents: bytes | None, message: str) -> None:
    """The text stands in the log, for somebody who wonders why nothing was found."""
    path = tmp_path / "front-20261120T101500123Z.mp4"
    if contents is not None:
        path.write_bytes(contents)

    with pytest.raises(SegmentError, match=f"front-20261120T101500123Z.mp4 {message}"):
        list(frames_at(path, [0.0]))


def test_a_file_of_sound_only_has_no_video(tmp_path: Path) -> None:
    """A camera whose video stalled may leave one."""
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        silence.sample_rate = 8000
        container.mux([*stream.encode(silence), *stream.encode(None)])

    with pytest.raises(SegmentError, match=r"sound\.wav has no video"):
        list(frames_at(path, [0.0]))


def test_a_folder_that_may_not_be_read_makes_the_task_wait(tmp_path: Path) -> None:
    """Wrong rights on a mount are put right in a minute; a line saying that the video is broken stays for ever."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=1)
    looped = tmp_path / "loop" / "clip.mp4"
    looped.parent.symlink_to(looped.parent)

    with pytest.raises(StorageError, match="cannot be read now"):
        list(frames_at(looped, [0.0]))
    assert [frame.t for frame in frames_at(clip, [0.0])] == [0.0]
