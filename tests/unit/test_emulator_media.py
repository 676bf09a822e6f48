"""How clips become access units that can be sent round after round."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsp_emulator import nal
from rtsp_emulator.clips import Clip, load_clip
from rtsp_emulator.conversion import convert
from rtsp_emulator.errors import InterruptedConversionError, NotCarriedError, SourceError
from rtsp_emulator.faults import Fault
from rtsp_emulator.sources import ClipStore, parse_source, prepare_all
from tests.support.clips import make_clip
from tests.support.sound_clip import make_clip_with_sound
from tests.support.uneven_clip import SPACINGS_SECONDS, make_uneven_clip

UNITS = st.lists(
    st.binary(min_size=1, max_size=40).map(lambda data: b"\x65" + data.replace(b"\x00", b"\x01")),
    min_size=1,
    max_size=6,
)


def times_of(clip: Clip, kind: str) -> list[Fraction]:
    return [unit.starts_at for unit in clip.units if unit.kind == kind]


@given(UNITS)
def test_nal_units_survive_being_joined_and_split(units: list[bytes]) -> None:
    """Everything that is sent goes through this."""
    assert nal.split_annex_b(nal.join_annex_b(units)) == units


@given(UNITS, st.sampled_from([2, 4]))
def test_nal_units_of_an_mp4_sample_are_found_by_their_lengths(units: list[bytes], length_bytes: int) -> None:
    """MP4 and Matroska write lengths where RTP's muxer wants start codes."""
    sample = b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in units)

    assert nal.split_length_prefixed(sample, length_bytes) == units


def test_a_length_that_leads_outside_the_sample_is_an_error() -> None:
    """A damaged file is not sent as if it were whole."""
    with pytest.raises(ValueError, match="does not fit"):
        nal.split_length_prefixed(b"\x00\x00\x00\x09abc", 4)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", "mp4"), ("libx264", "mkv"), ("libx264", "ts"), ("libx265", "mp4")]
)
def test_every_keyframe_carries_its_parameter_sets(tmp_path: Path, codec: str, suffix: str) -> None:
    """A client that joins late, or loses the SDP's, can decode from any keyframe on."""
    clip = load_clip(make_clip(tmp_path / f"clip.{suffix}", seconds=3, codec=codec))

    keyframes = [unit for unit in clip.units if unit.is_keyframe]
    sets = [nal.ordered_parameter_sets(clip.video.codec, nal.split_annex_b(unit.data)) for unit in keyframes]
    assert len(keyframes) == 3
    assert all(found == clip.video.parameter_sets for found in sets)
    assert len(clip.video.parameter_sets) == len(nal.PARAMETER_SET_TYPES[clip.video.codec])


@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_loop_point_is_one_frame_behind_the_last_frame(tmp_path: Path, b_frames: int) -> None:
    """Then the next round follows as if the clip had never ended, with B-frames as without."""
    clip = load_clip(make_clip(tmp_path / "clip.mp4", seconds=2, fps=15, b_frames=b_frames))

    times = times_of(clip, "video")
    assert clip.length == 2
    assert times == [Fraction(number, 15) for number in range(30)]
    assert all(unit.pts >= unit.dts for unit in clip.units)


def test_variable_frame_rate_keeps_its_timing(tmp_path: Path) -> None:
    """Cameras that save light, or frames, send unevenly; the emulator must not even it out."""
    clip = load_clip(make_uneven_clip(tmp_path / "vfr.mp4"))

    spacings = {round(float(later - earlier), 3) for earlier, later in pairwise(times_of(clip, "video"))}
    assert spacings == set(SPACINGS_SECONDS)


def test_sound_stays_within_the_length_of_the_video(tmp_path: Path) -> None:
    """AAC's priming packet and its tail would make the sound's times run backwards at the loop."""
    clip = load_clip(make_clip(tmp_path / "clip.mp4", seconds=2, audio=True))

    times = times_of(clip, "audio")
    block = Fraction(1024, 16000)
    assert times[0] >= 0
    assert times[-1] + block <= clip.length
    assert clip.length - times[-1] < 3 * block
    assert all(later - earlier == block for earlier, later in pairwise(times))


def test_units_are_in_sending_order(tmp_path: Path) -> None:
    """Sound and picture are paced by one clock."""
    clip = load_clip(make_clip(tmp_path / "clip.mp4", seconds=2, audio=True))

    assert times_of(clip, "video")[0] == 0
    assert all(one.starts_at <= two.starts_at for one, two in pairwise(clip.units))


