"""The shape of the configuration: every key with its bounds, default and meaning."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator

from shared_utils.config.addresses import redis_address, rtsp_address
from shared_utils.segments import CAMERA_NAME, VideoDir
from shared_utils.tasks import FACE_QUEUE, PRIVACY_QUEUE, VIDEO_QUEUE

CameraName = Annotated[str, StringConstraints(pattern=rf"^{CAMERA_NAME}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Polygon = Annotated[tuple[tuple[Fraction, Fraction], ...], Field(min_length=3)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, nothing changes while running."""

    # Inputs are hidden in errors because some of them are passwords; load.py words the messages.
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class MotionConfig(Section):
    """What counts as motion."""

    min_area: float = Field(
        default=0.002, gt=0, le=1, description="Smallest moving part of the picture that counts, as a fraction of it."
    )
    threshold: int = Field(
        default=18,
        ge=3,
        le=255,
        description="How much brighter or darker a pixel must become to count as changed; "
        "less is enough in the dark, more is needed where the picture is noisy.",
    )
    looks_per_second: float = Field(default=5, gt=0, le=30, description="How often motion is looked for.")
    idle: bool = Field(
        default=True,
        description="Decode keyframes alone after a quiet minute, where they come every 2 s or more often: "
        "saves most of the work while nothing moves.",
    )
    masks: tuple[Polygon, ...] = Field(
        default=(),
        description="Areas where motion is ignored: polygons of [x, y] corners, each 0 to 1 from the top left.",
    )


class CameraConfig(Section):
    """One camera."""

    url: SecretStr = Field(description="RTSP address of the main stream, which is recorded. Write ${NAME} for secrets.")
    substream_url: None = Field(
        default=None, description="Small stream to look for motion on. Not available yet: leave it out or null."
    )
    source: Literal["ffmpeg"] = Field(default="ffmpeg", description="What reads the stream.")
    transport: Literal["tcp", "udp"] = Field(default="tcp", description="How RTP travels; tcp loses no packets.")
    record: Literal["motion", "continuous", "off"] = Field(default="motion", description="When to record.")
    audio: bool = Field(default=True, description="Keep the sound if the camera sends any.")
    segment_seconds: float = Field(
        default=30, ge=2, le=600, description="Length of a segment; it ends before the next keyframe."
    )
    pre_roll_seconds: float = Field(default=5, ge=0, le=60, description="Video kept from before the motion.")
    post_roll_seconds: float = Field(default=5, ge=0, le=300, description="Video kept from after the motion.")
    pre_roll_max_mb: float = Field(
        default=64, ge=1, le=1024, description="Most memory for the pre-roll; beyond it the pre-roll gets shorter."
    )
    stall_seconds: float = Field(
        default=10, ge=2, le=60, description="Without a video packet for this long, the camera is connected again."
    )
    motion: MotionConfig = Field(default=MotionConfig(), description="What counts as motion.")
    analyses: tuple[Literal["objects", "faces"], ...] = Field(
        default=("objects", "faces"),
        description="Which analyses the segments of this camera get. Those for faces wait until there are weights.",
    )
    privacy: Literal["none", "blur"] = Field(
        default="none", description="blur: nothing that a viewer can open shows an unredacted face."
    )

    @field_validator("url")
    @classmethod
    def _is_rtsp(cls, value: SecretStr) -> SecretStr:
        return SecretStr(rtsp_address(value.get_secret_value()))

    @property
    def queues(self) -> tuple[str, ...]:
        """The task queues that each segment of this camera is pushed to."""
        names = {"objects": VIDEO_QUEUE, "faces": FACE_QUEUE}
        asked = tuple(names[analysis] for analysis in dict.fromkeys(self.analyses))
        return (*asked, PRIVACY_QUEUE) if self.privacy == "blur" else asked


class StorageConfig(Section):
    """How much is kept. The oldest segments go first."""

    max_disk_usage_gb: float = Field(default=100, gt=0, description="Most that all segments together may take.")
    max_age_hours: float = Field(default=720, gt=0, description="Segments older than this are deleted.")
    keep_free_gb: float = Field(default=2, ge=0, description="Free space that is left on the disk in any case.")


