"""A corpus of broken segments: a seed gives a file, always the same one, made from clips of our own.

The clips are as Vedette leaves them: finished MP4s, and parts whose capture was killed. Each is damaged in one of the
ways in which disks, power cuts, people and attackers damage files.
"""

import random
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from capture_service.segment_writer import SegmentWriter
from tests.fuzz.huge_picture import with_huge_picture
from tests.support.clips import make_clip
from tests.support.packets import Footage, footage

_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mvex", b"edts", b"udta")
_LIES = (0, 1, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Broken:
    """One damaged file."""

    seed: int
    kind: str  # "<clip>: <damage>"
    data: bytes


class Corpus:
    """Makes the clips once, and any number of damaged files from them."""

    def __init__(self, folder: Path) -> None:
        self._clips = _make_clips(folder)

    def broken(self, seed: int) -> Broken:
        """The file of this seed."""
        rng = random.Random(seed)
        # Huge frames are rare: refusing them takes FFmpeg a second.
        huge = rng.random() < 0.03
        clip = rng.choice(sorted(name for name in self._clips if name.endswith("huge") == huge))
        damage = rng.choice(sorted(DAMAGES))
        other = self._clips[rng.choice(sorted(self._clips))]
        return Broken(seed, f"{clip}: {damage}", DAMAGES[damage](rng, self._clips[clip], other))


def _make_clips(folder: Path) -> Mapping[str, bytes]:
    clips: dict[str, bytes] = {}
    for codec in ("libx264", "libx265"):
        for audio in (False, True):
            name = f"{codec[3:]}{' with sound' if audio else ''}"
            clip = make_clip(
                folder / f"{codec}-{audio}.mp4", codec=codec, audio=audio,
                seconds=2.0, fps=10, width=160, height=90, b_frames=0 if audio else 2, moving=[(0.5, 1.5)],
            )  # fmt: skip
            film = footage(clip)
            clips |= {f"{name}, finished": _written(film, folder, cut=False)}
            clips |= {f"{name}, cut off": _written(film, folder, cut=True)}
            film.container.close()
        plain = footage(folder / f"{codec}-True.mp4")
        clips |= {f"{codec[3:]}, huge": _written(with_huge_picture(plain), folder, cut=False)}
        plain.container.close()
    return clips


def _written(film: Footage, folder: Path, *, cut: bool) -> bytes:
    """A segment as capture writes it, or as it leaves it when it is killed."""
    path = folder / "written.mp4"
    writer = SegmentWriter(path, film.stream, next(packet for packet in film.packets if packet.kind == "video"))
    writer.open()
    for packet in film.packets:
        writer.write(packet)
    if cut:
        data = path.read_bytes()
        writer.abandon()
        return data
    writer.close()
    return path.read_bytes()


Damage = Callable[[random.Random, bytes, bytes], bytes]


def _flip_bits(rng: random.Random, data: bytes, low: int, high: int) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20, 200))):
        changed[rng.randrange(low, high)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flipped_anywhere(rng: random.Random, data: bytes, _: bytes) -> bytes:
    return _flip_bits(rng, data, 0, len(data))


def flipped_index(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """Within the boxes that say where everything is."""
    at = rng.choice([start for start, _, kind in _boxes(data) if kind in {b"moov", b"moof"}] or [0])
    size = struct.unpack_from(">I", data, at)[0]
    return _flip_bits(rng, data, at, min(at + max(size, 16), len(data)))


def flipped_start(rng: random.Random, data: bytes, _: bytes) -> bytes:
    return _flip_bits(rng, data, 0, min(200, len(data)))


def truncated(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """Anywhere, or just beside a box's beginning."""
    edges = [start + shift for start, _, _ in _boxes(data) for shift in (-1, 0, 1, 4, 8, 9)]
    where = rng.choice((rng.randrange(len(data)), rng.choice(edges), len(data) - rng.randrange(1, 64)))
    return data[: max(where, 0)]


def short(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """Nothing, or hardly more than the header: killed in the first moments."""
    return data[: rng.choice((0, 1, 7, 8, 28, 87, 88, 127, 128, 129, 200, 700))]


def zero_tail(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """A power cut on a filesystem that grows a file before it writes the data."""
    kept = rng.randrange(len(data))
    return data[:kept] + bytes(rng.choice((len(data) - kept, 4096, 100_000)))


def zero_hole(rng: random.Random, data: bytes, _: bytes) -> bytes:
    start = rng.randrange(len(data))
    length = min(rng.choice((16, 512, 4096)), len(data) - start)
    return data[:start] + bytes(length) + data[start + length :]


def repeated_range(rng: random.Random, data: bytes, _: bytes) -> bytes:
    start = rng.randrange(len(data))
    end = min(start + rng.choice((1, 100, 4096, len(data))), len(data))
    return data[:end] + data[start:end] * rng.choice((1, 2, 10)) + data[end:]


def lost_range(rng: random.Random, data: bytes, _: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice((1, 3, 100, 4096)) :]


def boxes_out_of_order(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """Two of the outermost boxes have changed places."""
    outer = _outer_boxes(data)
    if len(outer) < 2:
        return data[::-1]
    one, other = rng.sample(range(len(outer)), 2)
    outer[one], outer[other] = outer[other], outer[one]
    return b"".join(outer)


def lying_size(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """A box says that it is empty, endless, or a little longer or shorter than it is."""
    start, size, _kind = rng.choice(_boxes(data))
    lie = rng.choice((*_LIES, size + 1, size - 1, size * 2, len(data)))
    return data[:start] + struct.pack(">I", lie & 0xFFFFFFFF) + data[start + 4 :]


def lying_long_size(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """The same with sizes of 64 bits."""
    start, _size, kind = rng.choice(_boxes(data))
    lie = rng.choice((0, 1, 15, 16, 2**31, 2**32, 2**62, 2**63, 2**64 - 1))
    return data[:start] + struct.pack(">I", 1) + kind + struct.pack(">Q", lie) + data[start + 8 :]


def lying_count(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """A table claims more entries than there is room for: a claim on memory."""
    tables = [start for start, _, kind in _boxes(data) if kind in _TABLES]
    if not tables:
        return data[: len(data) // 2]
    at = rng.choice(tables) + rng.choice((8, 12, 16, 20, 24))
    return data[:at] + struct.pack(">I", rng.choice(_LIES)) + data[at + 4 :]


def garbage_behind(rng: random.Random, data: bytes, _: bytes) -> bytes:
    return data + rng.randbytes(rng.choice((1, 8, 4096)))


def garbage_before(rng: random.Random, data: bytes, _: bytes) -> bytes:
    return rng.randbytes(rng.choice((1, 8, 4096))) + data


def two_files(_: random.Random, data: bytes, other: bytes) -> bytes:
    return data + other


def spliced(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def untouched(_: random.Random, data: bytes, __: bytes) -> bytes:
    return data


def no_mp4(rng: random.Random, _: bytes, __: bytes) -> bytes:
    """Something else under the name of a segment."""
    return rng.choice((
        rng.randbytes(rng.choice((129, 5000))),
        b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n" * 5,
        b"ffconcat version 1.0\nfile /etc/hostname\n" * 5,
        b"<html>" * 100,
        b"\0" * 100_000,
        b"\0\0\0\1\x67" * 3000,
        b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(300),
        b"\x1a\x45\xdf\xa3" + rng.randbytes(400),
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n" * 2,
        b"G" + bytes(187) + b"G" + bytes(187),
    ))  # fmt: skip


_TABLES = {b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"stss", b"elst", b"trun", b"stsd", b"avcC", b"hvcC", b"tfhd"}
DAMAGES: Mapping[str, Damage] = {
    damage.__name__.replace("_", " "): damage
    for damage in (
        flipped_anywhere, flipped_index, flipped_start, truncated, short, zero_tail, zero_hole, repeated_range,
        lost_range, boxes_out_of_order, lying_size, lying_long_size, lying_count, garbage_behind, garbage_before,
        two_files, spliced, untouched, no_mp4,
    )
}  # fmt: skip


def _boxes(data: bytes, start: int = 0, end: int | None = None) -> list[tuple[int, int, bytes]]:
    """Where each box begins, how long it is, and its kind; those inside others too."""
    found: list[tuple[int, int, bytes]] = []
    at, end = start, len(data) if end is None else end
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            size = end - at
        found.append((at, size, kind))
        if kind in _CONTAINERS:
            found += _boxes(data, at + 8, min(at + size, end))
        at += size
    return found


def _outer_boxes(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at + 8 <= len(data):
        size = max(struct.unpack_from(">I", data, at)[0], 8)
        found.append(data[at : at + size])
        at += size
    return found
