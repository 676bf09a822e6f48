"""H.264 and H.265 access units as NAL units: reading the parameter sets, and making every keyframe carry them."""

import re
from collections.abc import Iterable, Sequence

# The kinds of NAL unit that hold parameter sets, in the order a decoder wants them.
PARAMETER_SET_TYPES = {"h264": (7, 8), "hevc": (32, 33, 34)}
START_CODE = b"\x00\x00\x00\x01"
_ANY_START_CODE = re.compile(rb"\x00\x00\x01")


def nal_type(codec: str, unit: bytes) -> int:
    """The type in the first byte of a NAL unit; `codec` is h264 or hevc."""
    return unit[0] & 0x1F if codec == "h264" else (unit[0] >> 1) & 0x3F


def split_annex_b(data: bytes) -> list[bytes]:
    """The NAL units between start codes, without them and without trailing zeros."""
    starts = [match.end() for match in _ANY_START_CODE.finditer(data)]
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    units = [data[start:end].rstrip(b"\x00") for start, end in zip(starts, ends, strict=True)]
    return [unit for unit in units if unit]


def split_length_prefixed(data: bytes, length_bytes: int) -> list[bytes]:
    """The NAL units of an MP4 or Matroska sample. Raises ValueError if a length leads outside the sample."""
    units, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        if at + length > len(data):
            raise ValueError(f"a NAL unit of {length} bytes does not fit into the {len(data) - at} that are left")
        if length:
            units.append(data[at : at + length])
        at += length
    return units


def join_annex_b(units: Iterable[bytes]) -> bytes:
    """NAL units as one byte stream, each behind a start code."""
    return b"".join(START_CODE + unit for unit in units)


def length_bytes_of(codec: str, extradata: bytes) -> int | None:
    """How many bytes the lengths of NAL units take in this stream; None if it uses start codes."""
    if len(extradata) < 7 or extradata[0] != 1:
        return None
    return (extradata[4 if codec == "h264" else 21] & 3) + 1


def parameter_sets_of(codec: str, extradata: bytes) -> tuple[bytes, ...]:
    """The parameter sets of a stream header (avcC, hvcC or start codes), in decoding order. Empty if it has none."""
    if length_bytes_of(codec, extradata) is None:
        units = split_annex_b(extradata)
    elif codec == "h264":
        units = _units_of_avcc(extradata)
    else:
        units = _units_of_hvcc(extradata)
    return ordered_parameter_sets(codec, units)


def ordered_parameter_sets(codec: str, units: Sequence[bytes]) -> tuple[bytes, ...]:
    """Only the parameter sets among the units, each once."""
    wanted = PARAMETER_SET_TYPES[codec]
    found = dict.fromkeys(unit for unit in units if nal_type(codec, unit) in wanted)
    return tuple(sorted(found, key=lambda unit: wanted.index(nal_type(codec, unit))))


def with_parameter_sets(codec: str, units: Sequence[bytes], parameter_sets: Sequence[bytes]) -> list[bytes]:
    """A keyframe that a client can begin with: its parameter sets come first unless it has its own."""
    own = ordered_parameter_sets(codec, units)
    if own:
        return list(units)
    delimiter = 9 if codec == "h264" else 35
    head = [unit for unit in units[:1] if nal_type(codec, unit) == delimiter]
    return [*head, *parameter_sets, *units[len(head) :]]


def _units_of_avcc(extradata: bytes) -> list[bytes]:
    units, at = [], 5
    for mask in (0x1F, 0xFF):
        if at >= len(extradata):
            break
        count, at = extradata[at] & mask, at + 1
        for _ in range(count):
            unit, at = _sized_unit(extradata, at)
            units.append(unit)
    return units


def _units_of_hvcc(extradata: bytes) -> list[bytes]:
    units, at = [], 23
    arrays = extradata[22] if len(extradata) > 22 else 0
    for _ in range(arrays):
        count, at = int.from_bytes(extradata[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            unit, at = _sized_unit(extradata, at)
            units.append(unit)
    return units


def _sized_unit(extradata: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(extradata[at : at + 2], "big")
    unit = extradata[at + 2 : at + 2 + length]
    if not unit or len(unit) < length:
        raise ValueError("the stream header is cut short within a parameter set")
    return unit, at + 2 + length
