"""What every detector speaks: images in, detections out."""

from collections.abc import Sequence
from typing import Protocol

from shared_utils.analysis.detections import Detection, Floats, Image

__all__ = ["Detection", "Detector", "Floats", "Image"]


class Detector(Protocol):
    """Finds objects in images."""

    @property
    def name(self) -> str:
        """Stands as `model` in every line; the same for the same weights."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that it can give."""

    @property
    def input_size_px(self) -> tuple[int, int] | None:
        """Height and width of the input that every image is scaled to; None: no image may be made of several frames."""

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The detections of each image, best score first. The images are left as they were."""
