"""YOLOv8n sees people in the demo scene, and nothing in its empty yard."""

import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rtsp_emulator.demo_scene import demo_intervals, make_demo_scene
from shared_utils.models import model_labels

MODEL = Path(os.environ.get("MODELS_DIR") or "models") / "yolov8n.onnx"

pytestmark = pytest.mark.skipif(not MODEL.is_file(), reason=f"needs {MODEL.name} in MODELS_DIR (vedette models fetch)")


def network_input(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """640 x 640, the picture in the middle of grey."""
    square = np.full((640, 640, 3), 114, np.uint8)
    square[140:500] = cv2.resize(picture, (640, 360), interpolation=cv2.INTER_AREA)
    pixels = square[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    return np.ascontiguousarray(pixels / np.float32(255))


def test_yolo_names_the_people_and_finds_nothing_in_the_empty_yard(tmp_path: Path) -> None:
    """The demo is worth its name only if what it shows is found by the detector people will use."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    labels = model_labels(session.get_modelmeta().custom_metadata_map)
    film = make_demo_scene(tmp_path / "demo.mp4", seconds=20, width=960, height=540)
    ((start, end),) = demo_intervals(20)

    best: dict[float, tuple[str, float]] = {}
    with av.open(str(film)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 10 == 0:
                assert frame.time is not None
                picture = frame.to_ndarray(format="bgr24").astype(np.uint8)
                scores = session.run(None, {session.get_inputs()[0].name: network_input(picture)})[0][0, 4:]
                label, _ = np.unravel_index(scores.argmax(), scores.shape)
                best[frame.time] = (labels[int(label)], float(scores.max()))

    walking = [found for t, found in best.items() if start + 0.7 < t < end - 1.5]
    empty = [score for t, (_, score) in best.items() if not start <= t < end]
    assert len(walking) >= 8
    assert {label for label, _ in walking} == {"person"}
    assert np.mean([score > 0.5 for _, score in walking]) > 0.9
    assert max(empty) < 0.25
