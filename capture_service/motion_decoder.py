"""Packets in, frames and their brightness out: the one place of motion detection that knows how to decode."""

import logging
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from capture_service.decoders import video_decoder
from capture_service.packets import Packet, VideoFormat

log = logging.getLogger(__name__)

# Formats whose first plane is the brightness, one byte a pixel. Others (10 bit) are converted.
PLANAR_8_BIT = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray"})


class LumaDecoder:
    """Decodes one stream. After a damaged packet it says so once and goes on at the next keyframe."""

    def __init__(self, camera: str, video_format: VideoFormat) -> None:
        """Raises ValueError for a codec that cannot be decoded."""
        self._camera, self._format = camera, video_format
        self._context = video_decoder(video_format.codec, video_format.extradata)
        self._time_base = video_format.time_base
        self._waiting_for_keyframe = True
        self._told = False

    def frames(self, packet: Packet) -> Iterator[VideoFrame]:
        """The frames that this packet completes, in the order of showing; often none, with B-frames."""
        if self._waiting_for_keyframe and not packet.is_keyframe:
            return
        self._waiting_for_keyframe = False
        self._time_base = packet.time_base
        try:
            decoded = self._context.decode(_raw(packet))
        except av.FFmpegError as error:
            self._resume_at_keyframe(error)
            return
        # A frame that FFmpeg patched up from missing parts would look like motion.
        yield from (frame for frame in decoded if not frame.is_corrupt)

    def rest(self) -> Iterator[VideoFrame]:
        """The frames that the decoder still keeps; what follows must begin with a keyframe."""
        try:
            decoded = [] if self._waiting_for_keyframe else self._context.decode(None)
        except av.FFmpegError:
            decoded = []  # damage at the very end: the next packets tell whether there is more
        self.skip_to_keyframe()
        for frame in decoded:
            frame.time_base = self._time_base  # PyAV knows it from a packet only
            if not frame.is_corrupt:
                yield frame

    def keyframe_alone(self, packet: Packet) -> VideoFrame | None:
        """The frame of a keyframe that needs no other, None if there is none: damage, or a keyframe in name only."""
        self.skip_to_keyframe()
        frames = [*self.frames(packet), *self.rest()]
        # With intra refresh, keyframes are points to begin at, from which the picture becomes whole bit by bit.
        return frames[0] if len(frames) == 1 and frames[0].pict_type == PictureType.I else None

    def skip_to_keyframe(self) -> None:
        """Packets were left out: what follows cannot be decoded before the next keyframe."""
        self._context.flush_buffers()
        self._waiting_for_keyframe = True

    def _resume_at_keyframe(self, error: av.FFmpegError) -> None:
        level = logging.DEBUG if self._told else logging.WARNING
        self._told = True
        log.log(
            level,
            "camera %s: motion detection cannot decode a %s packet (%s) and goes on at the next keyframe; "
            "recording is not affected",
            self._camera,
            self._format.codec,
            error,
        )
        self.skip_to_keyframe()


def _raw(packet: Packet) -> "av.Packet[Any]":
    raw = av.Packet(packet.data)
    raw.pts, raw.dts, raw.time_base = packet.pts, packet.dts, packet.time_base
    return raw


def luma_of(frame: VideoFrame) -> NDArray[np.uint8]:
    """The Y plane, height x width, without a copy where the format allows it: valid as long as the frame."""
    if frame.format.name not in PLANAR_8_BIT:
        return frame.to_ndarray(format="gray").astype(np.uint8, copy=False)
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8, count=plane.line_size * plane.height)
    luma: NDArray[np.uint8] = rows.reshape(plane.height, plane.line_size)[:, : plane.width]
    return luma