@pytest.mark.parametrize(("codec", "name"), [("mpeg4", "clip.avi"), ("gif", "clip.gif")])
def test_what_rtp_cannot_carry_is_converted_once(tmp_path: Path, codec: str, name: str) -> None:
    """Any clip works as a camera, and is converted again only when it has changed."""
    clips = tmp_path / "clips"
    clips.mkdir()
    path = clips / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "rgb8" if codec == "gif" else "yuv420p"
        for number in range(20):
            picture = np.full((120, 160, 3), number * 10, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    first = ClipStore(tmp_path).load(path)
    made = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.mp4")}
    again = ClipStore(tmp_path).load(path)

    assert (first.video.codec, first.video.width) == ("h264", 160)
    assert len(times_of(first, "video")) == 20
    assert first.length == pytest.approx(2, abs=0.15)
    assert len(made) == 1
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.mp4")} == made
    assert again.units == first.units


def test_only_the_sound_is_converted_where_only_the_sound_needs_it(tmp_path: Path) -> None:
    """The picture stays as the camera sent it."""
    path = make_clip_with_sound(tmp_path / "mp3.mkv", "mp3", 16000)
    plain = load_clip(tmp_path / "mp3-plain.mp4")

    clip = ClipStore(tmp_path).load(path)

    pictures = [unit.data for unit in clip.units if unit.kind == "video"]
    assert clip.audio is not None
    assert clip.audio.codec == "aac"
    assert pictures == [unit.data for unit in plain.units]


def test_a_conversion_can_be_interrupted(tmp_path: Path) -> None:
    """Stopping must not wait for a long clip."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=1)

    with pytest.raises(InterruptedConversionError):
        convert(clip, tmp_path / "out.mp4", stopped=lambda: True)


def test_a_codec_that_cannot_be_carried_is_named(tmp_path: Path) -> None:
    """The log then says why a clip is converted."""
    path = make_clip(tmp_path / "clip.mkv", seconds=1, codec="mpeg4")

    with pytest.raises(NotCarriedError, match="mpeg4"):
        load_clip(path)


@pytest.mark.parametrize("contents", [b"", b"this is no video" * 50])
def test_a_file_that_is_no_clip_is_named_in_the_error(tmp_path: Path, contents: bytes) -> None:
    """The user must know which of many files to replace."""
    path = tmp_path / "broken.mp4"
    path.write_bytes(contents)

    with pytest.raises(SourceError, match=r"broken\.mp4"):
        load_clip(path)


@pytest.mark.parametrize("text", ["front", "=clip.mp4", "front=", "Front Door=clip.mp4", "front=missing.mp4"])
def test_a_camera_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    """At the start, with the text that was wrong."""
    with pytest.raises(SourceError, match="missing.mp4" if "missing" in text else "CAMERA=SOURCE"):
        parse_source(text, folder_as_cameras=False, work_folder=tmp_path)


def test_a_folder_is_one_camera_or_one_for_each_clip(tmp_path: Path) -> None:
    """A day in several files, or a street of cameras."""
    for name in ("b.mp4", "A 1.mp4"):
        make_clip(tmp_path / name, seconds=1)
    (tmp_path / "notes.txt").write_text("no clip")

    (one,) = parse_source(f"street={tmp_path}", folder_as_cameras=False, work_folder=tmp_path)
    each = parse_source(f"street={tmp_path}", folder_as_cameras=True, work_folder=tmp_path)

    assert [path.name for path in one.paths] == ["A 1.mp4", "b.mp4"]
    assert [source.camera for source in each] == ["street-a-1", "street-b"]


def test_clips_of_another_codec_are_left_out_of_a_folder(tmp_path: Path) -> None:
    """A client that was told H.264 cannot follow into H.265."""
    make_clip(tmp_path / "a.mp4", seconds=1)
    make_clip(tmp_path / "b.mp4", seconds=1, codec="libx265")
    make_clip(tmp_path / "c.mp4", seconds=1, width=320, height=180)
    sources = parse_source(f"street={tmp_path}", folder_as_cameras=False, work_folder=tmp_path)

    (prepared,) = prepare_all(ClipStore(tmp_path), sources)

    assert [clip.path.name for clip in prepared.clips] == ["a.mp4", "c.mp4"]


def test_two_cameras_of_one_name_are_refused(tmp_path: Path) -> None:
    """One would hide the other."""
    clip = make_clip(tmp_path / "a.mp4", seconds=1)
    sources = 2 * parse_source(f"front={clip}", folder_as_cameras=False, work_folder=tmp_path)

    with pytest.raises(SourceError, match="front"):
        prepare_all(ClipStore(tmp_path), sources)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_the_other_clip_is_half_the_size_in_the_same_codec(tmp_path: Path, codec: str) -> None:
    """A camera that changes its resolution keeps its codec."""
    clip = make_clip(tmp_path / "a.mp4", seconds=1, codec=codec)
    store = ClipStore(tmp_path)
    (prepared,) = prepare_all(store, parse_source(f"a={clip}", folder_as_cameras=False, work_folder=tmp_path))

    other = store.other_clip(prepared, Fault.CHANGE_RESOLUTION)

    assert (other.video.width, other.video.height) == (320, 180)
    assert other.video.payload == prepared.clips[0].video.payload
