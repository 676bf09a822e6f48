"""A stream whose parameter sets claim frames of 16000 x 16000: a few bytes that ask for gigabytes."""

from dataclasses import replace

from capture_service.parameter_sets import nal_type
from tests.support.packets import Footage

HUGE_PX = 16000  # FFmpeg itself refuses 16384
_START = b"\0\0\0\1"


def with_huge_picture(film: Footage) -> Footage:
    """The same packets, but for the size that their SPS tells."""
    codec = film.stream.video.codec
    packets = [replace(one, data=_enlarged(codec, one.data)) if one.kind == "video" else one for one in film.packets]
    return replace(film, packets=packets)


def _enlarged(codec: str, annex_b: bytes) -> bytes:
    nals = [nal for nal in annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]
    return b"".join(_START + (_enlarged_sps(codec, nal) if _is_sps(codec, nal) else nal) for nal in nals)


def _is_sps(codec: str, nal: bytes) -> bool:
    return nal_type(codec, nal) == (7 if codec == "h264" else 33)


def _enlarged_sps(codec: str, nal: bytes) -> bytes:
    """Replace two numbers of variable length, and shift what follows."""
    bits = "".join(f"{byte:08b}" for byte in nal.replace(b"\0\0\3", b"\0\0"))
    if codec == "h264":
        at = _behind(bits, 32, 4 if _poc_type(bits) == 2 else 5)  # id, frame_num, poc (and its length), references
        at += 1  # gaps_in_frame_num_value_allowed_flag
        size = _exp_golomb(HUGE_PX // 16 - 1)
    else:
        at = _behind(bits, 16 + 8 + 96, 2)  # header, ids, profile; then id and chroma format
        size = _exp_golomb(HUGE_PX)
    bits = bits[:at] + size * 2 + bits[_behind(bits, at, 2) :]
    bits += "0" * (-len(bits) % 8)
    plain = bytes(int(bits[n : n + 8], 2) for n in range(0, len(bits), 8))
    return _protected(plain)


def _poc_type(bits: str) -> int:
    return _number(bits, _behind(bits, 32, 2))


def _behind(bits: str, at: int, count: int) -> int:
    """Where it goes on after so many Exp-Golomb numbers."""
    for _ in range(count):
        at += 2 * (bits.index("1", at) - at) + 1
    return at


def _number(bits: str, at: int) -> int:
    zeros = bits.index("1", at) - at
    return int(bits[at + zeros : at + 2 * zeros + 1], 2) - 1


def _exp_golomb(value: int) -> str:
    plain = f"{value + 1:b}"
    return "0" * (len(plain) - 1) + plain


def _protected(nal: bytes) -> bytes:
    """With emulation prevention bytes: no start code may appear inside."""
    out = bytearray()
    for byte in nal:
        if out[-2:] == b"\0\0" and byte <= 3:
            out.append(3)
        out.append(byte)
    return bytes(out)
