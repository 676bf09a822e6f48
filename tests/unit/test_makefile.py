"""What `make up` does before Docker has its turn: the question for the camera, and the weights."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
URL = "rtsp://viewer:p%40ss$word@192.168.1.20:554/stream1"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile with a `docker` that writes down what it is asked, and cannot do it."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", ".env.example"):
        shutil.copy(REPO / name, tmp_path)
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\nexit 1\n')
    docker.chmod(0o755)
    return tmp_path


def make(checkout: Path, target: str, answer: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MODELS_DIR"))}
    path = f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["make", target],
        cwd=checkout,
        env={**clean, "PATH": path, **environment},
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_address_of_the_camera_comes_into_a_file_that_only_its_owner_reads(checkout: Path) -> None:
    done = make(checkout, ".env", f"{URL}\n")

    assert done.returncode == 0, done.stderr
    env_file = checkout / ".env"
    lines = env_file.read_text().splitlines()
    assert f"RTSP_URL='{URL}'" in lines
    assert (f"PUID={os.getuid()}" if os.getuid() else "# PUID=1000") in lines  # no container runs as root
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("answer", "said"),
    [("\n", "No address given"), ("192.168.1.20\n", "must begin with rtsp://"), ("rtsp://u:o'k@h/s\n", "%27")],
)
def test_an_answer_that_is_no_address_leaves_no_file(checkout: Path, answer: str, said: str) -> None:
    """A file would be taken for good by the next `make up`, which would not ask again."""
    done = make(checkout, ".env", answer)

    assert done.returncode != 0
    assert said in done.stderr
    assert not (checkout / ".env").exists()


@pytest.mark.parametrize("where", ["the environment", ".env", "neither"])
def test_weights_that_are_there_need_no_docker(checkout: Path, where: str) -> None:
    """The image that fetches them is some gigabytes large."""
    folder = checkout / ("models" if where == "neither" else "my weights")
    folder.mkdir()
    (folder / "yolov8n.onnx").write_bytes(b"weights")
    (checkout / ".env").write_text(f"MODELS_DIR='{folder}'\n" if where == ".env" else "RTSP_URL=\n")

    done = make(checkout, "models-once", **({"MODELS_DIR": str(folder)} if where == "the environment" else {}))

    assert done.returncode == 0, done.stderr
    assert not (checkout / "asked").exists()


@pytest.mark.parametrize("licence", ["", "accepted", "'accepted'", "no"])
def test_weights_for_faces_are_brought_once_their_licence_is_accepted(checkout: Path, licence: str) -> None:
    """They are for non-commercial research: neither without a word, nor again and again."""
    (checkout / "models").mkdir()
    (checkout / "models" / "yolov8n.onnx").write_bytes(b"weights")
    (checkout / ".env").write_text(f"INSIGHTFACE_LICENCE={licence}\n")

    done = make(checkout, "models-once")

    assert done.returncode == 0, done.stderr
    assert (checkout / "asked").exists() == ("accepted" in licence)
    assert "docker compose run --rm models buffalo_l" in done.stdout


def test_weights_for_faces_that_are_there_are_not_spoken_of(checkout: Path) -> None:
    pack = checkout / "models" / "insightface" / "models" / "buffalo_s"
    pack.mkdir(parents=True)
    for weights in (pack / "det_500m.onnx", checkout / "models" / "yolov8n.onnx"):
        weights.write_bytes(b"weights")
    (checkout / ".env").write_text("INSIGHTFACE_LICENCE=accepted\n")

    done = make(checkout, "models-once")

    assert "recognised" not in done.stdout
    assert not (checkout / "asked").exists()


def test_weights_that_cannot_be_brought_do_not_stop_the_start(checkout: Path) -> None:
    """A house without internet gets its recordings all the same, and is told what it lacks."""
    (checkout / ".env").write_text("RTSP_URL=\n")

    done = make(checkout, "models-once")

    assert done.returncode == 0
    assert "run --rm --build models" in (checkout / "asked").read_text()
    assert "NOTICE: not all weights could be brought" in done.stderr


def test_a_start_that_fails_shows_what_the_folders_container_said(checkout: Path) -> None:
    """Compose itself says no more than that `prepare` ended with 1."""
    (checkout / ".env").write_text("RTSP_URL=\n")

    done = make(checkout, "up")

    assert done.returncode != 0
    assert (checkout / "asked").read_text().splitlines()[-1] == "compose logs --no-log-prefix prepare"
