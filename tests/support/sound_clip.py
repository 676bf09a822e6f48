"""Clips with the sound codecs that cameras use, and with one that they do not (MP3)."""

from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream

from tests.support.clips import make_clip


def make_clip_with_sound(path: Path, codec: str, sample_rate: int, *, seconds: int = 2) -> Path:
    """A clip with a tone in this codec (container by suffix); its picture is that of `make_clip`, not re-encoded."""
    plain = make_clip(path.with_name(f"{path.stem}-plain.mp4"), seconds=seconds)
    with av.open(str(plain)) as reading, av.open(str(path), "w") as writing:
        picture = writing.add_stream_from_template(reading.streams.video[0])
        sound = writing.add_stream(codec, rate=sample_rate, layout="mono")
        assert isinstance(sound, AudioStream)
        for packet in reading.demux(video=0):
            if packet.size:
                packet.stream = picture
                writing.mux(packet)
        samples = np.sin(2 * np.pi * 440 * np.arange(seconds * sample_rate) / sample_rate) * 8000
        tone = av.AudioFrame.from_ndarray(samples.astype(np.int16)[None, :], format="s16", layout="mono")
        tone.sample_rate, tone.pts = sample_rate, 0
        frame_size = sound.frame_size or sample_rate // 50
        blocks = av.AudioResampler(format=sound.format.name, layout="mono", rate=sample_rate, frame_size=frame_size)
        for block in [*blocks.resample(tone), *blocks.resample(None)]:
            writing.mux(sound.encode(block))
        writing.mux(sound.encode(None))
    return path
