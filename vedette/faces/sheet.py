"""Contact sheets: one card for each person or stranger, with the best faces in a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from shared_utils.analysis.detections import Image
from vedette.faces import drawing

_WIDTH = 1400
_EDGE = 32  # round the page
_GAP = 16  # between cards
_PADDING = 20  # within a card
_TEXT_WIDTH = 300
_TILE = 128
_TILE_GAP = 12
_CAPTION = 20
_HEADING, _BODY, _SMALL = 22, 15, 12
_LINE = 23
_HEADER = 92


@dataclass(frozen=True, slots=True)
class Tile:
    """One face; without a picture (a camera with `privacy: blur`) an outline stands for it."""

    picture: bytes | Image | None  # an encoded file, or pixels (BGR)
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One person, or one stranger."""

    badge: str  # what to type to name it
    title: str
    lines: tuple[str, ...]
    tiles: tuple[Tile, ...]


def draw_sheet(title: str, subtitle: str, cards: Sequence[Card]) -> bytes:
    """A PNG, 1400 px wide."""
    heights = [_card_height(card) for card in cards]
    height = _EDGE + _HEADER + sum(heights) + _GAP * max(len(cards) - 1, 0) + _EDGE
    page = Pillow.new("RGB", (_WIDTH, height), drawing.PAGE)
    draw = ImageDraw.Draw(page)
    drawing.write(draw, (_EDGE, _EDGE), drawing.fitted(title, _WIDTH - 2 * _EDGE, 32, bold=True), 32, bold=True)
    quiet = drawing.fitted(subtitle, _WIDTH - 2 * _EDGE, _BODY)
    drawing.write(draw, (_EDGE, _EDGE + 48), quiet, _BODY, drawing.QUIET)
    top = _EDGE + _HEADER
    for number, (card, card_height) in enumerate(zip(cards, heights, strict=True)):
        _draw_card(page, card, top, card_height, drawing.accent(number))
        top += card_height + _GAP
    return drawing.png(page)


def _tiles_per_row() -> int:
    free = _WIDTH - 2 * _EDGE - 2 * _PADDING - _TEXT_WIDTH
    return (free + _TILE_GAP) // (_TILE + _TILE_GAP)


def _row_height(card: Card) -> int:
    return _TILE + (_CAPTION if any(tile.caption for tile in card.tiles) else 0)


def _card_height(card: Card) -> int:
    rows = -(-len(card.tiles) // _tiles_per_row())
    tiles = rows * _row_height(card) + max(rows - 1, 0) * _TILE_GAP
    text = 46 + len(card.lines) * _LINE
    return max(tiles, text) + 2 * _PADDING


def _draw_card(page: Pillow.Image, card: Card, top: int, height: int, colour: drawing.Colour) -> None:
    draw = ImageDraw.Draw(page)
    draw.rounded_rectangle((_EDGE, top, _WIDTH - _EDGE, top + height), 14, fill=drawing.CARD, outline=drawing.LINE)
    left, text_top = _EDGE + _PADDING, top + _PADDING
    badge_width = _draw_badge(draw, card.badge, (left, text_top), colour) if card.badge else 0
    room = _TEXT_WIDTH - badge_width - 24
    heading = drawing.fitted(card.title, room, _HEADING, bold=True)
    drawing.write(draw, (left + badge_width, text_top + 3), heading, _HEADING, bold=True)
    for number, line in enumerate(card.lines):
        place = (left, text_top + 46 + number * _LINE)
        drawing.write(draw, place, drawing.fitted(line, _TEXT_WIDTH - 24, _BODY), _BODY, drawing.QUIET)
    for number, tile in enumerate(card.tiles):
        row, column = divmod(number, _tiles_per_row())
        tile_left = left + _TEXT_WIDTH + column * (_TILE + _TILE_GAP)
        _draw_tile(page, tile, (tile_left, text_top + row * (_row_height(card) + _TILE_GAP)))


def _draw_badge(draw: ImageDraw.ImageDraw, text: str, place: tuple[int, int], colour: drawing.Colour) -> int:
    """How much room it took."""
    width = drawing.text_width(text, _HEADING, bold=True) + 20
    left, top = place
    draw.rounded_rectangle((left, top, left + width, top + 34), 9, fill=colour)
    drawing.write(draw, (left + 10, top + 4), text, _HEADING, drawing.PAGE, bold=True)
    return width + 12


def _draw_tile(page: Pillow.Image, tile: Tile, place: tuple[int, int]) -> None:
    picture = _picture_of(tile) or _outline()
    page.paste(*_placed(picture, place))
    if tile.caption:
        caption = drawing.fitted(tile.caption, _TILE, _SMALL)
        draw = ImageDraw.Draw(page)
        drawing.write(draw, (place[0], place[1] + _TILE + 4), caption, _SMALL, drawing.QUIET)


def _placed(picture: Pillow.Image, place: tuple[int, int]) -> tuple[Pillow.Image, tuple[int, int], Pillow.Image]:
    square, mask = drawing.rounded(picture, 10)
    return square, place, mask


def _picture_of(tile: Tile) -> Pillow.Image | None:
    """The face as a square; None if there is none or it cannot be decoded, which must not cost the whole sheet."""
    if tile.picture is None:
        return None
    if isinstance(tile.picture, np.ndarray):
        picture = drawing.as_pillow(tile.picture)
    else:
        try:
            picture = Pillow.open(BytesIO(tile.picture), formats=("JPEG", "PNG")).convert("RGB")
        except (OSError, ValueError, SyntaxError):
            return None
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.resize((_TILE, _TILE), Pillow.Resampling.LANCZOS, (left, top, left + side, top + side))


def _outline() -> Pillow.Image:
    """A head and shoulders in grey, for a face that must not be shown."""
    scale = 4
    large = Pillow.new("RGB", (_TILE * scale, _TILE * scale), drawing.LINE)
    draw = ImageDraw.Draw(large)
    grey: drawing.Colour = (88, 96, 110)
    draw.ellipse((44 * scale, 26 * scale, 84 * scale, 72 * scale), fill=grey)
    draw.ellipse((22 * scale, 82 * scale, 106 * scale, 190 * scale), fill=grey)
    return large.resize((_TILE, _TILE), Pillow.Resampling.LANCZOS)
