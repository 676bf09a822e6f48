"""The guide's examples load, and the headings of troubleshooting are messages that the code really writes."""

import errno
import os
import re
from pathlib import Path

import pytest

from shared_utils.config import load_config

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
URLS = dict.fromkeys(("FRONT_DOOR_URL", "GARDEN_URL"), "rtsp://viewer:password@192.168.1.20:554/stream1")


def yaml_blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (GUIDE / "configuration.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", yaml_blocks())
def test_every_example_of_the_guide_loads(tmp_path: Path, text: str) -> None:
    (tmp_path / "vedette.yml").write_text(text, encoding="utf-8")

    config = load_config(tmp_path / "vedette.yml", environment=URLS)

    assert "front-door" in config.cameras


def test_the_variables_of_the_guide_work(tmp_path: Path) -> None:
    """They are the lines indented by four that begin with VEDETTE_."""
    text = (GUIDE / "configuration.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    (VEDETTE_\w+=.*)$", text, re.MULTILINE)
    (tmp_path / "vedette.yml").write_text(yaml_blocks()[0], encoding="utf-8")
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")

    config = load_config(tmp_path / "vedette.yml", environment=URLS)

    assert config.storage.max_age_hours == 24
    assert config.cameras["front-door"].record == "off"
    assert config.objects.labels == ("person", "car")


def test_headings_of_troubleshooting_are_literal_messages() -> None:
    """People search for what they see on their screen."""
    text = (GUIDE / "troubleshooting.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### (.+)$", text, re.MULTILINE)
    code = "".join(
        path.read_text(encoding="utf-8")
        for package in ("capture_service", "face_worker", "rtsp_emulator", "shared_utils", "vedette", "video_worker")
        for path in (ROOT / package).rglob("*.py")
    )
    # strings that go on in the next line are one string; what is filled in is `…` in a heading
    joined = re.sub(r"\{[^{}\"]*\}", "…", re.sub(r'"\s*\n\s*f?"', "", code)).replace("……", "…")

    joined += "".join(os.strerror(number) for number in errno.errorcode)  # the system's words are passed on

    def written(heading: str) -> bool:
        return all(
            part.strip("…{}$ ?;.,") in joined for part in re.split(r"…|\$\{…\}", heading) if part.strip("…{}$ ?;.,")
        )

    assert [heading for heading in headings if not written(heading)] == []
