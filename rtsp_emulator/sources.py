"""From CAMERA=SOURCE to clips in memory."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from rtsp_emulator.clips import Clip, load_clip
from rtsp_emulator.conversion import convert
from rtsp_emulator.errors import NotCarriedError, SourceError
from rtsp_emulator.faults import Fault

log = logging.getLogger(__name__)

DEMO = "demo"
CLIP_SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".ts", ".gif", ".h264", ".h265", ".hevc"}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class CameraSource:
    """What one camera is made of."""

    camera: str
    paths: tuple[Path, ...]  # played one after the other
    other: Path | None = None  # what a change of resolution or codec switches to; None: a copy is made


@dataclass(frozen=True, slots=True)
class PreparedCamera:
    """A camera's clips, loaded."""

    source: CameraSource
    clips: tuple[Clip, ...]


def parse_source(text: str, *, folder_as_cameras: bool, work_folder: Path) -> list[CameraSource]:
    """The cameras of one CAMERA=SOURCE. The demo scene is made in the work folder. Raises SourceError."""
    camera, equals, source = text.partition("=")
    if not equals or not source or not _NAME.fullmatch(camera):
        raise SourceError(
            f"{text!r} is not CAMERA=SOURCE. Write for example front-door=clip.mp4; camera names are of a-z 0-9 -."
        )
    if source == DEMO:
        return [CameraSource(camera, (_demo_scene(work_folder),))]
    if Path(source).is_dir():
        clips = _clips_in(Path(source))
        if folder_as_cameras:
            return [CameraSource(f"{camera}-{_slug(path.stem)}", (path,)) for path in clips]
        return [CameraSource(camera, tuple(clips))]
    path, *others = [Path(part) for part in ([source] if Path(source).is_file() else source.split(","))]
    for each in [path, *others]:
        if not each.is_file():
            raise SourceError(f"Camera {camera!r}: there is no file or folder {each}. Give one, or the word {DEMO}.")
    return [CameraSource(camera, (path,), others[0] if others else None)]


def _demo_scene(work_folder: Path) -> Path:
    from rtsp_emulator.demo_scene import make_demo_scene

    log.info("making the demo scene")
    return make_demo_scene(work_folder / "demo.mp4")


def _clips_in(folder: Path) -> list[Path]:
    clips = sorted(path for path in folder.iterdir() if path.suffix.lower() in CLIP_SUFFIXES)
    if not clips:
        raise SourceError(f"Folder {folder} holds no clip ({', '.join(sorted(CLIP_SUFFIXES))}). Put some there.")
    return clips


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "clip"


@contextmanager
def work_folder(given: Path | None) -> Iterator[Path]:
    """The folder for clips that are made: the one given, created if need be and kept, else one that goes away."""
    if given:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with TemporaryDirectory(prefix="rtsp-emulator-") as temporary:
        yield Path(temporary)


class ClipStore:
    """Loads clips, converting in the work folder what RTP cannot carry; each file is converted at most once."""

    def __init__(self, work_folder: Path) -> None:
        self._work_folder, self._loaded = work_folder, dict[Path, Clip]()
        self._stop = Event()

    def stop(self) -> None:
        """Interrupt a conversion that is going on in another thread."""
        self._stop.set()

    def prepare(self, source: CameraSource) -> PreparedCamera:
        """Load all clips of a camera; those that its first clip's clients could not decode are left out."""
        first, *rest = [self.load(path) for path in source.paths]
        clips = [first]
        for clip in rest:
            if clip.video.payload == first.video.payload:
                clips.append(clip)
            else:
                log.warning(
                    "camera %s leaves out %s: its codec is not that of %s", source.camera, clip.path, first.path
                )
        return PreparedCamera(source, tuple(clips))

    def other_clip(self, prepared: PreparedCamera, fault: Fault) -> Clip:
        """The clip that a fault switches to, by default made of the first. Raises SourceError."""
        if fault is Fault.CHANGE_CODEC:
            return self._clip_in_the_other_codec(prepared)
        return self._clip_in_another_size(prepared)

    def _clip_in_the_other_codec(self, prepared: PreparedCamera) -> Clip:
        first = prepared.clips[0]
        codec = "h264" if first.video.codec == "hevc" else "hevc"
        given = self.load(prepared.source.other) if prepared.source.other else None
        if given is not None and given.video.codec == codec:
            return given
        return load_clip(self._once(first.path, codec, lambda part: self._convert(first.path, part, codec)))

    def _clip_in_another_size(self, prepared: PreparedCamera) -> Clip:
        first = prepared.clips[0]
        if prepared.source.other:
            other = self.load(prepared.source.other)
            if other.video.payload != first.video.payload:
                raise SourceError(
                    f"Camera {prepared.source.camera!r} sends {first.video.codec}, {other.path} is another codec."
                )
            return other
        half = Fraction(1, 2)
        return load_clip(
            self._once(first.path, "half", lambda part: self._convert(first.path, part, first.video.codec, scale=half))
        )

    def load(self, path: Path) -> Clip:
        """The clip in memory. Raises SourceError."""
        if path not in self._loaded:
            self._loaded[path] = self._load(path)
        return self._loaded[path]

    def _load(self, path: Path) -> Clip:
        try:
            return load_clip(path)
        except NotCarriedError as error:
            log.info("converting %s to H.264 once: %s", path, error)
            keep_video = error.video_is_fine
            return load_clip(self._once(path, "h264", lambda part: self._convert(path, part, keep_video=keep_video)))

    def _convert(
        self, path: Path, part: Path, codec: str = "h264", *, keep_video: bool = False, scale: Fraction = Fraction(1)
    ) -> None:
        convert(path, part, codec=codec, keep_video=keep_video, scale=scale, stopped=self._stop.is_set)

    def _once(self, path: Path, purpose: str, make: Callable[[Path], None]) -> Path:
        """The made clip of this file as it is now; kept for the next start if the work folder is."""
        facts = path.stat()
        key = sha256(f"{path.resolve()} {facts.st_mtime_ns} {facts.st_size}".encode()).hexdigest()[:12]
        made = self._work_folder / f"{_slug(path.stem)}-{purpose}-{key}.mp4"
        if not made.exists():
            part = made.with_suffix(".part")
            make(part)
            part.replace(made)
        return made


def prepare_all(store: ClipStore, sources: Sequence[CameraSource]) -> list[PreparedCamera]:
    """Every camera's clips. Raises SourceError, also for a camera named twice."""
    names = [source.camera for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(f"Camera {', '.join(twice)} is given twice. Give each camera its own name.")
    return [store.prepare(source) for source in sources]
