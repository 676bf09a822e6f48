"""H.264 and H.265 parameter sets in Annex B data: what a decoder must know before the first picture.

Cameras send them in the SDP, before every keyframe, or both; and they change when somebody changes the resolution.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import av

from capture_service.decoders import video_decoder
from capture_service.packets import Packet, VideoFormat

_START_CODE = re.compile(rb"\x00\x00\x01")
_SETS = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}
_FIRST_SLICE = {"h264": range(1, 6), "hevc": range(32)}
# A video parameter set of H.265, alone or at the head of an aggregation packet of RTP.
_HEVC_HEADS = (b"\x00\x00\x01\x40\x01", b"\x00\x00\x01\x60\x01")
_SPS = {"h264": 7, "hevc": 33}


def nal_type(codec: str, nal: bytes) -> int:
    """The type in a NAL unit's header."""
    return nal[0] & 0x1F if codec == "h264" else (nal[0] >> 1) & 0x3F


def parameter_sets(codec: str, data: bytes) -> tuple[bytes, ...]:
    """The parameter sets of an access unit or of extradata, each once, sorted; empty unless an SPS is among them.

    Only what stands before the first slice is read, so that big keyframes cost nothing.
    """
    found = set()
    for nal in _heads(codec, data):
        if nal_type(codec, nal) in _SETS[codec]:
            found.add(nal)
    return tuple(sorted(found)) if any(nal_type(codec, nal) == _SPS[codec] for nal in found) else ()


def is_hevc_in_h264(codec: str, data: bytes) -> bool:
    """Whether a stream that is to be `codec` has become H.265, as when somebody changes a camera's settings.

    What precedes each of its keyframes reads in H.264 as a NAL unit of type 0, which no encoder makes.
    """
    return codec == "h264" and any(head in data for head in _HEVC_HEADS)


def annex_b(sets: tuple[bytes, ...]) -> bytes:
    """Parameter sets as a stream carries them."""
    return b"".join(b"\0\0\0\1" + nal for nal in sets)


def _heads(codec: str, data: bytes) -> Iterator[bytes]:
    start = None
    for found in _START_CODE.finditer(data):
        if start is not None:
            nal = data[start : found.start()].rstrip(b"\0")
            if nal:
                yield nal
        start = found.end()
        if start < len(data) and nal_type(codec, data[start : start + 1]) in _FIRST_SLICE[codec]:
            return
    if start is not None and data[start:].rstrip(b"\0"):
        yield data[start:].rstrip(b"\0")


class FormatWatch:
    """Notices when the stream's parameter sets change, and so perhaps its resolution."""

    def __init__(self, video: VideoFormat) -> None:
        self.current = video
        self._known = parameter_sets(video.codec, video.extradata) if video.codec in _SETS else ()

    def look(self, packet: Packet) -> bool:
        """Whether this keyframe begins another format; `current` is that format then.

        A keyframe without parameter sets continues what was.
        """
        if not packet.is_keyframe or self.current.codec not in _SETS:
            return False
        in_band = parameter_sets(self.current.codec, packet.data)
        sets = in_band or self._known
        # A camera that sent no picture while it was opened has no size yet, and MP4 takes no stream without one.
        if sets == self._known and self.current.width:
            return False
        keyframe = packet.data if in_band else annex_b(sets) + packet.data
        size = _frame_size(self.current.codec, keyframe)
        if size is None:  # noise looks like parameter sets now and then; the next keyframe tells
            return False
        known, self._known = self._known, sets
        width, height = size
        same_size = (width, height) == (self.current.width, self.current.height)
        self.current = replace(self.current, width=width, height=height, extradata=annex_b(sets))
        # The first sets seen in the stream may merely say more than the SDP did.
        return bool(known) or not same_size


def _frame_size(codec: str, keyframe: bytes) -> tuple[int, int] | None:
    """Decode one keyframe to see how large it is. None if it cannot be decoded."""
    decoder = video_decoder(codec)
    try:
        frames = decoder.decode(av.Packet(keyframe)) + decoder.decode(None)
    except av.FFmpegError:
        return None
    return (frames[0].width, frames[0].height) if frames else None
