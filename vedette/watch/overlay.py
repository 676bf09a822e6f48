"""A frame with what is seen in it drawn in."""

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

from shared_utils.analysis.detections import Image
from vedette.faces import drawing
from vedette.watch.looks import Seen

_STRANGER: drawing.Colour = (200, 205, 214)
_DARK: drawing.Colour = (16, 16, 16)


def draw_seen(image: Image, seen: Sequence[Seen], corner: str) -> Image:
    """A copy of the frame with boxes, track ids and names, and a text in its upper right corner."""
    page = drawing.as_pillow(image)
    draw = ImageDraw.Draw(page, "RGBA")
    text_px = max(round(page.height / 36), 12)
    for one in sorted(seen, key=lambda one: (one.kind == "face", one.known)):  # names come to lie on top
        _draw_one(draw, one, text_px, page.size)
    _draw_corner(draw, corner, text_px, page.width)
    return np.ascontiguousarray(np.asarray(page.convert("RGB"), np.uint8)[:, :, ::-1])


def caption(one: Seen) -> str:
    """What stands at a box."""
    if one.kind == "object":
        return f"{one.label} {one.track_id}"
    return f"{one.label} {one.track_id} · {one.score:.2f}" if one.known else f"{one.label} {one.track_id}"


def colour_of(one: Seen) -> drawing.Colour:
    """Green for whom the gallery knows, grey for strangers; an object keeps its colour through the video."""
    if one.kind == "face":
        return drawing.GOOD if one.known else _STRANGER
    return drawing.accent(one.track_id)


def _draw_one(draw: ImageDraw.ImageDraw, one: Seen, text_px: int, size: tuple[int, int]) -> None:
    x1, y1, x2, y2 = (round(value) for value in one.box)
    x1, x2, y1, y2 = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
    colour, weight = colour_of(one), max(round(size[1] / 360), 2)
    radius = max(min(x2 - x1, y2 - y1) // 12, 1)
    draw.rounded_rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), radius, outline=(*_DARK, 160), width=weight + 2)
    draw.rounded_rectangle((x1, y1, x2, y2), radius, outline=colour, width=weight)
    text = caption(one)
    width, height = drawing.text_width(text, text_px, bold=True) + text_px, round(text_px * 1.5)
    left = min(max(x1, 0), max(size[0] - width, 0))
    below = one.kind == "face"  # above a face stands what its body is called
    top = min(y2 + 3, size[1] - height) if below else (y1 - height - 3 if y1 >= height + 3 else max(y1, 0))
    draw.rounded_rectangle((left, top, left + width, top + height), height // 4, fill=(*colour, 235))
    drawing.write(draw, (left + text_px // 2, top + round(text_px * 0.18)), text, text_px, _DARK, bold=True)


def _draw_corner(draw: ImageDraw.ImageDraw, text: str, text_px: int, width: int) -> None:
    room, height = drawing.text_width(text, text_px) + text_px, round(text_px * 1.5)
    left = width - room - text_px // 2
    draw.rounded_rectangle((left, text_px // 2, left + room, text_px // 2 + height), height // 4, fill=(*_DARK, 170))
    drawing.write(draw, (left + text_px // 2, text_px // 2 + round(text_px * 0.18)), text, text_px, drawing.TEXT)
