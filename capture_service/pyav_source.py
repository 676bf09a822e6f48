"""RTSP through PyAV (FFmpeg). Options and faults as measured; see docs/design/recording.md."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.video.stream import VideoStream

from capture_service.decoders import DECODER_LIMITS
from capture_service.errors import CameraLostError, CameraUnreachableError, LoginRefusedError
from capture_service.packets import AudioFormat, Received, StreamFormat, VideoFormat
from capture_service.rtsp_failures import explain
from capture_service.segment_writer import mp4_codecs
from shared_utils.clock import Clock
from shared_utils.config.schema import CameraConfig

log = logging.getLogger(__name__)

OPEN_SECONDS = 5.0
RTP_VIDEO_CLOCK = Fraction(1, 90000)
UDP_BUFFER_BYTES = 4 * 1024 * 1024  # a big keyframe comes in one burst


class PyavSource:
    """One RTSP connection. FFmpeg crashes if another thread closes it, so the thread that reads it does."""

    def __init__(self, camera: str, config: CameraConfig, clock: Clock) -> None:
        self._camera, self._config, self._clock = camera, config, clock
        self._url = config.url.get_secret_value()
        self._container: InputContainer | None = None
        self._streams: list[VideoStream | AudioStream] = []

    def open(self) -> StreamFormat:
        """Raises CameraUnreachableError."""
        began = self._clock.monotonic()
        try:
            # FFmpeg hands out the frame it holds when the time is up first, and fails when it is up again:
            # a stall shows after twice the read time.
            container = av.open(
                self._url, options=rtsp_options(self._config), timeout=(OPEN_SECONDS, self._config.stall_seconds / 2)
            )
        except (av.FFmpegError, OSError) as error:
            failure = explain(error, self._camera, self._url, self._clock.monotonic() - began, OPEN_SECONDS)
            unreachable = LoginRefusedError if failure.is_refused_login else CameraUnreachableError
            raise unreachable(self._camera, self._url, failure.reason, failure.advice) from error
        self._container = container
        if not container.streams.video:
            raise CameraUnreachableError(
                self._camera, self._url, "it sends no video", f"Check the path in cameras.{self._camera}.url."
            )
        return self._format(container)

    def packets(self) -> Iterator[Received]:
        """Raises CameraLostError when the camera stalls or the connection breaks."""
        if self._container is None:
            return
        try:
            for packet in self._container.demux(self._streams):
                if packet.size:  # the empty one at the end only flushes decoders
                    yield self._received(packet)
        except (av.FFmpegError, OSError) as error:
            raise CameraLostError(self._camera, "it stopped sending") from error

    def close(self) -> None:
        container, self._container = self._container, None
        self._streams = []
        if container is not None:
            container.close()

    def _format(self, container: InputContainer) -> StreamFormat:
        video = container.streams.video[0]
        audio = self._usable_audio(container)
        self._streams = [video, audio] if audio else [video]
        context = video.codec_context
        return StreamFormat(
            video=VideoFormat(
                codec=context.name,
                width=context.width,
                height=context.height,
                fps=float(video.average_rate or 0),
                time_base=video.time_base or RTP_VIDEO_CLOCK,
                extradata=bytes(context.extradata or b""),
            ),
            audio=_audio_format(audio) if audio else None,
            template=video,
        )

    def _usable_audio(self, container: InputContainer) -> AudioStream | None:
        """The first audio stream, if it is wanted and MP4 can carry it as it is."""
        if not self._config.audio or not container.streams.audio:
            return None
        audio = container.streams.audio[0]
        codec = audio.codec_context.name
        if codec not in mp4_codecs():
            log.warning(
                "camera %s: its sound (%s) cannot be put into MP4, so video alone is recorded. "
                "Set the camera to AAC to have sound.", self._camera, codec,
            )  # fmt: skip
            return None
        if codec == "aac" and not audio.codec_context.extradata:
            log.warning("camera %s: its sound is not described in its SDP; video alone is recorded", self._camera)
            return None
        return audio

    def _received(self, packet: "av.Packet[Any]") -> Received:
        return Received(
            kind="video" if packet.stream.type == "video" else "audio",
            data=bytes(packet),
            pts=packet.pts,
            dts=packet.dts,
            duration=packet.duration or 0,
            time_base=packet.time_base,
            is_keyframe=packet.is_keyframe,
            arrived=self._clock.monotonic(),
        )


def rtsp_options(config: CameraConfig) -> dict[str, str]:
    """What FFmpeg is told when it opens a camera."""
    # fpsprobesize=0 opens in 0.5 s instead of 1.9 s. No fflags=nobuffer: it throws the first keyframe away.
    options = {"rtsp_transport": config.transport, "fpsprobesize": "0", **DECODER_LIMITS}
    if config.transport == "udp":
        options["buffer_size"] = str(UDP_BUFFER_BYTES)
    return options


def _audio_format(audio: AudioStream) -> AudioFormat:
    context = audio.codec_context
    return AudioFormat(
        codec=context.name,
        sample_rate=context.sample_rate,
        channels=context.layout.nb_channels,
        time_base=audio.time_base or Fraction(1, context.sample_rate),
        extradata=bytes(context.extradata or b""),
        template=audio,
    )
