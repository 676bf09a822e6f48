"""Where the pictures of refused photos are put: below the state folder, those of one name together.

They show faces, so they are kept out of `video/`, replaced by the next enrolment of that name, and deleted with it.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from shared_utils.config.schema import Config
from shared_utils.durable import make_folder
from shared_utils.errors import StorageError
from shared_utils.gallery.names import compared
from vedette.faces.marked import write_marked
from vedette.faces.photos import Photo, PhotoError, read_photo, shown
from vedette.faces.portraits import Refusal

_FOLDER = "refused-photos"
_MOST_BYTES = 120  # of a name; filesystems take 255 with what is added


def refused_folder(config: Config, name: str) -> Path:
    """The folder for one name, whatever characters it has."""
    state = config.state_dir or config.video_dir / "state"
    key = compared(name)
    return state / _FOLDER / f"{_file_name(key)}-{sha256(key.encode()).hexdigest()[:8]}"


def forget_refused(folder: Path) -> None:
    """Delete what an earlier enrolment left. Raises StorageError."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(
            f"The pictures of refused photos in {folder} cannot be deleted: {error.strerror}."
        ) from error


def write_refused(folder: Path, refusals: Sequence[Refusal]) -> Mapping[Path, Path]:
    """Write a marked-up picture of each photo that could be read; by photo. Raises StorageError."""
    pictures: dict[Path, Path] = {}
    for refusal in refusals:
        photo = _read_again(refusal)
        if photo is None:
            continue
        path = _free_name(folder, f"{_file_name(refusal.path.stem)}-{refusal.reason}", set(pictures.values()))
        try:
            _make_private(folder)
            write_marked(path, photo.image, refusal.faces, shown(Path(refusal.path.name)), refusal.text)
        except OSError as error:
            raise StorageError(
                f"The picture of the refused photo {shown(refusal.path)} cannot be written to {folder}: "
                f"{error.strerror or error}. Name another folder with --marked."
            ) from error
        pictures[refusal.path] = path
    return pictures


def _read_again(refusal: Refusal) -> Photo | None:
    """With its pixels, of which memory could not hold those of all photos; None where there is no picture of it."""
    try:
        return None if refusal.photo is None else read_photo(refusal.path)
    except PhotoError:
        return None  # taken away meanwhile


def _make_private(folder: Path) -> None:
    """A new folder with faces in it is nobody else's to look into."""
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _free_name(folder: Path, stem: str, taken: set[Path]) -> Path:
    path, number = folder / f"{stem}.jpg", 1
    while path in taken:
        number += 1
        path = folder / f"{stem}-{number}.jpg"
    return path


def _file_name(text: str) -> str:
    """Text as a part of a path: neither a path itself, nor hidden, nor too long."""
    plain = re.sub(r"[^\w-]+", "_", shown(Path(text)))
    return plain.encode()[:_MOST_BYTES].decode(errors="ignore") or "_"
