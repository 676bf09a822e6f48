"""What every picture of these commands is drawn with: a dark page, and letters of many languages."""

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from shared_utils.analysis.detections import Image

Colour = tuple[int, int, int]  # RGB
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAGE: Colour = (18, 20, 24)
CARD: Colour = (29, 33, 40)
LINE: Colour = (52, 58, 68)
TEXT: Colour = (236, 239, 244)
QUIET: Colour = (150, 160, 174)
GOOD: Colour = (120, 220, 140)
BAD: Colour = (255, 110, 100)
# Light enough for dark text, far enough apart to tell neighbours from each other.
ACCENTS: tuple[Colour, ...] = (
    (255, 214, 86),
    (120, 230, 120),
    (110, 190, 255),
    (255, 150, 200),
    (255, 160, 110),
    (120, 230, 220),
)
_DOTS = "…"


@lru_cache(maxsize=32)
def font(size_px: int, *, bold: bool = False) -> Font:
    """DejaVu, which matplotlib carries and which has Latin, Greek, Cyrillic, Arabic and more; else Pillow's own."""
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / name
        if path.is_file():
            return ImageFont.truetype(str(path), size_px)
    return ImageFont.load_default(size_px)


def text_width(text: str, size_px: int, *, bold: bool = False) -> int:
    """In pixels, rounded up."""
    return int(font(size_px, bold=bold).getlength(one_line(text))) + 1


def one_line(text: str) -> str:
    """Without line breaks and other control characters, which cannot be drawn."""
    return "".join(character if character.isprintable() else " " for character in text)


def fitted(text: str, width_px: int, size_px: int, *, bold: bool = False) -> str:
    """The text, or its beginning and three dots where it is wider than that."""
    if text_width(text, size_px, bold=bold) <= width_px:
        return text
    while text and text_width(text + _DOTS, size_px, bold=bold) > width_px:
        text = text[:-1]
    return text.rstrip() + _DOTS


def wrapped(text: str, width_px: int, size_px: int, *, bold: bool = False) -> list[str]:
    """The text in lines no wider than that; broken between words, long words are cut."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size_px, bold=bold) <= width_px:
            lines[-1] = longer
        else:
            lines.append(fitted(word, width_px, size_px, bold=bold))
    return lines


def write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size_px: int,
    colour: Colour = TEXT,
    *,
    bold: bool = False,
) -> None:
    """One line with its upper left corner there."""
    draw.text(place, one_line(text), fill=colour, font=font(size_px, bold=bold), anchor="la")


def as_pillow(image: Image) -> Pillow.Image:
    """A picture of ours (BGR) for drawing on."""
    return Pillow.fromarray(np.ascontiguousarray(image[:, :, ::-1]), "RGB")


def rounded(picture: Pillow.Image, radius_px: int) -> tuple[Pillow.Image, Pillow.Image]:
    """The picture and the mask that gives it round corners."""
    scale = 4  # drawn larger and made smaller: Pillow's own corners are jagged
    mask = Pillow.new("L", (picture.width * scale, picture.height * scale), 0)
    corners = (0, 0, mask.width - 1, mask.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(corners, radius_px * scale, fill=255)
    return picture, mask.resize(picture.size, Pillow.Resampling.LANCZOS)


def png(picture: Pillow.Image) -> bytes:
    """As a file."""
    return _encoded(picture, "PNG")


def jpeg(picture: Pillow.Image) -> bytes:
    """As a file."""
    return _encoded(picture, "JPEG", quality=88)


def accent(number: int) -> Colour:
    """A colour that stays with a number."""
    return ACCENTS[number % len(ACCENTS)]


def joined(parts: Sequence[str]) -> str:
    """Facts in one line."""
    return "  ·  ".join(part for part in parts if part)


def _encoded(picture: Pillow.Image, kind: str, **options: int) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
