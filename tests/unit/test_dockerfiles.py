"""What the images promise, as far as the files alone can show it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted(REPO.glob("Dockerfile.*"))
BASE_ENDS = "# end of base\n"
ONE_SHOT = {"prepare", "models", "faces"}
WORKERS = {"video-worker": "OBJECTS", "face-worker": "FACES"}  # with the section of the configuration that is theirs


def base_of(path: Path) -> str:
    head, mark, _ = path.read_text().partition(BASE_ENDS)
    assert mark, f"{path.name} has no base part"
    return head


def composed(name: str) -> dict[str, Any]:
    """The services of a compose file."""
    services: dict[str, Any] = yaml.safe_load((REPO / name).read_text())["services"]
    return services


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_every_dockerfile_opens_with_the_same_base(path: Path) -> None:
    """Only identical lines give shared layers; one base edited alone would silently fork the images."""
    base = base_of(REPO / "Dockerfile.base")

    assert base_of(path) == base


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_no_image_runs_as_root(path: Path) -> None:
    users = [line.split()[1] for line in path.read_text().splitlines() if line.startswith("USER ")]

    assert users[-1] == "vedette"


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_every_install_is_pinned_and_without_dependencies(path: Path) -> None:
    """`--no-deps` is what keeps a second OpenCV and torch out."""
    installs = [line for line in path.read_text().splitlines() if "pip install" in line]
    # What torch needs depends on the index that its wheel comes from; only the one-shot image has it.
    if path.name == "Dockerfile.models":
        installs = [line for line in installs if "requirements/torch.txt" not in line]

    assert installs
    assert all("--no-deps -r requirements/" in line for line in installs)


def test_every_long_running_service_is_hardened_and_restarts() -> None:
    services = {name: one for name, one in composed("docker-compose.yml").items() if name not in ONE_SHOT}

    for name, service in services.items():
        assert service["restart"] == "always", name
        assert service["init"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert not str(service["user"]).startswith("0"), name


def test_a_service_that_ends_by_itself_is_as_hardened_and_is_not_started_again() -> None:
    """Enrolling people is no less exposed than recording them; started again and again, it would enrol for ever."""
    services = composed("docker-compose.yml")

    for name in ONE_SHOT - {"prepare"}:
        assert services[name]["restart"] == "no"
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["read_only"] is True
        assert services[name]["profiles"]


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_on_a_gpu_asks_the_engine_for_one_and_the_runtime_too(worker: str) -> None:
    """Without the one it sees no GPU, without the other it would not use it."""
    normal, on_gpu = composed("docker-compose.yml")[worker], composed("docker-compose.gpu.yml")[worker]

    assert on_gpu["image"] == f"{normal['image']}-gpu"
    requirements = on_gpu["build"]["args"]["REQUIREMENTS"]
    assert f"{(REPO / normal['build']['dockerfile']).suffix[1:]}-gpu" == requirements
    assert "onnxruntime-gpu==" in (REPO / "requirements" / f"{requirements}.txt").read_text()
    assert on_gpu["environment"] == {f"VEDETTE_{WORKERS[worker]}__DEVICE": "cuda"}
    [device] = on_gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


@pytest.mark.parametrize("name", [*WORKERS, "faces"])
def test_weights_are_read_and_never_written_by_those_who_use_them(name: str) -> None:
    """Of what parses files from cameras, nothing may change what the next start runs."""
    [mount] = [one for one in composed("docker-compose.yml")[name]["volumes"] if ":/models" in one]

    assert mount.endswith(":/models:ro")


def test_the_gallery_is_on_a_volume_of_its_own_that_no_worker_sees() -> None:
    """It is a database, which a network share would break; workers match against the copy below ./video."""
    services = composed("docker-compose.yml")

    with_state = {
        name for name, one in services.items() if any(":/state" in volume for volume in one.get("volumes", ()))
    }

    assert with_state == {"prepare", "faces"}
    assert services["faces"]["environment"]["STATE_DIR"] == "/state"


def test_redis_is_reachable_from_this_host_only() -> None:
    ports = composed("docker-compose.yml")["redis"]["ports"]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize(
    "name", ["base", "capture", "worker", "worker-gpu", "face", "face-gpu", "emulator", "local", "dev"]
)
def test_exactly_one_opencv_and_no_torch_is_pinned(name: str) -> None:
    """Two OpenCV wheels overwrite each other's files; torch would bring gigabytes."""
    pins = [line.split("==")[0] for line in (REPO / "requirements" / f"{name}.txt").read_text().splitlines()]

    assert all("==" in line for line in (REPO / "requirements" / f"{name}.txt").read_text().splitlines())
    assert [pin for pin in pins if pin.startswith("opencv")] in ([], ["opencv-python-headless"])
    assert not [pin for pin in pins if pin.startswith("torch")]
