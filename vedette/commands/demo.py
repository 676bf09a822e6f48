"""`vedette demo`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from vedette.options import errors_as_exit_codes, stdout


def demo(
    seconds: Annotated[
        float, typer.Option(min=1, envvar="DEMO_SECONDS", metavar="SECONDS", help="How long to record.")
    ] = 90,
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the scene, the recordings and the logs of the demo go.")
    ] = Path("demo"),
) -> None:
    """See the whole chain at work, without a camera.

    Renders a small scene with people in it (once), plays it as RTSP cameras, records what moves, finds the people, and
    shows all of it on one screen. Then it stops cleanly and prints what was found and where the files lie. Objects are
    found by YOLOv8n if yolov8n.onnx lies in MODELS_DIR, otherwise people by what OpenCV carries.

    Each run records into a new folder below demo/video/. Exit code 0 means that at least one segment was recorded,
    queued, analysed and logged.

    For example:

        vedette demo

        MODELS_DIR=models vedette demo --seconds 300
    """
    with errors_as_exit_codes():
        from vedette.demo import run_demo

        run_demo(folder, seconds, os.environ, stdout)