class ObjectsConfig(Section):
    """The object worker."""

    model: str = Field(
        default="yolov8n.onnx",
        description="A file in MODELS_DIR (.onnx; .pt with the Ultralytics extra), or 'hog': OpenCV's people detector.",
    )
    device: Literal["cpu", "cuda", "tensorrt"] = Field(
        default="cpu", description="Where the model runs. A GPU that is asked for and missing is an error."
    )
    min_score: float = Field(default=0.25, gt=0, lt=1, description="Least score of a detection.")
    single_frame_score: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="Least score of an object that was seen in one frame only; detectors imagine things for a moment.",
    )
    max_overlap: float = Field(default=0.7, gt=0, le=1, description="IoU above which the weaker box is dropped (NMS).")
    labels: tuple[str, ...] = Field(default=(), description="Only these labels; empty means all that the model knows.")
    frames_per_second: float = Field(default=3, gt=0, le=30, description="How often a moving scene is looked at.")
    max_frames: int = Field(default=60, ge=1, le=1000, description="Most frames looked at in one segment.")
    batch_size: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Images given to the model at once, each with parts of several frames; more than 1 is for GPUs.",
    )
    threads: int = Field(default=0, ge=0, le=64, description="CPU threads of the model; 0 leaves it to the runtime.")


class FacesConfig(Section):
    """The face worker, and the gallery that it matches against."""

    model: str = Field(
        default="buffalo_l",
        description="An InsightFace pack in MODELS_DIR, below insightface/models: buffalo_l, buffalo_s, or your own "
        "folder with a detector (SCRFD) and a recogniser (ArcFace). The gallery keeps each model's faces apart.",
    )
    device: Literal["cpu", "cuda", "tensorrt"] = Field(
        default="cpu", description="Where the models run. A GPU that is asked for and missing is an error."
    )
    detection_size_px: int = Field(
        default=640,
        ge=128,
        le=2048,
        multiple_of=32,
        description="Longest side of the picture that the detector is shown; larger frames are made smaller. "
        "Less is faster, more finds smaller faces.",
    )
    min_score: float = Field(default=0.5, gt=0, lt=1, description="Least score of a face that the detector found.")
    min_face_px: int = Field(
        default=24,
        ge=8,
        le=1000,
        description="Shorter side of the smallest face that is named; smaller ones are not looked at.",
    )
    frames_per_second: float = Field(default=4, gt=0, le=30, description="How often a moving scene is looked at.")
    max_frames: int = Field(default=80, ge=1, le=1000, description="Most frames looked at in one segment.")
    threads: int = Field(default=0, ge=0, le=64, description="CPU threads of the models; 0 leaves it to the runtime.")
    threshold: float = Field(
        default=0.40,
        ge=0,
        le=1,
        description="Least similarity of a face to a person of the gallery. 'vedette faces calibrate' measures "
        "how many strangers each threshold lets in.",
    )
    margin: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="How much more similar the best person must be than the next one; otherwise the face is unknown.",
    )
    best_faces: int = Field(
        default=5, ge=1, le=50, description="Faces of one track that are compared with the gallery: its best ones."
    )
    keep_crops: bool = Field(
        default=True,
        description="Keep the aligned face of each enrolled photo (112x112 pixels) in the gallery, so that people are "
        "known to other weights, too, without their photos. false keeps numbers only.",
    )


class MetricsConfig(Section):
    """Prometheus metrics and health over HTTP, at /metrics and /health."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=0, ge=0, le=65535, description="Port; 0 means off. The containers use 9100.")


class Config(Section):
    """Everything that `vedette.yml` and the environment say."""

    cameras: dict[CameraName, CameraConfig] = Field(
        default={}, description="The cameras, by name: a-z, 0-9, - and _. At least one, unless RTSP_URL is set."
    )
    storage: StorageConfig = Field(default=StorageConfig(), description="How much is kept.")
    objects: ObjectsConfig = Field(default=ObjectsConfig(), description="The object worker.")
    faces: FacesConfig = Field(default=FacesConfig(), description="The face worker.")
    metrics: MetricsConfig = Field(default=MetricsConfig(), description="Prometheus metrics and health.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description="Redis with the task queues: redis://:password@host:6379/0. Set by REDIS_URL too.",
    )
    video_dir: Path = Field(
        default=Path("video"), description="Folder of everything recorded. Set by VIDEO_DIR and --video-dir too."
    )
    models_dir: Path = Field(default=Path("models"), description="Folder of the weights. Set by MODELS_DIR too.")
    state_dir: Path | None = Field(
        default=None,
        description="Folder for databases, on a local disk; null: state/ below video_dir. Set by STATE_DIR too.",
    )

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr) -> SecretStr:
        return SecretStr(redis_address(value.get_secret_value()))

    @field_validator("video_dir", "models_dir", "state_dir")
    @classmethod
    def _knows_home(cls, value: Path | None) -> Path | None:
        try:
            return value and value.expanduser()
        except RuntimeError as error:
            raise ValueError("a path of a home folder that exists (write ./~name for a folder of that name)") from error

    @property
    def video(self) -> VideoDir:
        return VideoDir(self.video_dir)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret in the configuration, to be masked in whatever is written."""
        return (self.redis_url.get_secret_value(), *(c.url.get_secret_value() for c in self.cameras.values()))
