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


class NetworkFilesystemError(WrongUseError):
    """The gallery was to lie where its database would be damaged."""

    def __init__(self, folder: Path, filesystem: str) -> None:
        super().__init__(
            f"The gallery cannot lie in {folder}: that is a network filesystem ({filesystem}), on which databases are "
            "damaged. Set STATE_DIR (state_dir) to a folder on a local disk of the machine where you enrol people; "
            "workers elsewhere need only the video folder."
        )


class NewerGalleryError(WrongUseError):
    """The database was made by a newer Vedette."""

    def __init__(self, path: Path, migration: str) -> None:
        super().__init__(
            f"The gallery {path} was used by a newer Vedette: it has had the change {migration!r}, which this one does "
            "not know. Update Vedette on this machine; the gallery is as it was."
        )


class GalleryDamagedError(PermanentError):
    """The database cannot be used as it is."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(
            f"The gallery {path} is damaged: {reason}. Nothing was changed. Put back a copy of the file, or move it "
            "and its -wal and -shm files away and enrol again; the workers go on with the last snapshot until then."
        )


class GalleryUnavailableError(StorageError):
    """The database cannot be read or written now."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(
            f"The gallery {path} cannot be used now: {reason}. Nothing was changed. Check that its disk has space, "
            "that its folder is writable, and that no other command is at work on it."
        )


class SnapshotNotWrittenError(StorageError):
    """The gallery is as it should be, and the workers do not know it yet."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(
            f"The gallery is saved, but its snapshot {path} cannot be written: {reason}. The workers go on with the "
            "one before. Check that its disk has space and its folder is writable; the next 'vedette faces' command "
            "tries again."
        )
