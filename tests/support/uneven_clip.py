"""A clip with a variable frame rate, as cameras send that save light or frames."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SPACINGS_SECONDS = (0.1, 0.05, 0.25)


def make_uneven_clip(path: Path) -> Path:
    """Eighteen frames, each as far from the one before as `SPACINGS_SECONDS` says in turn."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "6", "bf": "0", "preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        at = 0
        for number in range(18):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), number * 10, np.uint8), format="bgr24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(frame))
            at += round(SPACINGS_SECONDS[number % 3] * 1000)
        container.mux(stream.encode(None))
    return path
