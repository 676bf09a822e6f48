"""People cut out of photographs: where they stand in them, and how they are cut out cleanly."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from rtsp_emulator.demo.pictures import Picture, load_picture

Mask = NDArray[np.uint8]
Outline = tuple[tuple[int, int], ...]

_BAND_PX = 3  # how far the hand-drawn outline may be wrong; within it the picture decides
_MARGIN_PX = 24  # room around the person for a swinging leg


@dataclass(frozen=True, slots=True)
class Retouch:
    """A place where something stands before the person: it is painted over with what lies `shift` pixels away."""

    area: Outline
    shift: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Person:
    """One person in a photograph. All coordinates are pixels of that photograph."""

    name: str
    picture: str
    outline: Outline
    ground: tuple[int, int]  # the point that stands on the ground; below the picture for someone cut off at the waist
    height_px: float  # of the whole person, from the ground to the hair
    height_metres: float
    hip_y: int | None  # below it the legs swing; None where no legs are seen
    legs_apart_at: int  # the x between the two legs
    leg_swing_px: float = 0.0  # how far each leg moves towards the other in a step
    light: float = 1.0  # above 1 opens the shadows, to fit the light of the yard
    retouches: tuple[Retouch, ...] = ()

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The outline with a margin: x1, y1, x2, y2. May reach over the edge of the photograph."""
        xs, ys = zip(*self.outline, strict=True)
        return min(xs) - _MARGIN_PX, min(ys) - _MARGIN_PX, max(xs) + _MARGIN_PX, max(ys) + _MARGIN_PX


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """The person alone: colours and how opaque each pixel is, both within `person.box`."""

    person: Person
    colours: Picture
    alpha: Mask


# fmt: off
CREAM_COAT = Person(
    name="the man in the cream coat", picture="bus.jpg", ground=(150, 896), height_px=496, height_metres=1.78,
    hip_y=704, legs_apart_at=132, leg_swing_px=42,
    outline=(
        (105, 440), (103, 430), (105, 414), (113, 404), (125, 399), (140, 399), (151, 405), (158, 412), (158, 421),
        (154, 428), (156, 433), (153, 441), (152, 452), (150, 461), (147, 467), (152, 468), (160, 477), (168, 487),
        (175, 497), (183, 509), (182, 519), (186, 531), (193, 541), (200, 551), (202, 566), (200, 582), (195, 590),
        (183, 598), (179, 601), (183, 609), (187, 624), (190, 640), (192, 660), (194, 689), (185, 692), (178, 690),
        (179, 700), (182, 720), (187, 748), (189, 770), (193, 795), (198, 820), (201, 845), (204, 855), (211, 863),
        (216, 869), (230, 872), (241, 879), (246, 884), (240, 888), (222, 893), (205, 897), (176, 897), (176, 875),
        (178, 862), (175, 851), (169, 832), (162, 805), (156, 785), (151, 768), (146, 750), (140, 733), (134, 718),
        (128, 706), (121, 704), (118, 712), (115, 728), (111, 745), (107, 762), (98, 777), (95, 795), (91, 815),
        (88, 835), (86, 850), (87, 856), (93, 864), (99, 871), (106, 881), (107, 892), (103, 898), (90, 899),
        (75, 897), (60, 890), (52, 883), (54, 872), (57, 855), (59, 840), (61, 815), (65, 790), (69, 760), (72, 730),
        (73, 698), (60, 698), (58, 690), (60, 660), (62, 620), (63, 600), (63, 580), (60, 567), (60, 558), (63, 548),
        (62, 530), (62, 506), (66, 494), (77, 482), (92, 472), (97, 462), (100, 453), (98, 448), (102, 444),
    ),
    # The hand of somebody else hangs before his leg.
    retouches=(Retouch(((58, 735), (76, 735), (80, 765), (80, 792), (72, 816), (54, 816)), (17, -25)),),
)

DARK_COAT = Person(
    name="the man in the dark coat", picture="bus.jpg", ground=(274, 857), height_px=450, height_metres=1.76,
    hip_y=715, legs_apart_at=281, leg_swing_px=7,
    outline=(
        (265, 441), (264, 427), (266, 416), (273, 409), (283, 406), (293, 407), (299, 412), (303, 421), (305, 433),
        (308, 439), (307, 449), (305, 456), (302, 464), (301, 472), (308, 480), (320, 483), (330, 490), (334, 502),
        (337, 515), (339, 530), (342, 546), (341, 556), (335, 564), (322, 566), (321, 571), (325, 590), (328, 615),
        (331, 650), (335, 670), (338, 688), (335, 694), (338, 701), (340, 710), (338, 723), (332, 733), (324, 740),
        (316, 747), (306, 757), (298, 766), (290, 776), (284, 780), (288, 788), (290, 798), (296, 806), (300, 814),
        (297, 820), (290, 820), (281, 816), (280, 822), (283, 830), (287, 838), (290, 846), (293, 853), (291, 857),
        (280, 859), (268, 857), (261, 850), (256, 843), (258, 830), (258, 820), (254, 812), (252, 800), (249, 785),
        (246, 765), (243, 740), (242, 720), (242, 703), (233, 702), (225, 698), (226, 680), (228, 660), (231, 640),
        (236, 615), (239, 600), (238, 590), (236, 580), (237, 560), (237, 545), (237, 530), (239, 512), (246, 498),
        (256, 486), (266, 478), (272, 470), (272, 460), (267, 451),
    ),
)

