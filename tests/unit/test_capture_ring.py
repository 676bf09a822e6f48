"""The pre-roll ring."""

from capture_service.ring import PacketRing
from tests.support.packets import stream_of, video_packet


def filled(ring: PacketRing, seconds: float, gop: float = 1.0) -> PacketRing:
    for packet in stream_of(seconds, gop=gop):
        ring.add(packet)
    return ring


def test_what_is_taken_begins_with_the_keyframe_at_or_before_the_wanted_moment() -> None:
    """Otherwise a player has nothing to decode the first pictures from."""
    ring = filled(PacketRing(seconds=10, max_bytes=10**6), 8.0)

    packets = ring.take_from(4.5)

    assert packets[0].is_keyframe
    assert packets[0].dts_seconds == 4.0
    assert packets[-1].dts_seconds == 7.9


def test_the_ring_reaches_back_at_least_as_far_as_asked() -> None:
    """A pre-roll of five seconds must not become four because keyframes are rare."""
    ring = filled(PacketRing(seconds=5, max_bytes=10**6), 20.0, gop=4.0)

    packets = ring.take_from(0.0)

    assert packets[0].dts_seconds == 12.0


def test_the_ring_gets_shorter_rather_than_larger_than_allowed() -> None:
    """Memory is bounded whatever the camera's bit rate is."""
    ring = PacketRing(seconds=60, max_bytes=2500)

    filled(ring, 10.0)

    assert ring.size_bytes <= 2500
    assert ring.take_from(0.0)[0].is_keyframe


def test_a_gop_that_is_too_large_by_itself_is_dropped_whole() -> None:
    """Half a GOP without its keyframe is of no use."""
    ring = PacketRing(seconds=60, max_bytes=500)
    for packet in stream_of(1.0, gop=10.0):
        ring.add(packet)

    ring.add(video_packet(1.0))

    assert ring.take_from(0.0) == []


def test_what_comes_before_the_first_keyframe_is_left_out() -> None:
    """Cameras are joined in the middle of a GOP."""
    ring = PacketRing(seconds=5, max_bytes=10**6)
    for t in (0.0, 0.1, 0.2):
        ring.add(video_packet(t))

    ring.add(video_packet(0.3, key=True))

    assert [packet.dts_seconds for packet in ring.take_from(0.0)] == [0.3]


def test_taking_empties_the_ring() -> None:
    """No frame may be recorded twice."""
    ring = filled(PacketRing(seconds=5, max_bytes=10**6), 3.0)
    ring.take_from(0.0)

    again = ring.take_from(0.0)

    assert again == []
    assert ring.size_bytes == 0
