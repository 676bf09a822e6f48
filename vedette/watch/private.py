"""Nobody is shown unredacted of a camera with `privacy: blur`, whether it is or was set so."""

from pathlib import Path

from shared_utils.config import Config
from shared_utils.errors import SegmentError, WrongUseError
from shared_utils.segments import parse_segment_id, read_manifest
from shared_utils.tasks import PRIVACY_QUEUE


def require_open(config: Config, what: str) -> None:
    """Raises WrongUseError for such a camera, and for what is a segment of it, under another name by a link, too."""
    if what in config.cameras:
        _require_open_camera(config, what)
        return
    for path in _names_of(Path(what)):
        _require_open_camera(config, _camera_of(path))
        if _was_private(config, path):
            raise WrongUseError(
                f"{what} was recorded while its camera had privacy: blur, so nothing of it may be shown unredacted: "
                "watch a redacted copy, or another segment."
            )


def _require_open_camera(config: Config, name: str) -> None:
    camera = config.cameras.get(name)
    if camera is not None and camera.privacy != "none":
        raise WrongUseError(
            f"Camera {name!r} has privacy: {camera.privacy}, so nothing of it may be shown unredacted: "
            "watch a redacted copy, or another camera."
        )


def _names_of(path: Path) -> set[Path]:
    """The path, and where it leads to."""
    try:
        return {path, path.resolve()}
    except (OSError, RuntimeError):
        return {path}  # a loop of links: nobody can watch it


def _camera_of(path: Path) -> str:
    try:
        return parse_segment_id(path.stem)[0]
    except SegmentError:
        return ""


def _was_private(config: Config, path: Path) -> bool:
    """As the manifest of the segment says, which lies beside it or waits in the outbox."""
    name = f"{path.stem}.json"
    for manifest in (path.parent / name, config.video.outbox / name):
        try:
            return PRIVACY_QUEUE in read_manifest(manifest).tasks
        except SegmentError:
            continue  # no segment of ours, or without a manifest
    return False
