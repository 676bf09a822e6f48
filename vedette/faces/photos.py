"""Photographs as people have them: any usual format, turned the way they are looked at, never larger than needed.

Read by Pillow: OpenCV gives colours without saying what it did with transparency, 16 bits or CMYK, and decodes before
it tells how large a picture is.
"""

import hashlib
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from shared_utils.analysis.detections import Image
from shared_utils.errors import PermanentError, WrongUseError

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
_NOT_READ = {".heic": "HEIC", ".heif": "HEIC", ".avif": "AVIF", ".pdf": "PDF", ".svg": "SVG"}

MOST_BYTES = 100_000_000
MOST_PX = 120_000_000  # phones make 108 million
LONGEST_SIDE_PX = 2560  # a face in a picture of this size is as large as any recogniser takes
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")  # nothing that starts a program or names other files
_ONE_PICTURE = frozenset({"JPEG", "MPO", "TIFF"})  # what else is in the file are previews and depth maps
_PAPER = (255, 255, 255)  # behind what is transparent
# What Pillow's readers raise for broken files, beside OSError.
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    Pillow.DecompressionBombError,
)


class PhotoError(PermanentError):
    """A file cannot be used as a photograph. The text is a reason that follows the file's name."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photograph."""

    path: Path
    sha256: str  # of the file, so that the same photo is known again
    image: Image  # upright, at most 2560 px on its longer side; empty where it was let go

    def without_picture(self) -> "Photo":
        """The same without its pixels: a folder of hundreds of photos does not fit into memory."""
        return replace(self, image=np.zeros((0, 0, 3), np.uint8))


def find_photos(paths: Sequence[Path]) -> list[Path]:
    """The files named, and the pictures that lie directly in the folders named. Raises WrongUseError."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_pictures_in(path)))
        else:
            found[path] = None
    return list(found)


def shown(path: Path) -> str:
    """A file's name for messages, whatever bytes it consists of."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "�" for character in text)


def read_photo(path: Path) -> Photo:
    """Raises PhotoError for what is no photograph, is damaged, moves, or is too large to be one."""
    data = _bytes_of(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damaged metadata, which does not matter here
        image = _decoded(path, data)
    return Photo(path, hashlib.sha256(data).hexdigest(), image)


def _pictures_in(folder: Path) -> list[Path]:
    try:
        names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise WrongUseError(f"The folder {shown(folder)} cannot be read: {error.strerror}.") from error
    photos = [path for path in names if path.suffix.lower() in SUFFIXES | _NOT_READ.keys() and not path.is_dir()]
    if not photos:
        folders = [path.name for path in names if path.is_dir()]
        hint = (
            " Photos in the folders below it are another person's: give each folder with its name." if folders else ""
        )
        raise WrongUseError(f"The folder {shown(folder)} has no photos in it ({', '.join(sorted(SUFFIXES))}).{hint}")
    return photos


def _bytes_of(path: Path) -> bytes:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise PhotoError("is no file")  # a pipe would be waited for, a device never ends
        if about.st_size > MOST_BYTES:
            raise PhotoError(
                f"is {about.st_size // 1_000_000} MB large; more than {MOST_BYTES // 1_000_000} MB is not read"
            )
        with path.open("rb") as handle:
            data = handle.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise PhotoError("does not exist") from error
    except OSError as error:
        raise PhotoError(f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PhotoError("has a name that no file can have") from error
    if not data:
        raise PhotoError("is empty")
    return data


def _decoded(path: Path, data: bytes) -> Image:
    from io import BytesIO

    try:
        with Pillow.open(BytesIO(data), formats=_FORMATS) as picture:
            _check(picture)
            return _as_array(_upright(_smaller(picture)))
    except UnidentifiedImageError as error:
        raise PhotoError(_not_an_image(path, data)) from error
    except Pillow.DecompressionBombError as error:
        raise PhotoError(f"claims to be larger than {MOST_PX // 1_000_000} megapixels") from error
    except MemoryError as error:
        raise PhotoError("is too large for the memory of this machine; make it smaller") from error
    except _BROKEN as error:
        raise PhotoError(f"is damaged or cut off ({_first_line(error)})") from error


def _check(picture: Pillow.Image) -> None:
    width, height = picture.size
    if width * height > MOST_PX:
        raise PhotoError(
            f"has {width}x{height} pixels; more than {MOST_PX // 1_000_000} megapixels are not read, make it smaller"
        )
    frames = int(getattr(picture, "n_frames", 1))
    if frames > 1 and picture.format not in _ONE_PICTURE:
        raise PhotoError(f"is an animation of {frames} pictures; save the one that shows the face best")


def _not_an_image(path: Path, data: bytes) -> str:
    other = _NOT_READ.get(path.suffix.lower())
    if other is None and data[4:8] == b"ftyp":
        other = "HEIC, AVIF or a video"
    if other is not None:
        return f"is {other}, which is not read; save it as JPEG or PNG"
    return "is no picture (JPEG, PNG, WebP, BMP, TIFF and GIF are read)"


def _smaller(picture: Pillow.Image) -> Pillow.Image:
    """With colours, at most 2560 px long. JPEGs are decoded no larger than that needs."""
    target = (LONGEST_SIDE_PX, LONGEST_SIDE_PX)
    picture.draft("RGB", target)
    if picture.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        return _eight_bits(picture)
    if picture.mode in {"P", "PA", "LA", "La", "1", "L"}:
        picture = _with_exif_of(picture, picture.convert("RGBA" if _is_transparent(picture) else "RGB"))
    elif picture.mode not in {"RGB", "RGBA", "CMYK"}:
        picture = _with_exif_of(picture, picture.convert("RGB"))
    picture.thumbnail(target, Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    return picture


def _eight_bits(picture: Pillow.Image) -> Pillow.Image:
    """Grey of 16 bits and more, stretched from darkest to brightest: few files say what their numbers mean."""
    values = np.asarray(picture, np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    stretched = (values - low) * (255.0 / max(high - low, 1.0))
    grey = Pillow.fromarray(stretched.astype(np.uint8)).convert("RGB")
    grey.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    return _with_exif_of(picture, grey)


def _with_exif_of(source: Pillow.Image, made: Pillow.Image) -> Pillow.Image:
    """Converting keeps what turns a picture upright in some versions of Pillow, and loses it in others."""
    made.info.update({key: value for key, value in source.info.items() if key in {"exif", "xmp", "XML:com.adobe.xmp"}})
    return made


def _is_transparent(picture: Pillow.Image) -> bool:
    return picture.mode in {"PA", "LA", "La"} or "transparency" in picture.info


def _upright(picture: Pillow.Image) -> Pillow.Image:
    """As its metadata says that it is held; damaged metadata says nothing."""
    try:
        return ImageOps.exif_transpose(picture)
    except _BROKEN:
        return picture


def _as_array(picture: Pillow.Image) -> Image:
    if picture.mode == "RGBA":
        paper = Pillow.new("RGB", picture.size, _PAPER)
        paper.paste(picture, mask=picture.getchannel("A"))
        picture = paper
    rgb = np.asarray(picture.convert("RGB"), np.uint8)
    return np.ascontiguousarray(rgb[:, :, ::-1])


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return text[:120] or type(error).__name__
