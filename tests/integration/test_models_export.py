"""`vedette models export` up to Ultralytics: what it is asked, and what becomes of its answer.

Ultralytics itself needs torch, which no service and no test installs: a package of that name made here stands for it.
"""

import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.tiny_onnx import tiny_detector

REPOSITORY = Path(__file__).parents[2]

ULTRALYTICS = """
    import os, pathlib, shutil

    class YOLO:
        def __init__(self, weights, task):
            self.weights = pathlib.Path(weights)

        def export(self, **asked):
            here = pathlib.Path(__file__).parent
            settings = {name: os.environ[name] for name in ("YOLO_AUTOINSTALL", "YOLO_OFFLINE")}
            (here / "asked.txt").write_text(repr((sorted(asked.items()), settings)))
            if (here / "fails").exists():
                raise SystemExit("these weights are of no use")
            print("Ultralytics prints a lot")
            shutil.copyfile(here / "answer.onnx", self.weights.with_suffix(".onnx"))
            return str(self.weights.with_suffix(".onnx"))
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with packages named ultralytics, torch and onnx."""
    folder = tmp_path / "packages"
    for name in ("ultralytics", "torch", "onnx"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("")
    (folder / "ultralytics" / "__init__.py").write_text(textwrap.dedent(ULTRALYTICS))
    tiny_detector(folder / "ultralytics" / "answer.onnx", labels={0: "hen", 1: "fox"})
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """What looks like a checkpoint."""
    path = tmp_path / "best.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("best/data.pkl", b"\x80\x02}.")
    return path


def export(weights: Path, models_dir: Path, *options: str, packages: Path) -> subprocess.CompletedProcess[str]:
    return models("export", str(weights), "--models-dir", str(models_dir), *options, packages=packages)


def models(*arguments: str, packages: Path) -> subprocess.CompletedProcess[str]:
    program = "from vedette.commands.models import models_app; models_app()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(packages), str(REPOSITORY))), "COLUMNS": "200"}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_exported_model_lies_in_the_models_folder_and_nothing_else(
    packages: Path, weights: Path, tmp_path: Path
) -> None:
    """The worker finds it by its name; the folder of the weights stays as it was."""
    done = export(weights, tmp_path / "models", "--imgsz", "960", "--half", packages=packages)

    assert done.returncode == 0, done.stderr
    assert "best.onnx" in done.stdout
    made = tmp_path / "models" / "best.onnx"
    assert made.read_bytes() == (packages / "ultralytics" / "answer.onnx").read_bytes()
    assert [path.name for path in made.parent.iterdir() if path.is_dir()] == []
    assert not weights.with_suffix(".onnx").exists()


def test_ultralytics_is_asked_for_what_the_worker_runs_and_installs_nothing_itself(
    packages: Path, weights: Path, tmp_path: Path
) -> None:
    """It would otherwise fetch packages over the network while exporting."""
    export(weights, tmp_path / "models", "--imgsz", "960", packages=packages)

    asked = (packages / "ultralytics" / "asked.txt").read_text()
    for part in ("'format', 'onnx'", "'opset', 12", "'imgsz', 960", "'half', False", "'YOLO_AUTOINSTALL': 'false'"):
        assert part in asked


def test_a_failed_export_shows_what_ultralytics_said_and_leaves_nothing(
    packages: Path, weights: Path, tmp_path: Path
) -> None:
    """Weights of another task or version fail there, and only it knows why."""
    (packages / "ultralytics" / "fails").touch()

    done = export(weights, tmp_path / "models", packages=packages)

    assert done.returncode == 1
    assert "these weights are of no use" in done.stderr
    assert not list((tmp_path / "models").rglob("*.onnx"))


def test_an_export_that_is_no_detector_is_refused(packages: Path, weights: Path, tmp_path: Path) -> None:
    """A network for sorting pictures exports as well, and would fail in the worker."""
    tiny_detector(packages / "ultralytics" / "answer.onnx", labels={0: "hen"})

    done = export(weights, tmp_path / "models", packages=packages)

    assert done.returncode == 1
    assert "its output is" in done.stderr
    assert not list((tmp_path / "models").rglob("*.onnx"))


def test_without_the_extra_the_error_names_it(packages: Path, weights: Path, tmp_path: Path) -> None:
    """No service carries torch, so this is what most people see first."""
    (packages / "torch" / "__init__.py").unlink()
    (packages / "torch").rmdir()
    if find_spec("torch") is not None:
        pytest.skip("torch is installed here")

    done = export(weights, tmp_path / "models", packages=packages)

    assert done.returncode == 2
    assert "make ultralytics" in done.stderr
    assert "torch" in done.stderr


@pytest.mark.parametrize(("name", "says"), [("gone.pt", "not a .pt file"), ("page.pt", "is not usable")])
def test_what_is_no_checkpoint_is_refused_before_anything_is_run(
    packages: Path, tmp_path: Path, name: str, says: str
) -> None:
    """The error of an unpickler helps nobody."""
    (tmp_path / "page.pt").write_text("<html>")

    done = export(tmp_path / name, tmp_path / "models", packages=packages)

    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert not (packages / "ultralytics" / "asked.txt").exists()


def test_a_size_that_the_network_cannot_take_is_refused(packages: Path, weights: Path, tmp_path: Path) -> None:
    """Ultralytics would round it up and say so where nobody looks."""
    done = export(weights, tmp_path / "models", "--imgsz", "650", packages=packages)

    assert done.returncode == 2
    assert "multiple of 32" in done.stderr


SOURCES = """
[[model]]
name = "hens.onnx"
about = "made here"
made_from = "best.pt"
licence = "for tests only"
terms = "https://example.org/terms"
default = true

[[model]]
name = "best.pt"
about = "there already"
address = "http://127.0.0.1:1/best.pt"
licence = "for tests only"
terms = "https://example.org/terms"
"""


def test_fetch_exports_what_is_made_from_weights_that_are_there(packages: Path, weights: Path, tmp_path: Path) -> None:
    """The usual weights have no official ONNX file; the checkpoint is not downloaded twice."""
    sources = tmp_path / "models.toml"
    sources.write_text(SOURCES, encoding="utf-8")
    models_dir = tmp_path / "models"
    models_dir.mkdir()
    shutil.copyfile(weights, models_dir / "best.pt")

    options = ["--sources", str(sources), "--models-dir", str(models_dir), "--yes"]
    done = models("fetch", *options, packages=packages)

    assert done.returncode == 0, done.stderr
    assert (models_dir / "hens.onnx").read_bytes() == (packages / "ultralytics" / "answer.onnx").read_bytes()


def test_fetch_asks_nothing_and_downloads_nothing_where_it_could_not_export(packages: Path, tmp_path: Path) -> None:
    """A yes to a licence and six megabytes for an error would be one too many."""
    if find_spec("onnx") is not None:
        pytest.skip("onnx is installed here")
    shutil.rmtree(packages / "onnx")
    sources = tmp_path / "models.toml"
    sources.write_text(SOURCES, encoding="utf-8")

    options = ["--sources", str(sources), "--models-dir", str(tmp_path / "models")]
    done = models("fetch", *options, packages=packages)

    assert done.returncode == 2
    assert "Ultralytics extra" in done.stderr
    assert "Licence" not in done.stdout
