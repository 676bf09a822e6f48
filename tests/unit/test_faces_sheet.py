"""Contact sheets and marked photos: what is to be seen is in them, whatever the pictures and names are."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Pillow

from shared_utils.analysis.detections import Box
from shared_utils.faces.engine import FaceFound
from vedette.faces import drawing
from vedette.faces.marked import draw_marked
from vedette.faces.sheet import Card, Tile, draw_sheet

GREEN = np.full((40, 60, 3), (0, 255, 0), np.uint8)


def opened(sheet: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(BytesIO(sheet)).convert("RGB"))


def share_of(colour: tuple[int, int, int], image: np.ndarray) -> float:
    near = np.abs(image.astype(int) - np.array(colour)).max(axis=2) < 12
    return float(near.mean())


def card(*tiles: Tile, title: str = "seen 3 times") -> Card:
    return Card("7", title, ("first 2026-11-20",), tiles)


def test_each_face_is_shown_large_enough_to_know_somebody() -> None:
    """Naming a stranger is done by eye."""
    one = opened(draw_sheet("Strangers", "", [card(Tile(GREEN))]))
    three = opened(draw_sheet("Strangers", "", [card(Tile(GREEN), Tile(GREEN), Tile(GREEN))]))

    assert share_of((0, 255, 0), one) * one.shape[0] * one.shape[1] > 120 * 120
    assert share_of((0, 255, 0), three) == pytest.approx(3 * share_of((0, 255, 0), one), rel=0.01)


@pytest.mark.parametrize("broken", [None, b"", b"no picture", drawing.jpeg(drawing.as_pillow(GREEN))[:100]])
def test_a_face_without_a_picture_costs_nobody_the_sheet(broken: bytes | None) -> None:
    """Of cameras with `privacy: blur` there are none, and a file can be damaged."""
    whole = opened(draw_sheet("Strangers", "", [card(Tile(GREEN))]))
    sheet = opened(draw_sheet("Strangers", "", [card(Tile(broken), Tile(GREEN))]))

    assert share_of((0, 255, 0), sheet) == pytest.approx(share_of((0, 255, 0), whole), rel=0.01)


def test_many_faces_take_several_rows() -> None:
    """All photos of a person are shown by `vedette faces show`."""
    few = opened(draw_sheet("Anna", "", [card(*[Tile(GREEN)] * 7)]))
    many = opened(draw_sheet("Anna", "", [card(*[Tile(GREEN)] * 8)]))

    assert many.shape[0] > few.shape[0] + 100


@pytest.mark.parametrize("title", ["Jürgen Мария", "x" * 500, "", "李小龍 \U0001f600", "a\nb"])
def test_any_name_can_be_drawn(title: str) -> None:
    """OpenCV's letters know no umlaut; names know everything."""
    assert opened(draw_sheet(title, title, [card(Tile(GREEN, title), title=title)])).shape[1] == 1400


def test_umlauts_are_drawn_as_umlauts() -> None:
    """A box or a question mark in the place of a letter is somebody else's name."""
    widths = {drawing.text_width(letter, 40) for letter in "\ufffe\uffff"}
    drawn = [np.asarray(_letter(letter)).tobytes() for letter in ("ü", "u", "Ж", "\uffff")]

    assert len(set(drawn)) == 4
    assert len(widths) == 1


def _letter(letter: str) -> Pillow.Image:
    from PIL import ImageDraw

    page = Pillow.new("L", (60, 60))
    ImageDraw.Draw(page).text((5, 5), letter, fill=255, font=drawing.font(40))
    return page


def face(box: Box) -> FaceFound:
    x1, y1, x2, y2 = box
    points = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    landmarks = np.array([(x1 + x * (x2 - x1), y1 + y * (y2 - y1)) for x, y in points], np.float32)
    return FaceFound(box, 0.9, landmarks)


@pytest.mark.parametrize("size", [(1, 1), (30, 2000), (2560, 1440), (400, 300)])
def test_a_marked_photo_can_be_looked_at_whatever_its_size(size: tuple[int, int]) -> None:
    """The reason must be readable below a photo of one pixel, and a phone's photo must not fill the disk."""
    width, height = size
    picture = draw_marked(np.zeros((height, width, 3), np.uint8), [], "photo.jpg", "no face was found in it")

    assert 480 <= picture.width <= 1280
    assert picture.height <= 1500


def test_what_was_found_is_drawn_where_it_is() -> None:
    """A box beside the face would say that the fault is Vedette's."""
    grey = np.full((400, 800, 3), 90, np.uint8)
    marked = np.asarray(draw_marked(grey, [face((600, 100, 700, 200))], "a.jpg", "too small"))[:400]
    changed = np.argwhere(np.abs(marked.astype(int) - 90).max(axis=2) > 30)

    assert changed.min(axis=0).tolist() == pytest.approx([100, 600], abs=4)
    assert changed.max(axis=0).tolist() == pytest.approx([200, 700], abs=4)


def test_a_box_beyond_the_border_does_no_harm() -> None:
    """Detectors guess the part of a face that is cut off."""
    marked = draw_marked(GREEN, [face((-50, -50, 30, 30)), face((50, 30, 20, 10))], "a.jpg", "two faces")

    assert marked.width == 480
