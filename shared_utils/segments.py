"""Segments and their manifests: names, contents, and where they lie below `video/`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError, field_validator

from shared_utils.clock import to_iso
from shared_utils.durable import PART_SUFFIX, write_durably
from shared_utils.errors import SegmentError

CAMERA_NAME = r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?"
_SEGMENT_ID = re.compile(rf"(?P<camera>{CAMERA_NAME})-(?P<stamp>[0-9]{{8}}T[0-9]{{9}})Z")

# No camera sends larger frames (8K has 33 million). A damaged or hostile file may claim some, and gigabytes with them.
MOST_FRAME_PX = 8192 * 4608

APPEARANCES_SUFFIX = ".npz"

UtcTime = Annotated[AwareDatetime, PlainSerializer(to_iso, return_type=str, when_used="json")]
BoxPx = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels of the full picture


def segment_id(camera: str, started_at: datetime) -> str:
    """`front-20261120T101500123Z`: sorts by time within a camera, unique to the millisecond.

    Raises ValueError for a naive time: this machine's zone must not decide about names.
    """
    if started_at.tzinfo is None:
        raise ValueError(f"{started_at!r} has no time zone; use an aware time")
    moment = started_at.astimezone(UTC)
    return f"{camera}-{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z"


def parse_segment_id(text: str) -> tuple[str, datetime]:
    """Camera and start of a segment. Raises SegmentError for anything else."""
    found = _SEGMENT_ID.fullmatch(text)
    if found is None:
        raise SegmentError(f"{text!r} is not a segment id; one looks like front-20261120T101500123Z.")
    try:
        started_at = datetime.strptime(found["stamp"] + "000", "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except ValueError as error:
        raise SegmentError(f"Segment id {text!r} names a moment that does not exist: {error}.") from error
    return found["camera"], started_at


class _Contract(BaseModel):
    # A newer Vedette may have added keys: they are kept when a manifest is read and written again.
    # JSON has no infinity: one that was read could not be written again.
    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, allow_inf_nan=False)


class VideoInfo(_Contract):
    """The video stream of a segment, as the camera sent it."""

    codec: str  # FFmpeg's name: h264, hevc
    width: int
    height: int
    fps: float


class MotionLook(_Contract):
    """What one look of the motion detector saw; only looks that saw something are kept."""

    t: float  # seconds from the start of the segment
    area: float  # moving part of the picture, 0 to 1
    boxes: tuple[BoxPx, ...]


class Manifest(_Contract):
    """What is known about a recorded segment. `<segment_id>.json`, beside the segment once its tasks are queued."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    segment_id: str
    camera: str
    event_id: str
    trigger: Literal["motion", "person", "continuous"]
    started_at: UtcTime
    duration_seconds: float = Field(ge=0)
    filename: str  # relative to video/
    size_bytes: int = Field(ge=0, alias="bytes")
    video: VideoInfo
    audio: str | None = None
    motion: tuple[MotionLook, ...] = ()
    tasks: tuple[str, ...] = ()

    @field_validator("segment_id")
    @classmethod
    def _is_a_segment_id(cls, value: str) -> str:
        try:
            parse_segment_id(value)
        except SegmentError as error:
            raise ValueError(str(error)) from error
        return value

    def to_json(self) -> bytes:
        """One readable JSON object, ending in a newline."""
        return self.model_dump_json(by_alias=True, indent=1).encode() + b"\n"


def read_manifest(path: Path) -> Manifest:
    """Raises SegmentError if the file is unreadable or is no manifest."""
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SegmentError(f"The manifest {path} cannot be used: {error}") from error


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Whole and on disk when this returns."""
    write_durably(path, manifest.to_json())


def segment_of_appearances(name: str) -> str | None:
    """The segment that a file below `faces/` is of; None if it is not named as ours are."""
    segment, dot, rest = name.removesuffix(PART_SUFFIX).partition(".")
    if not dot or not rest.endswith(APPEARANCES_SUFFIX) or rest == APPEARANCES_SUFFIX:
        return None
    return segment if _SEGMENT_ID.fullmatch(segment) else None


@dataclass(frozen=True, slots=True)
class VideoDir:
    """The layout of the shared folder. It computes paths and creates nothing."""

    root: Path

    @property
    def segments(self) -> Path:
        return self.root / "segments"

    @property
    def outbox(self) -> Path:
        """Manifests whose tasks are not queued yet."""
        return self.root / "outbox"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def faces(self) -> Path:
        """What the face worker learned of the people in each segment; it goes with the segment."""
        return self.root / "faces"

    @property
    def status(self) -> Path:
        """One small JSON file per running service; for people and `vedette status`, not for logic."""
        return self.root / "status"

    def segment_filename(self, segment: str) -> str:
        """`segments/<camera>/<YYYY-MM-DD>/<segment_id>.mp4`, relative to the root."""
        camera, started_at = parse_segment_id(segment)
        return f"segments/{camera}/{started_at:%Y-%m-%d}/{segment}.mp4"

    def segment(self, segment: str) -> Path:
        return self.root / self.segment_filename(segment)

    def manifest(self, segment: str) -> Path:
        """Where the manifest lies once its tasks are queued."""
        return self.segment(segment).with_suffix(".json")

    def waiting_manifest(self, segment: str) -> Path:
        """Where the manifest lies until its tasks are queued."""
        return self.outbox / f"{segment}.json"

    def snapshot(self, segment: str) -> Path:
        camera, started_at = parse_segment_id(segment)
        return self.snapshots / camera / f"{started_at:%Y-%m-%d}" / f"{segment}.jpg"

    def appearances(self, segment: str, model: str) -> Path:
        """Where the faces of a segment lie as one model of faces sees them."""
        return self.appearances_folder(segment) / f"{segment}.{model}{APPEARANCES_SUFFIX}"

    def appearances_folder(self, segment: str) -> Path:
        camera, started_at = parse_segment_id(segment)
        return self.faces / camera / f"{started_at:%Y-%m-%d}"

    def appearances_of(self, segment: str) -> list[Path]:
        """The appearances of a segment by every model, half-written ones too. Raises OSError."""
        folder = self.appearances_folder(segment)
        return sorted(path for path in folder.glob(f"{segment}.*") if segment_of_appearances(path.name) == segment)

    def resolve(self, filename: str) -> Path:
        """The path of a file named in a task or manifest.

        Raises SegmentError if it leaves the folder, by `..`, an absolute name or a symbolic link.
        """
        name, root = PurePosixPath(filename), self.root.resolve()
        try:
            path = (root / name).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, or a name that no file can have
            raise SegmentError(f"{filename!r} names no file below the video folder {self.root}: {error}.") from error
        if name.is_absolute() or path == root or not path.is_relative_to(root):
            raise SegmentError(
                f"{filename!r} leaves the video folder {self.root}: refused. Tasks name files below it only."
            )
        return path
