"""Footage as a camera would have recorded it: in MP4, with the looks of the motion detector."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream

from shared_utils.analysis.frames import duration_seconds
from shared_utils.analysis.segment_worker import Segment
from shared_utils.segments import MotionLook
from tests.support.motion_clips import looks_at

_MILLISECOND = Fraction(1, 1000)


def existing(path: Path) -> Path:
    """A file that is not part of the repository. Skips the test where it is not there."""
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


def as_mp4(path: Path, folder: Path) -> Path:
    """The clip itself, or a copy of what no camera sends (animated GIF) in H.264, with the same times."""
    if path.suffix != ".gif":
        return path
    copy = folder / f"{path.stem}.mp4"
    with av.open(str(path)) as source, av.open(str(copy), "w") as container:
        given = source.streams.video[0]
        options = {"crf": "18", "preset": "veryfast", "g": "30"}
        stream = container.add_stream("libx264", rate=round(given.average_rate or 12), options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = given.width // 2 * 2, given.height // 2 * 2, "yuv420p"
        stream.codec_context.time_base = _MILLISECOND
        for decoded in source.decode(given):
            frame = decoded.reformat(format="yuv420p", width=stream.width, height=stream.height)
            frame.pts, frame.time_base = round((decoded.time or 0.0) * 1000), _MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return copy


def as_segment(path: Path, folder: Path, most_seconds: float = 30.0) -> Segment:
    """The first half minute of a clip as a segment, with what the manifest would say of its motion."""
    clip = as_mp4(path, folder)
    seen = [look for look in looks_at(clip) if look.moving and look.t < most_seconds]
    looks = tuple(MotionLook(t=round(look.t, 3), area=round(look.area, 5), boxes=look.boxes) for look in seen)
    return Segment(clip, min(duration_seconds(clip), most_seconds), looks)