GREY_HAIR = Person(
    name="the man with grey hair", picture="zidane.jpg", ground=(930, 1480), height_px=1437, height_metres=1.79,
    hip_y=None, legs_apart_at=930, light=1.3,
    outline=(
        (895, 165), (893, 130), (898, 100), (910, 76), (930, 56), (955, 45), (985, 42), (1010, 46), (1030, 57),
        (1050, 71), (1063, 88), (1070, 110), (1070, 130), (1066, 150), (1058, 172), (1056, 190), (1050, 215),
        (1040, 240), (1028, 262), (1020, 272), (1022, 290), (1035, 305), (1050, 322), (1062, 345), (1072, 375),
        (1083, 400), (1090, 430), (1094, 470), (1096, 520), (1094, 560), (1100, 590), (1112, 620), (1123, 650),
        (1136, 695), (1130, 702), (1115, 684), (1102, 664), (1104, 719), (770, 719), (768, 690), (762, 660),
        (757, 620), (752, 580), (753, 540), (755, 520), (754, 480), (753, 440), (754, 410), (757, 385), (762, 365),
        (775, 345), (790, 325), (805, 308), (820, 297), (840, 282), (865, 268), (880, 258), (893, 250), (900, 240),
        (903, 225), (900, 212), (897, 195), (896, 180),
    ),
    # The arm and the hand of somebody else are stretched out before his chest.
    retouches=(
        Retouch(((905, 428), (1000, 386), (1104, 386), (1104, 494), (975, 494), (968, 520), (905, 520)), (-135, 130)),
    ),
)
# fmt: on

PEOPLE = (CREAM_COAT, DARK_COAT, GREY_HAIR)


@cache
def cut_out(person: Person) -> Cutout:
    """Cut the person out: the outline says where, GrabCut finds the exact edge within a narrow band around it."""
    x1, y1, x2, y2 = person.box
    margin = 2 * _MARGIN_PX
    padded = cv2.copyMakeBorder(load_picture(person.picture), *(margin,) * 4, cv2.BORDER_REPLICATE)
    window = padded[y1 + margin : y2 + margin, x1 + margin : x2 + margin].astype(np.uint8)
    for retouch in person.retouches:
        window = _retouched(window, _area(retouch.area, person.box), retouch.shift)
    mask = _refined(window, _area(person.outline, person.box))
    alpha = cv2.GaussianBlur(cv2.erode(mask, np.ones((2, 2), np.uint8)), (0, 0), 0.8)
    colours = _lit(_without_fringe(window, mask), person.light)
    return Cutout(person, colours, np.asarray(alpha, np.uint8))


def _lit(colours: Picture, light: float) -> Picture:
    """Open the shadows of a photograph that was taken in harder light; its highlights stay as they are."""
    brighter = 255 * (np.arange(256) / 255) ** (1 / light)
    return np.asarray(cv2.LUT(colours, brighter.astype(np.uint8)), np.uint8)


def _area(outline: Outline, box: tuple[int, int, int, int]) -> Mask:
    """255 inside the outline, 0 outside."""
    mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    corners = np.array(outline, np.int32) - np.array(box[:2], np.int32)
    cv2.fillPoly(mask, [corners], 255)
    return mask


def _retouched(window: Picture, area: Mask, shift: tuple[int, int]) -> Picture:
    """Paint over an area with what lies `shift` away, with a soft edge, as a clone stamp does."""
    source = np.roll(window, (-shift[1], -shift[0]), axis=(0, 1))
    share = cv2.GaussianBlur(area, (0, 0), 2.0).astype(np.float32)[..., None] / 255
    return np.asarray(source * share + window * (1 - share), np.uint8)


def _refined(window: Picture, outline: Mask) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _BAND_PX + 1, 2 * _BAND_PX + 1))
    labels = np.full(outline.shape, cv2.GC_BGD, np.uint8)
    labels[cv2.dilate(outline, kernel) > 0] = cv2.GC_PR_BGD
    labels[outline > 0] = cv2.GC_PR_FGD
    labels[cv2.erode(outline, kernel, borderValue=0) > 0] = cv2.GC_FGD
    cv2.setRNGSeed(1)  # GrabCut clusters colours from a random start; the same picture shall give the same edge
    cv2.grabCut(window, labels, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    found = np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    smooth = cv2.medianBlur(found, 5)
    return np.asarray(smooth, np.uint8)


def _without_fringe(window: Picture, mask: Mask) -> Picture:
    """Carry the person's own colours outwards, so that the soft edge does not show the old background."""
    sure = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=2)
    weight = (sure > 0).astype(np.float32)
    spread = cv2.GaussianBlur(window.astype(np.float32) * weight[..., None], (0, 0), 3)
    total = cv2.GaussianBlur(weight, (0, 0), 3)[..., None]
    outward = np.where(total > 1e-3, spread / np.maximum(total, 1e-3), window)
    return np.where((sure > 0)[..., None], window, outward).astype(np.uint8)
