"""Nobody is shown unredacted of a camera with `privacy: blur`."""

from pathlib import Path

from shared_utils.config import Config
from shared_utils.errors import SegmentError, WrongUseError
from shared_utils.segments import parse_segment_id


def require_open(config: Config, what: str) -> None:
    """Raises WrongUseError for such a camera, and for what looks like a segment of it."""
    name = what if what in config.cameras else _camera_of(Path(what))
    camera = config.cameras.get(name)
    if camera is not None and camera.privacy != "none":
        raise WrongUseError(
            f"Camera {name!r} has privacy: {camera.privacy}, so nothing of it may be shown unredacted: "
            "watch a redacted copy, or another camera."
        )


def _camera_of(path: Path) -> str:
    try:
        return parse_segment_id(path.stem)[0]
    except SegmentError:
        return ""
