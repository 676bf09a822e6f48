"""What a camera may send: parameter sets of any bytes, and packets with any times."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture_service.motion_decoder import LumaDecoder
from capture_service.packets import Packet, Received, VideoFormat
from capture_service.parameter_sets import FormatWatch, annex_b, parameter_sets
from capture_service.timestamps import Mended, Mender
from tests.fuzz.huge_picture import with_huge_picture
from tests.support.clips import make_clip
from tests.support.packets import footage

codecs = st.sampled_from(["h264", "hevc"])
nal_units = st.lists(
    st.builds(
        lambda start, head, body: start + bytes([head]) + body,
        st.sampled_from([b"\0\0\1", b"\0\0\0\1", b"\0\0", b"", b"\0\0\0\0\0\1"]),
        st.sampled_from([0x67, 0x68, 0x65, 0x41, 0x40, 0x42, 0x44, 0x26, 0, 255]),
        st.binary(max_size=30),
    ),
    max_size=8,
).map(b"".join)


@settings(deadline=None, max_examples=500)
@given(codec=codecs, data=st.binary(max_size=200) | nal_units)
def test_parameter_sets_are_found_again_in_what_is_made_of_them(codec: str, data: bytes) -> None:
    """They become the head of a segment: what is written there must say the same."""
    sets = parameter_sets(codec, data)

    assert parameter_sets(codec, annex_b(sets)) == sets
    assert all(one in data for one in sets)


@settings(deadline=None, max_examples=200)
@given(codec=codecs, keyframes=st.lists(st.binary(max_size=80) | nal_units, min_size=1, max_size=4))
def test_a_keyframe_of_any_bytes_is_looked_at_without_harm(codec: str, keyframes: list[bytes]) -> None:
    """A camera that fails, or is attacked, must not end the capture of the others."""
    watch = FormatWatch(VideoFormat(codec, 640, 360, 15.0, Fraction(1, 90000), b""))

    for number, data in enumerate(keyframes):
        ticks = 6000 * number
        watch.look(Packet("video", data, ticks, ticks, 6000, Fraction(1, 90000), is_keyframe=True, arrived=0.0))

    assert watch.current.width > 0
    assert watch.current.height > 0


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_frame_that_claims_gigabytes_is_not_decoded(tmp_path: Path, codec: str) -> None:
    """Noise looks like parameter sets now and then; the memory it asks for would end the capture of all cameras."""
    film = with_huge_picture(footage(make_clip(tmp_path / "clip.mp4", seconds=1, width=320, height=180, codec=codec)))
    watch, decoder = FormatWatch(film.stream.video), LumaDecoder("cam", film.stream.video)
    video = [packet for packet in film.packets if packet.kind == "video"]

    changed = [watch.look(packet) for packet in video]
    decoded = [frame for packet in video for frame in decoder.frames(packet)]
    film.container.close()

    assert not any(changed)
    assert decoded == []


ticks = st.none() | st.integers(-(2**62), 2**62) | st.integers(-100_000, 1_000_000)
packets = st.lists(
    st.tuples(st.sampled_from(["video", "video", "audio"]), ticks, ticks, st.integers(0, 10_000), st.floats(0, 20)),
    max_size=40,
)


@settings(deadline=None, max_examples=500)
@given(sent=packets, fps=st.sampled_from([0.0, 1.0, 15.0, 1000.0]))
def test_whatever_times_a_camera_sends_those_of_a_file_grow(
    sent: list[tuple[str, int | None, int | None, int, float]], fps: float
) -> None:
    """A packet that does not follow the one before ends a segment in an error of FFmpeg."""
    mender, out, now = Mender(fps), list[Mended](), 0.0
    for kind, pts, dts, duration, pause in sent:
        now += pause
        base = Fraction(1, 90000) if kind == "video" else Fraction(1, 16000)
        name: Literal["video", "audio"] = "video" if kind == "video" else "audio"
        out += mender.mend(Received(name, b"x", pts, dts, duration, base, is_keyframe=False, arrived=now))

    for kind in ("video", "audio"):
        line = [one.packet for one in out if one.packet.kind == kind]
        assert all(later.dts > earlier.dts for earlier, later in pairwise(line))
        assert all(packet.pts >= packet.dts for packet in line)
        assert all(packet.arrived <= now for packet in line)
