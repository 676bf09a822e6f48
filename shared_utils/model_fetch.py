"""Bringing weights into MODELS_DIR: downloaded or exported aside, checked, then renamed into place."""

import hashlib
import http.client
import logging
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from filelock import FileLock

from shared_utils.durable import rename_durably, sync_file, sync_folder
from shared_utils.errors import ModelError, StorageError, TemporaryError
from shared_utils.model_check import check_pack, check_weights, known_picture
from shared_utils.models import Source, UnusableModelError

log = logging.getLogger(__name__)

Told = Callable[[int, int | None], None]  # bytes done, bytes in all if known
Export = Callable[[Path, Path], Path]  # weights, an empty folder to work in -> the .onnx file made

_WORK_PREFIX = ".bringing-"  # a folder whose contents nobody relies on
_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 30.0
_PREVIOUS_SUFFIX = ".previous"


class DownloadError(TemporaryError):
    """The other side did not send the whole file."""

    def __init__(self, source: Source, reason: str) -> None:
        super().__init__(
            f"{source.name} could not be downloaded from {source.address}: {reason}. "
            f"Check that this machine reaches that address, then try again; or download it elsewhere and copy it "
            "into MODELS_DIR."
        )


def flaw(source: Source, models_dir: Path) -> str | None:
    """What is wrong with the weights in the folder; None when they are there and usable."""
    place = source.place(models_dir)
    if not place.exists():
        return "missing"
    try:
        if source.folder is not None:
            check_pack(place, source.files)
        else:
            _check_file(source, place)
    except ModelError as error:
        return str(error)
    return None


def download(source: Source, models_dir: Path, told: Told | None = None) -> Path:
    """Bring what has an address. Returns its place; whatever goes wrong, nothing half-written is there.

    Raises DownloadError, ModelError for a file that is not what it should be, StorageError.
    """
    with work_folder(models_dir) as work:
        if flaw(source, models_dir) is None:  # somebody else has brought it while we waited for the folder
            return source.place(models_dir)
        file = work / PurePosixPath(source.address or source.name).name
        _receive(source, file, told or _nobody)
        _check_sum(source, file)
        if source.folder is not None:
            file = _unpacked(source, file, work / "unpacked")
            check_pack(file, source.files)
        else:
            check_weights(file, known_picture())
        return put_in_place(file, source.place(models_dir))


def make(source: Source, weights: Path, models_dir: Path, export: Export) -> Path:
    """Export what is made from other weights, check it and put it in its place. Raises ModelError, StorageError."""
    with work_folder(models_dir) as work:
        if flaw(source, models_dir) is None:
            return source.place(models_dir)
        made = export(weights, work)
        check_weights(made, known_picture())
        return put_in_place(made, source.place(models_dir))


@contextmanager
def work_folder(models_dir: Path) -> Iterator[Path]:
    """A folder beside the weights, gone afterwards; one at a time, and what a killed run left behind goes too."""
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(models_dir / f"{_WORK_PREFIX}lock"):
            for left_over in models_dir.glob(f"{_WORK_PREFIX}*/"):
                shutil.rmtree(left_over)
            work = Path(mkdtemp(prefix=_WORK_PREFIX, dir=models_dir))
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"The folder of the models, {models_dir.absolute()}, cannot be written: {error.strerror or error}. "
            "Make it writable for this user, or set MODELS_DIR to a folder that is."
        ) from error


def put_in_place(made: Path, place: Path) -> Path:
    """Rename into place, durably. Weights that were there are kept beside it under another name, not deleted."""
    place.parent.mkdir(parents=True, exist_ok=True)
    files = [path for path in made.rglob("*") if path.is_file()] if made.is_dir() else [made]
    for path in files:
        path.chmod(0o644)  # a worker in another container runs as another user
        sync_file(path)
    if made.is_dir():
        made.chmod(0o755)
        sync_folder(made)
    if place.exists():
        aside = place.with_name(place.name + _PREVIOUS_SUFFIX)
        if aside.is_dir():
            shutil.rmtree(aside)
        place.replace(aside)
        log.warning("%s was there already; it is kept as %s", place, aside.name)
    rename_durably(made, place)
    return place


def _check_file(source: Source, file: Path) -> None:
    """A file with the stated checksum needs no further look."""
    if source.sha256 is not None:
        _check_sum(source, file)
    else:
        check_weights(file, known_picture())


def _check_sum(source: Source, file: Path) -> None:
    if source.sha256 is None:
        return
    with file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    if digest != source.sha256:
        raise UnusableModelError(file, f"its SHA-256 is {digest}, expected {source.sha256}")


def _receive(source: Source, file: Path, told: Told) -> None:
    """Download to `file`; a connection that ends early is an error, not a short file."""
    done = 0
    try:
        # S310: the address is http(s), which Source has checked; file: and the like do not get here
        request = urllib.request.Request(source.address or "", headers={"User-Agent": "vedette"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer, file.open("wb") as out:  # noqa: S310
            stated = answer.headers.get("Content-Length")
            total = int(stated) if stated and stated.isdigit() else None
            while chunk := answer.read(_CHUNK_BYTES):
                _write(out.write, chunk)
                done += len(chunk)
                told(done, total)
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer too, with an open connection
        raise DownloadError(source, f"the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise DownloadError(source, str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(source, str(error) or type(error).__name__) from error
    if total is not None and done != total:
        raise DownloadError(source, f"the connection ended after {done} of {total} bytes")


def _write(write: Callable[[bytes], int], chunk: bytes) -> None:
    try:
        write(chunk)
    except OSError as error:  # a full disk is no network error
        raise StorageError(f"The download cannot be written: {error.strerror}. Free some space.") from error


def _unpacked(source: Source, archive: Path, folder: Path) -> Path:
    """The archive's files, flat or in one folder of the pack's name; nothing is written outside `folder`."""
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
                if entry.is_dir():
                    continue
                if parts[:1] == (source.name,):
                    parts = parts[1:]
                if len(parts) != 1 or parts[0] in {"..", "/"} or ":" in parts[0]:
                    raise UnusableModelError(archive, f"it holds {entry.filename!r}, which does not belong there")
                with opened.open(entry) as packed, (folder / parts[0]).open("wb") as out:
                    shutil.copyfileobj(packed, out)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise UnusableModelError(archive, f"it cannot be unpacked ({error})") from error
    return folder


def _nobody(done: int, total: int | None) -> None:
    """For callers that show no progress."""
