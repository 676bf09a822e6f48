"""`video/set-aside/<date>/`: where a repair puts what it takes out of the way. Nothing in it is ever deleted by us."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared_utils.clock import Clock, to_iso
from shared_utils.durable import make_folder, rename_durably, sync_file, sync_folder, write_durably
from shared_utils.segments import VideoDir

FOLDER_NAME = "set-aside"
NOTE_SUFFIX = ".note"


@dataclass(frozen=True, slots=True)
class SetAside:
    """Moves files and lines out of the way, each with a note that says why and from where."""

    video: VideoDir
    clock: Clock

    @property
    def folder(self) -> Path:
        return self.video.root / FOLDER_NAME / f"{self.clock.now():%Y-%m-%d}"

    def move(self, path: Path, reason: str) -> Path:
        """Move a file below `video/` there, under the path that it had; where it is now. Raises OSError.

        The note comes first: killed in between, there is a note without its file, and the next repair does it again.
        """
        target = _unused(self.folder / path.relative_to(self.video.root))
        self._note(target, f"{path.relative_to(self.video.root)}: {reason}")
        make_folder(target.parent)
        rename_durably(path, target)
        return target

    def keep_lines(self, log: str, lines: Sequence[bytes]) -> Path:
        """Add lines that are to leave a log to a file of that name; on disk when this returns. Raises OSError."""
        target = self.folder / log
        make_folder(target.parent)
        with target.open("ab") as handle:
            handle.writelines(line if line.endswith(b"\n") else line + b"\n" for line in lines)
        sync_file(target)
        sync_folder(target.parent)
        self._note(target, f"{log}: lines that could not be read, or that their segment had already by the same model")
        return target

    def _note(self, target: Path, text: str) -> None:
        note = target.with_name(target.name + NOTE_SUFFIX)
        write_durably(note, f"{to_iso(self.clock.now())} {text}\n".encode(errors="replace"))


def _unused(path: Path) -> Path:
    free, number = path, 0
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free
