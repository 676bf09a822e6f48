"""A clip as a camera's memory: every access unit with its times, ready to be sent again and again."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeAlias, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from rtsp_emulator import nal
from rtsp_emulator.errors import NotCarriedError, SourceError

Kind = Literal["video", "audio"]
AnyPacket: TypeAlias = "Packet[Any]"  # generic for the type checker only
CARRIED = {"video": {"h264", "hevc"}, "audio": {"aac", "pcm_mulaw", "pcm_alaw", "opus"}}
# What cameras send; H.264 in 4:4:4 exists in files only, and few decoders take it.
CAMERA_PIXELS = {"yuv420p", "yuvj420p", "yuv420p10le"}
VIDEO_CLOCK_RATE = 90_000


@dataclass(frozen=True, slots=True)
class Track:
    """What a client must know of one stream to decode it."""

    kind: Kind
    codec: str  # FFmpeg's name
    clock_rate: int  # RTP ticks in a second
    config: bytes = b""  # AAC's AudioSpecificConfig
    parameter_sets: tuple[bytes, ...] = ()  # H.264 and H.265
    channels: int = 0
    width: int = 0
    height: int = 0
    fps: float = 0.0

    @property
    def payload(self) -> tuple[object, ...]:
        """What must agree for a client told of one track to decode another; parameter sets travel in the video."""
        return self.kind, self.codec, self.clock_rate, self.channels, self.config


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One compressed picture or block of sound. Times are ticks of its track's RTP clock, from the clip's start."""

    kind: Kind
    dts: int
    pts: int
    starts_at: Fraction  # seconds; the same moment as `dts`, comparable between tracks
    is_keyframe: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that RTP can carry as it is. The first unit is a video keyframe; units are in sending order."""

    path: Path
    tracks: tuple[Track, ...]
    units: tuple[AccessUnit, ...]
    length: Fraction  # seconds of video: where the next round begins

    @property
    def video(self) -> Track:
        return self.tracks[0]

    @property
    def audio(self) -> Track | None:
        return self.tracks[1] if len(self.tracks) > 1 else None


def load_clip(path: Path) -> Clip:
    """Read a whole clip into memory.

    Raises SourceError if there is no video to be had from the file, and NotCarriedError if it has to be converted.
    """
    try:
        with av.open(str(path)) as container:
            return _read(container, path)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"Clip {path} cannot be read: {error}. Give a video file that FFmpeg can open.") from error
    except ValueError as error:
        raise NotCarriedError(f"{path.name} is packed in a way that RTP cannot carry: {error}") from error


def _read(container: InputContainer, path: Path) -> Clip:
    video_stream, audio_stream = streams_of(container, path)
    tracks = [_video_track(video_stream)] + ([_audio_track(audio_stream)] if audio_stream else [])
    packets: dict[Kind, list[AnyPacket]] = {"video": [], "audio": []}
    for packet in container.demux(*(stream for stream in (video_stream, audio_stream) if stream)):
        if packet.size:
            packets[cast(Kind, packet.stream.type)].append(packet)
    pictures = _from_first_keyframe(packets["video"], path)
    length_bytes = nal.length_bytes_of(tracks[0].codec, bytes(video_stream.codec_context.extradata or b""))
    base, length = _seconds(pictures[0].dts, pictures[0]), _video_length(pictures)
    units = [_picture(packet, tracks[0], base, length_bytes) for packet in pictures]
    if audio_stream:
        units += _sounds(packets["audio"], tracks[1], base, length)
    if not tracks[0].parameter_sets:
        tracks[0] = _track_told_by(units, tracks[0])
    # At the same moment the picture goes first, so that a change of clip at a picture leaves no sound behind.
    units.sort(key=lambda unit: (unit.starts_at, unit.kind == "audio"))
    return Clip(path, tuple(tracks), tuple(units), length)


def streams_of(container: InputContainer, path: Path) -> tuple[VideoStream, AudioStream | None]:
    """The streams a camera would send of this file: the first video and, if there is any, the first sound."""
    if not container.streams.video:
        raise SourceError(f"Clip {path} holds no video. Give a file with a picture.")
    return container.streams.video[0], (container.streams.audio[0] if container.streams.audio else None)


def codec_of(stream: VideoStream | AudioStream) -> str:
    """FFmpeg's name of the codec, whichever decoder stands behind it (mp3, not mp3float)."""
    return stream.codec_context.codec.canonical_name


