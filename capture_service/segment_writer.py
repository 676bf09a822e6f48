"""Writing packets into one MP4 file, never re-encoded.

The file is a fragmented MP4 while it is written, playable up to its last fragment if we are killed, and becomes an
ordinary MP4 when it is closed. See docs/design/recording.md for what was measured.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.container.output import OutputContainer
from av.video.stream import VideoStream

from capture_service.packets import Packet, StreamFormat
from capture_service.parameter_sets import annex_b, parameter_sets
from capture_service.part_file import PartFile
from shared_utils.errors import StorageError

if TYPE_CHECKING:
    from av.stream import Stream

FRAGMENT_SECONDS = 0.35  # what is lost at most of the file when we are killed, apart from the next two
INTERLEAVE_SECONDS = 0.3  # how long video waits for audio that does not come

MP4_OPTIONS = {
    "movflags": "+frag_keyframe+hybrid_fragmented",
    "frag_duration": str(round(FRAGMENT_SECONDS * 1_000_000)),
    "max_interleave_delta": str(round(INTERLEAVE_SECONDS * 1_000_000)),
    "flush_packets": "1",
}


@cache
def mp4_codecs() -> frozenset[str]:
    """The codecs that this FFmpeg puts into MP4, by FFmpeg's names."""
    with av.open("codecs.mp4", "w") as container:  # nothing is written before the first packet
        return frozenset(container.supported_codecs)


class SegmentWriter:
    """One file in the making. Not for use by two threads at once; any thread may close it."""

    def __init__(self, path: Path, stream: StreamFormat, first: Packet) -> None:
        """`first` is the keyframe that the file begins with: its DTS becomes 0."""
        self.path = path
        self.stream = stream
        self.start = first.dts_seconds
        self.frames = 0
        self.end = self.start
        self._last_frame = self.start
        self._first = first
        self._held: Packet | None = None
        self._video_ticks = 0  # duration of the frame before, for the last one
        self._file: PartFile | None = None
        self._container: OutputContainer | None = None
        self._outputs: dict[str, Stream] = {}

    @property
    def last_frame_seconds(self) -> float:
        """Stream seconds of the frame that is shown last."""
        return self._last_frame

    @property
    def duration_seconds(self) -> float:
        """From the first frame to the end of the last."""
        return self.end - self.start

    @property
    def written_bytes(self) -> int:
        """How much is in the open file."""
        return 0 if self._file is None or self._file.closed else self._file.tell()

    def open(self) -> PartFile:
        """Create the file. Raises StorageError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = PartFile(self.path)
        except OSError as error:
            raise self._storage_error(error) from error
        self._file = file
        container = av.open(file, "w", format="mp4", options=MP4_OPTIONS)
        self._outputs["video"] = self._video_output(container)
        if self.stream.audio is not None:
            self._outputs["audio"] = container.add_stream_from_template(self.stream.audio.template)
        self._container = container
        return file

    def write(self, packet: Packet) -> None:
        """Add a packet. Audio from before the first frame is left out. Raises StorageError."""
        if packet.kind == "audio":
            if "audio" in self._outputs and packet.dts_seconds >= self.start:
                self._mux(packet, packet.duration)
            return
        # One frame is held back, because how long it is shown is known only when the next one comes.
        held, self._held = self._held, packet
        if held is not None:
            self._video_ticks = packet.dts - held.dts
            self._mux(held, self._video_ticks)
        self.frames += 1
        self._last_frame = max(self._last_frame, packet.pts_seconds)
        self.end = packet.dts_seconds + float((packet.duration or self._video_ticks) * packet.time_base)

    def end_at(self, following: Packet) -> None:
        """The frame that the next segment begins with: the last frame of this one is shown until then."""
        if self._held is not None:
            self._video_ticks = following.dts - self._held.dts
            self.end = following.dts_seconds

    def close(self) -> None:
        """Write what is held back and make the file an ordinary MP4. Raises StorageError; the file is kept then."""
        container, self._container = self._container, None
        if container is None:
            return
        held, self._held = self._held, None
        try:
            if held is not None:
                container.mux(self._output_packet(held, self._last_ticks(held)))
            container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._storage_error(error) from error
        finally:
            self._let_go()

    def abandon(self) -> None:
        """After a failed write: let go of the file as it is. What it holds can be salvaged."""
        self._let_go()  # first: PyAV writes the trailer when a container is forgotten, but not into a closed file
        self._container = None

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()

    def _last_ticks(self, packet: Packet) -> int:
        return round((self.end - packet.dts_seconds) / float(packet.time_base)) or self._video_ticks

    def _mux(self, packet: Packet, duration: int) -> None:
        if self._container is None:
            raise StorageError(f"{self.path.name} is closed already.")
        try:
            self._container.mux(self._output_packet(packet, duration))
        except (av.FFmpegError, OSError) as error:
            raise self._storage_error(error) from error

    def _output_packet(self, packet: Packet, duration: int) -> "av.Packet[Any]":
        base = round(self._first.dts * self._first.time_base / packet.time_base)
        output = av.Packet(packet.data)  # muxing changes a packet, so each file gets its own
        output.time_base = packet.time_base
        output.pts, output.dts, output.duration = packet.pts - base, packet.dts - base, duration
        output.is_keyframe = packet.is_keyframe
        output.stream = self._outputs[packet.kind]
        return output

    def _video_output(self, container: OutputContainer) -> VideoStream:
        """The parameters of the connection's stream, but for what has changed since it was opened."""
        video = self.stream.video
        # opaque: with the decoder's context, so that no encoder is asked for
        output = container.add_stream_from_template(self.stream.template, opaque=True)
        context = output.codec_context
        context.width, context.height = video.width, video.height
        if video.codec in {"h264", "hevc"}:
            sets = parameter_sets(video.codec, self._first.data) or parameter_sets(video.codec, video.extradata)
            context.extradata = annex_b(sets) or context.extradata
        if video.codec == "hevc":
            context.codec_tag = "hvc1"  # Apple's players refuse the other one, hev1
        return output

    def _storage_error(self, error: Exception) -> StorageError:
        cause = getattr(error, "strerror", None) or str(error)
        return StorageError(
            f"Segment file {self.path} cannot be written: {cause}. "
            f"Check the free space and the permissions of {self.path.parent}."
        )
