"""Putting a walking person and the shadow into the picture of the yard."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rtsp_emulator.demo.geometry import WIDTH_PX, px_per_metre
from rtsp_emulator.demo.people import Cutout, Mask, cut_out
from rtsp_emulator.demo.pictures import Picture
from rtsp_emulator.demo.texture import Plane
from rtsp_emulator.demo.walks import SHADOW_LEFT, SHADOW_UP, Pose, View, Walk, view

_SHADOW_DARKNESS = 0.46
_SHADE_BRIGHTNESS = 0.68  # of a person who stands in the shade
_BOB = 0.011  # how far the body rises with each step, as a share of its height
_SWAY_RADIANS = 0.012

Affine = NDArray[np.float64]  # 2 x 3


@dataclass(frozen=True, slots=True)
class Stage:
    """The empty yard at the size of the film, and how sunny each of its pixels is."""

    empty: Picture
    sun: Plane

    @property
    def scale(self) -> float:
        """Pixels of the film for one pixel of the full picture."""
        return int(self.empty.shape[1]) / WIDTH_PX


def draw_people(stage: Stage, walks: tuple[Walk, ...], t_seconds: float) -> Picture:
    """The yard with everybody who is in it at this second, those far away behind those near."""
    picture = stage.empty.copy()
    poses = [(walk.pose(t_seconds), walk) for walk in walks if walk.starts_at <= t_seconds <= walk.ends_at]
    for pose, walk in sorted(poses, key=lambda item: -item[0].place.z):
        _draw(picture, stage, walk, pose)
    return picture


def _draw(picture: Picture, stage: Stage, walk: Walk, pose: Pose) -> None:
    seen = view(walk, pose)
    cutout = _stepping(cut_out(walk.person), pose)
    body = _body_affine(cutout, seen, pose, stage.scale)
    if walk.person.hip_y is not None:
        _draw_shadow(picture, stage, cutout, _shadow_affine(cutout, seen, stage.scale))
        _draw_contact(picture, seen.ground, px_per_metre(pose.place.z), stage.scale)
    window = _window(body, cutout.alpha, picture)
    if window is None:
        return
    brightness = _brightness_at(stage, seen)
    alpha = _warped(cutout.alpha, body, window).astype(np.float32)[..., None] / 255
    colours = _warped(cutout.colours, body, window).astype(np.float32) * brightness
    target = picture[window]
    target[:] = colours * alpha + target * (1 - alpha)


def _draw_shadow(picture: Picture, stage: Stage, cutout: Cutout, affine: Affine) -> None:
    window = _window(affine, cutout.alpha, picture)
    if window is None:
        return
    soft = cv2.GaussianBlur(_warped(cutout.alpha, affine, window), (0, 0), max(0.6, 3.0 * stage.scale))
    kept = 1 - soft.astype(np.float32) / 255 * stage.sun[window] * _SHADOW_DARKNESS
    target = picture[window]
    target[:] = target * kept[..., None] ** np.array((0.85, 1.0, 1.08), np.float32)


def _draw_contact(picture: Picture, ground: tuple[float, float], metre_px: float, film_scale: float) -> None:
    """The dim patch right under a person, which even shade does not light."""
    x, y = round(ground[0] * film_scale), round(ground[1] * film_scale)
    wide, high = max(1, round(0.27 * metre_px * film_scale)), max(1, round(0.055 * metre_px * film_scale))
    top, left = max(0, y - 3 * high), max(0, x - 2 * wide)
    target = picture[top : y + 3 * high, left : max(0, x + 2 * wide)]
    if not target.size:
        return
    patch = np.zeros(target.shape[:2], np.float32)
    cv2.ellipse(patch, (x - left, y - top), (wide, high), 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(patch, (0, 0), sigmaX=wide / 3, sigmaY=high / 2)
    target[:] = target * (1 - 0.3 * soft[..., None])


def _stepping(cutout: Cutout, pose: Pose) -> Cutout:
    """Let the legs swing: in the photograph they are apart; half a turn later they are closed, one foot lifted."""
    person = cutout.person
    if person.hip_y is None or pose.stride == 0:
        return cutout
    x1, y1, *_ = person.box
    y, x = np.mgrid[0 : cutout.alpha.shape[0], 0 : cutout.alpha.shape[1]].astype(np.float32)
    below_hip = np.clip((y + y1 - person.hip_y) / (person.ground[1] - person.hip_y), 0, 1)
    side = np.clip((x + x1 - person.legs_apart_at) / 12, -1, 1)
    closing = person.leg_swing_px * pose.stride * (1 - np.cos(2 * pose.phase)) / 2
    lift = 0.03 * person.height_px * pose.stride * np.maximum(0, side * np.sin(pose.phase))
    map_x = np.asarray(x + closing * below_hip * side, np.float32)
    map_y = np.asarray(y + lift * below_hip**2, np.float32)
    colours = cv2.remap(cutout.colours, map_x, map_y, cv2.INTER_LINEAR)
    alpha = cv2.remap(cutout.alpha, map_x, map_y, cv2.INTER_LINEAR)
    return Cutout(person, np.asarray(colours, np.uint8), np.asarray(alpha, np.uint8))


def _body_affine(cutout: Cutout, seen: View, pose: Pose, film_scale: float) -> Affine:
    person = cutout.person
    rise = _BOB * person.height_px * pose.stride * abs(np.sin(pose.phase))
    sway = _SWAY_RADIANS * pose.stride * np.sin(pose.phase)
    side = -1.0 if seen.mirrored else 1.0
    return _placed(cutout, seen, film_scale, np.array([[side, -sway], [0.0, 1.0]]), rise)


def _shadow_affine(cutout: Cutout, seen: View, film_scale: float) -> Affine:
    side = -1.0 if seen.mirrored else 1.0
    return _placed(cutout, seen, film_scale, np.array([[side, SHADOW_LEFT], [0.0, SHADOW_UP]]), 0.0)


def _placed(cutout: Cutout, seen: View, film_scale: float, shape: Affine, rise: float) -> Affine:
    """From pixels of the cut-out to pixels of the film: `shape` acts around the point on the ground."""
    x1, y1, *_ = cutout.person.box
    ground = np.array(cutout.person.ground, np.float64) - (x1, y1)
    linear = shape * seen.scale * film_scale
    offset = np.array(seen.ground) * film_scale - linear @ (ground + np.array((0.0, rise)))
    return np.hstack((linear, offset[:, None]))


def _window(affine: Affine, mask: Mask, picture: Picture) -> tuple[slice, slice] | None:
    """The part of the film that the cut-out covers; None when it is outside."""
    height, width = mask.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64) @ affine.T
    x1, y1 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    x2, y2 = np.minimum(np.ceil(corners.max(axis=0)).astype(int), (picture.shape[1], picture.shape[0]))
    return (slice(y1, y2), slice(x1, x2)) if x1 < x2 and y1 < y2 else None


def _warped(source: Picture, affine: Affine, window: tuple[slice, slice]) -> Picture:
    moved = affine.copy()
    moved[:, 2] -= (window[1].start, window[0].start)
    size = (window[1].stop - window[1].start, window[0].stop - window[0].start)
    return np.asarray(cv2.warpAffine(source, moved, size, flags=cv2.INTER_LINEAR), np.uint8)


def _brightness_at(stage: Stage, seen: View) -> float:
    """Of a person at this place: the sun where the feet are, or at the edge of the picture nearest to them."""
    height, width = stage.sun.shape
    column = int(np.clip(seen.ground[0] * stage.scale, 0, width - 1))
    row = int(np.clip(seen.ground[1] * stage.scale, 0, height - 1))
    reach = max(1, round(40 * stage.scale))
    sun = stage.sun[max(0, row - reach) : row + reach, max(0, column - reach) : column + reach].mean()
    return float(_SHADE_BRIGHTNESS + (1 - _SHADE_BRIGHTNESS) * sun)
