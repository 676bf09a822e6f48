"""What the images promise, as far as the files alone can show it."""

from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted(REPO.glob("Dockerfile.*"))
BASE_ENDS = "# end of base\n"


def base_of(path: Path) -> str:
    head, mark, _ = path.read_text().partition(BASE_ENDS)
    assert mark, f"{path.name} has no base part"
    return head


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
    compose = yaml.safe_load((REPO / "docker-compose.yml").read_text())
    services = {name: one for name, one in compose["services"].items() if name not in {"prepare", "models"}}

    for name, service in services.items():
        assert service["restart"] == "always", name
        assert service["init"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert not str(service["user"]).startswith("0"), name


def test_redis_is_reachable_from_this_host_only() -> None:
    compose = yaml.safe_load((REPO / "docker-compose.yml").read_text())

    ports = compose["services"]["redis"]["ports"]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", ["base", "capture", "worker", "worker-gpu", "emulator", "local", "dev"])
def test_exactly_one_opencv_and_no_torch_is_pinned(name: str) -> None:
    """Two OpenCV wheels overwrite each other's files; torch would bring gigabytes."""
    pins = [line.split("==")[0] for line in (REPO / "requirements" / f"{name}.txt").read_text().splitlines()]

    assert all("==" in line for line in (REPO / "requirements" / f"{name}.txt").read_text().splitlines())
    assert [pin for pin in pins if pin.startswith("opencv")] in ([], ["opencv-python-headless"])
    assert not [pin for pin in pins if pin.startswith("torch")]
