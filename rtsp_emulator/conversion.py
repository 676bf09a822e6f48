"""Turning any clip that FFmpeg can decode into H.264 and AAC, once, so that it can be streamed like the others."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.frame import Frame
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from rtsp_emulator.clips import VIDEO_CLOCK_RATE, AnyPacket, is_carried, streams_of
from rtsp_emulator.errors import InterruptedConversionError, SourceError

KEYFRAME_SECONDS = 2
USUAL_FPS = 25
AAC_RATES = {16_000, 22_050, 24_000, 32_000, 44_100, 48_000}
Sink = Callable[["AnyPacket | None"], None]


def convert(
    source: Path,
    target: Path,
    *,
    keep_video: bool = False,
    codec: str = "h264",
    scale: Fraction = Fraction(1),
    stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """Write the clip as MP4 with its own frame times, and return `target`.

    With `keep_video` the video packets are copied and only the sound is converted. Raises SourceError if the clip
    cannot be decoded and InterruptedConversionError as soon as `stopped()` is true.
    """
    try:
        with av.open(str(source)) as reading, av.open(str(target), "w", format="mp4") as writing:
            _convert(reading, writing, source, keep_video=keep_video, codec=codec, scale=scale, stopped=stopped)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"Clip {source} cannot be converted: {error}. Give another file.") from error
    return target


def _convert(
    reading: InputContainer,
    writing: OutputContainer,
    source: Path,
    *,
    keep_video: bool,
    codec: str,
    scale: Fraction,
    stopped: Callable[[], bool],
) -> None:
    video, audio = streams_of(reading, source)
    sinks: dict[Stream, Sink] = {}
    sinks[video] = _copy(video, writing) if keep_video else _encode_video(video, writing, codec, scale)
    if audio:
        sinks[audio] = _copy(audio, writing) if is_carried(audio) else _encode_audio(audio, writing)
    for packet in reading.demux(*sinks):
        if stopped():
            raise InterruptedConversionError(f"converting {source} was interrupted")
        sinks[packet.stream](packet)
    for sink in sinks.values():
        sink(None)


def _copy(stream: VideoStream | AudioStream, writing: OutputContainer) -> Sink:
    copied = writing.add_stream_from_template(stream)

    def sink(packet: "AnyPacket | None") -> None:
        if packet and packet.dts is not None:
            packet.stream = copied
            writing.mux(packet)

    return sink


def _encode_video(stream: VideoStream, writing: OutputContainer, codec: str, scale: Fraction) -> Sink:
    fps = stream.average_rate or stream.guessed_rate or Fraction(USUAL_FPS)
    keyframe_every = str(max(1, round(fps * KEYFRAME_SECONDS)))
    options = {"preset": "veryfast", "crf": "20", "bf": "0", "g": keyframe_every}
    if codec == "hevc":
        options = {"preset": "ultrafast", "x265-params": f"bframes=0:keyint={keyframe_every}:log-level=none"}
    encoder = writing.add_stream({"h264": "libx264", "hevc": "libx265"}[codec], rate=fps, options=options)
    if not isinstance(encoder, VideoStream):
        raise TypeError(f"{codec} is no video codec")
    encoder.width, encoder.height = (_even(side * scale) for side in (stream.width, stream.height))
    encoder.pix_fmt, encoder.codec_context.time_base = "yuv420p", Fraction(1, VIDEO_CLOCK_RATE)

    def sink(packet: "AnyPacket | None") -> None:
        for frame in _decoded(packet):
            if isinstance(frame, VideoFrame):
                fitted = frame.reformat(encoder.width, encoder.height, "yuv420p")
                fitted.pts, fitted.time_base = frame.pts, frame.time_base
                fitted.pict_type = 0  # the encoder, not the source, decides where keyframes are
                writing.mux(encoder.encode(fitted))
        if packet is None:
            writing.mux(encoder.encode(None))

    return sink


def _encode_audio(stream: AudioStream, writing: OutputContainer) -> Sink:
    rate = stream.codec_context.sample_rate if stream.codec_context.sample_rate in AAC_RATES else 16_000
    layout = "mono" if stream.codec_context.layout.nb_channels == 1 else "stereo"
    encoder = writing.add_stream("aac", rate=rate, layout=layout)
    if not isinstance(encoder, AudioStream):
        raise TypeError("AAC is no audio codec")
    resampler = AudioResampler(format="fltp", layout=layout, rate=rate)

    def sink(packet: "AnyPacket | None") -> None:
        for frame in _decoded(packet):
            if isinstance(frame, av.AudioFrame):
                for resampled in resampler.resample(frame):
                    writing.mux(encoder.encode(resampled))
        if packet is None:
            for resampled in resampler.resample(None):
                writing.mux(encoder.encode(resampled))
            writing.mux(encoder.encode(None))

    return sink


def _decoded(packet: "AnyPacket | None") -> list[Frame]:
    """The frames of a packet; the empty packet at the end of a file has been the decoder's flush already."""
    return list(packet.decode()) if packet else []


def _even(side: Fraction) -> int:
    return max(2, round(side / 2) * 2)
