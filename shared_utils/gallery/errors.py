"""What can be wrong with the gallery: the caller's mistake, a damaged file, a disk that is no place for it."""

from pathlib import Path

from shared_utils.errors import PermanentError, StorageError, WrongUseError


class GalleryUseError(WrongUseError):
    """What was asked of the gallery cannot be done: no such person, a name that is taken, an empty photo."""


class UnreadableArraysError(PermanentError):
    """A file of arrays is torn, damaged, of a newer version, or no such file at all."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"{path} cannot be used: {reason}.")
        self.path = path


class SnapshotUnusableError(StorageError):
    """The snapshot of the gallery is damaged, and no earlier one is known."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(
            f"The snapshot of the gallery, {path}, cannot be used: {reason}. It is only a copy: "
            "run 'vedette faces list' on the machine with the gallery, and it is written again."
        )
