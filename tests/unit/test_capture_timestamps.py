"""Mending timestamps: what comes out can be written into a file, whatever the camera said."""

from collections.abc import Iterable
from fractions import Fraction

from capture_service.packets import Received
from capture_service.timestamps import Mended, Mender, Step

FRAME = 6000  # ticks of a 90 kHz clock at 15 frames/s


def received(pts: int | None, dts: int | None, arrived: float, *, kind: str = "video") -> Received:
    base = Fraction(1, 90000) if kind == "video" else Fraction(1, 16000)
    return Received("video" if kind == "video" else "audio", b"x", pts, dts, 0, base, False, arrived)


def frames(numbers: Iterable[int], *, shift: int = 0, late: float = 0.0) -> list[Received]:
    return [received(n * FRAME + shift, n * FRAME + shift, n / 15 + late) for n in numbers]


def mended(packets: Iterable[Received]) -> list[Mended]:
    mender = Mender(15.0)
    return [one for packet in packets for one in mender.mend(packet)]


def video_dts(out: list[Mended]) -> list[int]:
    return [one.packet.dts for one in out if one.packet.kind == "video"]


def test_the_first_packet_without_times_is_stamped_one_frame_before_the_next() -> None:
    """It is often the keyframe; without it the whole first GOP would be lost."""
    packets = [received(None, None, 0.0), received(FRAME, FRAME, 0.07)]

    out = mended(packets)

    assert [(one.packet.pts, one.packet.dts) for one in out] == [(0, 0), (FRAME, FRAME)]


def test_with_b_frames_missing_dts_are_counted_back_from_the_first_complete_packet() -> None:
    """FFmpeg's RTSP gives the first packets of such a stream no DTS."""
    packets = [
        received(None, None, 0.0),
        received(2 * FRAME, None, 0.07),
        received(6 * FRAME, None, 0.13),
        received(4 * FRAME, 2 * FRAME, 0.2),
        received(5 * FRAME, 3 * FRAME, 0.27),
    ]

    out = mended(packets)

    assert video_dts(out) == [-FRAME, 0, FRAME, 2 * FRAME, 3 * FRAME]
    assert all(one.packet.pts >= one.packet.dts for one in out)
    assert {one.step for one in out} == {Step.SMOOTH}


def test_a_packet_that_lacks_its_times_later_gets_the_next_place() -> None:
    """One bad packet must not stop a recording."""
    packets = [*frames(range(3)), received(None, None, 0.2), *frames(range(4, 6))]

    out = mended(packets)

    assert video_dts(out) == [n * FRAME for n in range(6)]


def test_a_clock_set_back_is_a_jump_and_the_line_goes_on() -> None:
    """A camera that gets its time from NTP may set its clock by hours; nothing is missing then."""
    packets = [*frames(range(10)), *frames(range(10, 15), shift=-3600 * 90000)]

    out = mended(packets)

    assert [one.step for one in out].count(Step.JUMP) == 1
    assert video_dts(out) == [n * FRAME for n in range(15)]


def test_a_clock_set_forward_is_a_jump_and_the_line_goes_on() -> None:
    """The same in the other direction: an hour in which nothing was filmed is no part of a segment."""
    packets = [*frames(range(10)), *frames(range(10, 15), shift=3600 * 90000)]

    out = mended(packets)

    assert out[10].step is Step.JUMP
    assert video_dts(out) == [n * FRAME for n in range(15)]


def test_a_pause_that_the_wall_clock_confirms_is_a_hole() -> None:
    """Frames are missing: the segment must end there, and the time goes on as it did outside."""
    packets = [*frames(range(10)), *frames(range(110, 115))]

    out = mended(packets)

    assert out[10].step is Step.HOLE
    assert video_dts(out)[10] == 110 * FRAME


def test_a_camera_that_starts_its_clock_anew_after_a_pause_leaves_a_hole() -> None:
    """Both at once: the clock cannot be trusted, and video is missing."""
    packets = [*frames(range(10)), *[received(n * FRAME, n * FRAME, 10 + n / 15) for n in range(5)]]

    out = mended(packets)

    assert out[10].step is Step.HOLE
    assert abs(out[10].packet.dts_seconds - 10.0) < 0.2


def test_packets_that_the_network_delivers_late_are_smooth() -> None:
    """Their times are right; a burst after a pause is no hole."""
    packets = [*frames(range(10)), *frames(range(10, 80), late=5.0)]

    out = mended(packets)

    assert {one.step for one in out} == {Step.SMOOTH}


def test_a_variable_frame_rate_is_smooth() -> None:
    """Many cameras lower their rate at night."""
    packets = [*frames(range(30)), *frames(range(30, 90, 10)), *frames(range(90, 100))]

    out = mended(packets)

    assert {one.step for one in out} == {Step.SMOOTH}


def test_the_times_of_a_stream_always_grow() -> None:
    """A muxer refuses anything else, and the segment would be lost."""
    times = [0, 1, 2, 2, 1, 5, 4, 300, 301, 10, 11, 11, 12]
    packets = [received(t * FRAME, t * FRAME, n / 15) for n, t in enumerate(times)]

    out = video_dts(mended(packets))

    assert out == sorted(set(out))
    assert len(out) == len(times)


def test_a_clock_that_stands_still_does_not_cut_the_video() -> None:
    """Some cameras repeat a timestamp for a while; a segment for every keyframe would be of no use."""
    packets = [*frames(range(10)), *[received(9 * FRAME, 9 * FRAME, n / 15) for n in range(10, 40)]]

    out = mended(packets)

    assert {one.step for one in out} == {Step.SMOOTH}
    assert video_dts(out) == [n * FRAME for n in range(40)]


def test_audio_stays_with_the_video_when_the_camera_sets_its_clock() -> None:
    """Sound and picture must not drift apart by the size of the jump."""
    hour = 3600
    packets: list[Received] = []
    for n in range(30):
        shift = hour if n >= 15 else 0
        packets.append(received(n * FRAME + shift * 90000, n * FRAME + shift * 90000, n / 15))
        packets.append(received(round(n / 15 * 16000) + shift * 16000, None, n / 15, kind="audio"))

    out = mended(packets)

    pairs = zip(
        [one for one in out if one.packet.kind == "video"][1:],
        [one for one in out if one.packet.kind == "audio"][1:],
        strict=False,
    )
    assert all(abs(video.packet.dts_seconds - audio.packet.dts_seconds) < 0.2 for video, audio in pairs)
    assert len([one for one in out if one.packet.kind == "audio"]) >= 28
