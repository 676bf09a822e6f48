"""Detectors: one Protocol, and an adapter for each library that finds objects."""

from video_worker.detectors.base import Detection, Detector, Image
from video_worker.detectors.choose import Detectors, choose_detector, load_detector

__all__ = [
    "Detection",
    "Detector",
    "Detectors",
    "Image",
    "choose_detector",
    "load_detector",
]
