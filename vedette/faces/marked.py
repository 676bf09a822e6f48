"""A refused photo with the reason written on it, and what was found in it drawn in."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw

from shared_utils.analysis.detections import Box, Image
from shared_utils.durable import write_durably
from shared_utils.faces.engine import FaceFound
from vedette.faces import drawing

_LONGEST_PX = 1280  # enough to see why
_NARROWEST_PX = 480  # so that the reason can be read below a tiny photo, too
_TEXT = 20
_SMALL = 15
_MARGIN = 16


def write_marked(path: Path, image: Image, faces: Sequence[FaceFound], name: str, reason: str) -> None:
    """Write the picture as a JPEG, whole or not at all. Raises OSError."""
    write_durably(path, drawing.jpeg(draw_marked(image, faces, name, reason)))


def draw_marked(image: Image, faces: Sequence[FaceFound], name: str, reason: str) -> Pillow.Image:
    """The photo, at most 1280 px long, with a box round each face, its landmarks, and the reason below."""
    height, width = image.shape[:2]
    scale = min(_LONGEST_PX / max(height, width), 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    photo = drawing.as_pillow(image).resize(size, Pillow.Resampling.LANCZOS)
    draw = ImageDraw.Draw(photo)
    for number, face in enumerate(faces):
        _draw_face(draw, face, scale, drawing.BAD if len(faces) == 1 else drawing.accent(number))
    return _captioned(photo, name, reason)


def _draw_face(draw: ImageDraw.ImageDraw, face: FaceFound, scale: float, colour: drawing.Colour) -> None:
    x1, y1, x2, y2 = _scaled(face.box, scale)
    weight = max(round((x2 - x1) / 60), 2)
    draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=(16, 16, 16), width=weight + 2)
    draw.rectangle((x1, y1, x2, y2), outline=colour, width=weight)
    radius = max(round((x2 - x1) / 40), 1)
    for x, y in (face.landmarks * scale).tolist():
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=(16, 16, 16))


def _scaled(box: Box, scale: float) -> Box:
    """In whole pixels, and in order: a detector's box may be turned inside out at the edge of a picture."""
    x1, y1, x2, y2 = (float(round(value * scale)) for value in box)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _captioned(photo: Pillow.Image, name: str, reason: str) -> Pillow.Image:
    width = max(photo.width, _NARROWEST_PX)
    room = width - 2 * _MARGIN
    lines = drawing.wrapped(reason[:1].upper() + reason[1:], room, _TEXT)
    below = 2 * _MARGIN + len(lines) * (_TEXT + 8) + _SMALL + 8
    page = Pillow.new("RGB", (width, photo.height + below), drawing.CARD)
    page.paste(photo, ((width - photo.width) // 2, 0))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, photo.height, width, photo.height + 4), fill=drawing.BAD)
    top = photo.height + _MARGIN
    for line in lines:
        drawing.write(draw, (_MARGIN, top), line, _TEXT, drawing.TEXT)
        top += _TEXT + 8
    drawing.write(draw, (_MARGIN, top), drawing.fitted(name, room, _SMALL), _SMALL, drawing.QUIET)
    return page
