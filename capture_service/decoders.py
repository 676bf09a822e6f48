"""Decoders for what a camera sends, which may be noise or worse."""

import av
from av.video.codeccontext import VideoCodecContext

from shared_utils.segments import MOST_FRAME_PX

# A few bytes of noise in a parameter set may claim a frame of gigabytes.
DECODER_LIMITS = {"max_pixels": str(MOST_FRAME_PX)}


def video_decoder(codec: str, extradata: bytes = b"") -> VideoCodecContext:
    """A decoder of one thread. Raises ValueError for what is no video codec."""
    context = av.CodecContext.create(codec, "r")
    if not isinstance(context, VideoCodecContext):
        raise ValueError(f"{codec!r} is no video codec")  # noqa: TRY004  as PyAV says of an unknown one
    # Frame threads cost more CPU, delay every frame and can hang at exit (seen with PyAV 18).
    context.thread_type = "NONE"
    context.thread_count = 1
    context.options = dict(DECODER_LIMITS)
    if extradata:
        context.extradata = extradata
    return context
