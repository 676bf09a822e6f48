"""Of which cameras pictures may be shown to people."""

from dataclasses import dataclass, field
from typing import Self

from shared_utils.config.schema import Config
from shared_utils.errors import SegmentError
from shared_utils.segments import Manifest, parse_segment_id
from shared_utils.tasks import PRIVACY_QUEUE, Task


@dataclass(frozen=True, slots=True)
class Showing:
    """Nothing unredacted of a camera with `privacy: blur` is shown, whether it was or is set so."""

    private_cameras: frozenset[str] = field(default_factory=frozenset)  # privacy: blur
    open_cameras: frozenset[str] = field(default_factory=frozenset)  # privacy: none

    @classmethod
    def of(cls, config: Config) -> Self:
        """What the configuration says."""
        private = frozenset(name for name, camera in config.cameras.items() if camera.privacy != "none")
        return cls(private, frozenset(config.cameras) - private)

    def is_allowed(self, task: Task, manifest: Manifest | None) -> bool:
        """Whether a picture of the task's segment may be made as it is.

        A worker need not know every camera: the manifest says how the segment was recorded. Without one, only a
        camera that is known to be open may be shown.
        """
        try:
            camera, _ = parse_segment_id(task.segment_id)
        except SegmentError:
            return False  # written by hand: there is no place for its pictures
        if camera != task.camera or camera in self.private_cameras:
            return False
        if manifest is None:
            return camera in self.open_cameras
        return PRIVACY_QUEUE not in manifest.tasks