def is_carried(stream: VideoStream | AudioStream) -> bool:
    """Whether RTP can carry this stream as it is in its file."""
    if codec_of(stream) not in CARRIED[stream.type]:
        return False
    if isinstance(stream, VideoStream):
        return stream.codec_context.pix_fmt in CAMERA_PIXELS
    return codec_of(stream) != "aac" or bool(stream.codec_context.extradata)  # ADTS has its header in every frame


def _video_track(stream: VideoStream) -> Track:
    codec, extradata = codec_of(stream), bytes(stream.codec_context.extradata or b"")
    if not is_carried(stream):
        raise NotCarriedError(f"its video is {codec} ({stream.codec_context.pix_fmt})")
    return Track(
        kind="video",
        codec=codec,
        clock_rate=VIDEO_CLOCK_RATE,
        parameter_sets=nal.parameter_sets_of(codec, extradata),
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        fps=float(stream.average_rate or stream.guessed_rate or 0),
    )


def _audio_track(stream: AudioStream) -> Track:
    codec, context = codec_of(stream), stream.codec_context
    if not is_carried(stream):
        raise NotCarriedError(f"its sound is {codec}", video_is_fine=True)
    return Track(
        kind="audio",
        codec=codec,
        clock_rate=48_000 if codec == "opus" else context.sample_rate,  # fixed by RFC 7587
        config=bytes(context.extradata or b"") if codec == "aac" else b"",
        channels=context.layout.nb_channels,
    )


def _seconds(ticks: int | None, packet: AnyPacket) -> Fraction:
    if ticks is None or packet.time_base is None:
        raise NotCarriedError("some of its packets carry no time")
    return ticks * packet.time_base


def _from_first_keyframe(packets: list[AnyPacket], path: Path) -> list[AnyPacket]:
    first = next((number for number, packet in enumerate(packets) if packet.is_keyframe), None)
    if first is None:
        raise SourceError(f"Clip {path} holds no keyframe, so nobody could decode it. Give another file.")
    pictures = packets[first:]
    times = [_seconds(packet.dts, packet) for packet in pictures]
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise NotCarriedError("its times do not grow from packet to packet")
    return pictures


def _video_length(pictures: list[AnyPacket]) -> Fraction:
    """From the first picture to where the next would come: the file's word, else the usual spacing."""
    times = [_seconds(packet.dts, packet) for packet in pictures]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    last = _seconds(pictures[-1].duration or 0, pictures[-1]) or (median(gaps) if gaps else Fraction(1, 25))
    return times[-1] - times[0] + last


def _picture(packet: AnyPacket, track: Track, base: Fraction, length_bytes: int | None) -> AccessUnit:
    data = bytes(packet)
    units = nal.split_annex_b(data) if length_bytes is None else nal.split_length_prefixed(data, length_bytes)
    if packet.is_keyframe:
        units = nal.with_parameter_sets(track.codec, units, track.parameter_sets)
    return _unit(packet, track, base, nal.join_annex_b(units))


def _sounds(packets: Iterable[AnyPacket], track: Track, base: Fraction, length: Fraction) -> list[AccessUnit]:
    """The sound within the length of the video.

    AAC's priming packets (before zero) go, and so does what would overlap the next round: either would make the
    sound's times run backwards at the loop.
    """
    units = [_unit(packet, track, base, bytes(packet)) for packet in packets]
    spacing = Fraction(units[1].dts - units[0].dts, track.clock_rate) if len(units) > 1 else Fraction(0)
    return [unit for unit in units if unit.starts_at >= 0 and unit.starts_at + spacing <= length]


def _unit(packet: AnyPacket, track: Track, base: Fraction, data: bytes) -> AccessUnit:
    dts, pts = (_seconds(ticks, packet) - base for ticks in (packet.dts, packet.pts))
    return AccessUnit(
        kind=track.kind,
        dts=round(dts * track.clock_rate),
        pts=round(pts * track.clock_rate),
        starts_at=dts,
        is_keyframe=packet.is_keyframe,
        data=data,
    )


def _track_told_by(units: list[AccessUnit], track: Track) -> Track:
    """The track with the parameter sets of its first keyframe, where the file's header has none (MPEG-TS)."""
    found = nal.ordered_parameter_sets(track.codec, nal.split_annex_b(units[0].data))
    if not found:
        raise NotCarriedError("it tells its parameter sets nowhere")
    return replace(track, parameter_sets=found)
