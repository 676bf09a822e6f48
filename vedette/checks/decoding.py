"""Whether segments can be decoded to their end: the only proof that a video plays, and far too slow for all of them."""

from collections.abc import Iterator
from pathlib import Path

import av

from capture_service.decoders import DECODER_LIMITS
from capture_service.mp4_file import opened, video_of
from capture_service.retention_index import find_segments
from shared_utils.errors import SegmentError
from shared_utils.segments import VideoDir
from vedette.checks.flaws import Flaw, FlawKind


def decode_some(video: VideoDir, number: int) -> Iterator[Flaw]:
    """Decode so many segments, evenly over all that there are."""
    segments = sorted(find_segments(video))
    step = max(len(segments) / number, 1.0) if number else 1.0
    for place in range(min(number, len(segments))):
        path = video.segment(segments[int(place * step)].segment_id)
        if trouble := _trouble_in(path):
            yield Flaw(FlawKind.NOT_PLAYABLE, path, trouble)


def _trouble_in(path: Path) -> str | None:
    frames = 0
    try:
        with opened(path) as container:
            stream = video_of(container)
            stream.codec_context.options = dict(DECODER_LIMITS)
            stream.thread_type = "NONE"
            for packet in container.demux(stream):
                frames += sum(not frame.is_corrupt for frame in packet.decode())
            expected = stream.frames
    except FileNotFoundError:
        return None  # gone by retention
    except SegmentError as error:
        return str(error)
    except (av.FFmpegError, OSError) as error:
        return f"it cannot be decoded: {error.strerror or error}"
    return None if frames and frames >= expected else f"{expected - frames} of {expected} frames cannot be decoded"
