"""RTP packets of access units, by FFmpeg's RTP muxer, and what faults do to such packets."""

import random
from collections.abc import Sequence
from fractions import Fraction

import av
from av.packet import Packet
from av.stream import Stream

from rtsp_emulator.clips import AccessUnit, Track

PACKET_BYTES = 1400  # leaves room for IP, UDP and a tunnel within an Ethernet frame
HEADER_BYTES = 12
SENDER_REPORT = 200
_WRAP = 1 << 32


class _Tap:
    """The file that the muxer believes it writes to: one write is one RTP or RTCP packet."""

    def __init__(self) -> None:
        self._packets: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._packets.append(bytes(data))
        return len(data)

    def take(self) -> list[bytes]:
        taken, self._packets = self._packets, []
        return taken


class Packetiser:
    """One track of one camera: sequence numbers and timestamps go on for as long as the camera lives."""

    def __init__(self, track: Track, payload_type: int) -> None:
        self._tap = _Tap()
        options = {"packetsize": str(PACKET_BYTES), "payload_type": str(payload_type)}
        self._muxer = av.open(self._tap, "w", format="rtp", options=options)
        if track.codec.startswith("pcm_"):
            # The muxer cuts PCM by its sample size, which only an encoder's stream knows.
            layout = "mono" if track.channels == 1 else "stereo"
            self._stream: Stream = self._muxer.add_stream(track.codec, rate=track.clock_rate, layout=layout)
        else:
            rate = track.clock_rate if track.kind == "audio" else None
            self._stream = self._muxer.add_mux_stream(track.codec, rate=rate)
        self._time_base, self._last_dts = Fraction(1, track.clock_rate), -1

    def begin(self) -> None:
        """The moment of timestamp zero, which sender reports tie to the wall clock."""
        self._muxer.start_encoding()

    def packets(self, unit: AccessUnit, round_ticks: int) -> list[bytes]:
        """The RTP packets of a unit (a sender report among them now and then); `round_ticks` is the round's start."""
        packet = Packet(unit.data)
        packet.stream, packet.time_base = self._stream, self._time_base
        # The muxer refuses times that stand still, as two rounded to the same tick at a change of clip would.
        packet.dts = self._last_dts = max(unit.dts + round_ticks, self._last_dts + 1)
        packet.pts = max(unit.pts + round_ticks, packet.dts)
        packet.is_keyframe = unit.is_keyframe
        self._muxer.mux(packet)
        return self._tap.take()

    def close(self) -> None:
        self._muxer.close()
        self._tap.take()


def is_rtcp(packet: bytes) -> bool:
    """Whether this is RTCP, by the type byte that RFC 5761 keeps apart from RTP's."""
    return 200 <= packet[1] <= 204


def is_sender_report(packet: bytes) -> bool:
    return packet[1] == SENDER_REPORT


def timestamp_of(packet: bytes) -> int:
    """The media timestamp of an RTP packet or of a sender report."""
    at = 16 if is_rtcp(packet) else 4
    return int.from_bytes(packet[at : at + 4], "big")


def with_timestamp(packet: bytes, ticks: int) -> bytes:
    """The packet with another media timestamp, modulo 2^32; RTCP other than sender reports is returned as it is."""
    if is_rtcp(packet) and not is_sender_report(packet):
        return packet
    at = 16 if is_rtcp(packet) else 4
    return packet[:at] + (ticks % _WRAP).to_bytes(4, "big") + packet[at + 4 :]


def shifted(packets: Sequence[bytes], seconds: float, clock_rate: int) -> list[bytes]:
    """The packets of a camera that has set its clock by so much.

    A camera takes its media clock and the wall clock of its sender reports from the same place, so both jump. If only
    one did, a client with sound and picture would undo the jump at the next report.
    """
    ticks = round(seconds * clock_rate)
    return [_shifted(packet, seconds, ticks) for packet in packets] if ticks else list(packets)


def _shifted(packet: bytes, seconds: float, ticks: int) -> bytes:
    packet = with_timestamp(packet, timestamp_of(packet) + ticks)
    if not is_sender_report(packet):
        return packet
    ntp = int.from_bytes(packet[8:16], "big") + round(seconds * _WRAP)
    return packet[:8] + (ntp % _WRAP**2).to_bytes(8, "big") + packet[16:]


def scrambled(packets: Sequence[bytes], share: float, rng: random.Random) -> list[bytes]:
    """The packets with this share of RTP payloads replaced by noise; the headers stay valid."""
    return [
        packet
        if is_rtcp(packet) or rng.random() >= share
        else packet[:HEADER_BYTES] + rng.randbytes(len(packet) - HEADER_BYTES)
        for packet in packets
    ]


def thinned(packets: Sequence[bytes], share: float, rng: random.Random) -> list[bytes]:
    """The packets with this share of the RTP ones lost."""
    return [packet for packet in packets if is_rtcp(packet) or rng.random() >= share]
