"""Turn Ultralytics weights into ONNX: a program of its own, as loading a checkpoint runs the code in it.

    python -m vedette.weights_export best.pt --folder EMPTY --imgsz 640

The last line it writes is the path of the file made.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from shared_utils.errors import ModelError, WrongUseError

_OPSET = 12  # the oldest that YOLOv8 needs; every ONNX Runtime of the last years knows it
_NEEDED = ("ultralytics", "torch", "onnx")
_MOST_LINES = 15


class ExporterMissingError(WrongUseError):
    """The optional extra with Ultralytics and torch is not installed."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(
            f"Exporting weights needs the Ultralytics extra; {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not installed here. "
            "Install it with 'make ultralytics', or let a container do it: "
            "'docker compose run --rm models'."
        )


@dataclass(frozen=True, slots=True)
class UltralyticsExport:
    """Exports in a process of its own, which may use the packages that no service carries."""

    imgsz: int = 640
    half: bool = False
    python: str = sys.executable

    def __call__(self, weights: Path, folder: Path) -> Path:
        """Make the .onnx file of `weights` in `folder`. Raises ModelError, ExporterMissingError."""
        missing = missing_packages()
        if missing:
            raise ExporterMissingError(missing)
        copy = folder / weights.name  # Ultralytics writes beside the weights
        shutil.copyfile(weights, copy)
        done = subprocess.run(self.command(copy, folder), capture_output=True, text=True, check=False)
        made = Path(done.stdout.strip().rpartition("\n")[2])
        if done.returncode != 0 or not made.is_file():
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_MOST_LINES:])
            raise ModelError(f"{weights.name} could not be exported; Ultralytics ended with:\n{said}")
        return made

    def command(self, weights: Path, folder: Path) -> list[str]:
        options = ["--folder", str(folder), "--imgsz", str(self.imgsz), *(["--half"] if self.half else [])]
        return [self.python, "-m", "vedette.weights_export", str(weights), *options]


def missing_packages() -> list[str]:
    """What an export needs and this Python lacks."""
    return [name for name in _NEEDED if find_spec(name) is None]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m vedette.weights_export")
    parser.add_argument("weights", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--half", action="store_true")
    asked = parser.parse_args(arguments)
    # Ultralytics would otherwise install packages by itself, report what it is used for, and write to the home folder.
    os.environ.update(YOLO_AUTOINSTALL="false", YOLO_OFFLINE="true", YOLO_CONFIG_DIR=str(asked.folder))
    ultralytics = import_module("ultralytics")  # only now: it reads these variables when it is imported
    # A dynamic input lets a 16:9 picture go in without grey bars above and below: 40 % less work on a CPU.
    # Ultralytics does not offer it together with 16 bits.
    made = ultralytics.YOLO(str(asked.weights), task="detect").export(
        format="onnx",
        opset=_OPSET,
        imgsz=asked.imgsz,
        half=asked.half,
        dynamic=not asked.half,
        simplify=False,
        device="cpu",
    )
    sys.stdout.write(f"\n{made}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
