"""The example files in the repository are right: people copy them."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared_utils.config import Config, load_config
from shared_utils.config.schema_file import json_schema
from shared_utils.errors import ConfigError

ROOT = Path(__file__).parents[2]
URL = "rtsp://user:password@192.168.1.20:554/stream1"


def test_the_example_configuration_says_the_defaults() -> None:
    """Whoever copies all of it gets what an empty file would have given."""
    example = load_config(ROOT / "vedette.example.yml", environment={"FRONT_DOOR_URL": URL})

    assert example == Config.model_validate({"cameras": {"front-door": {"url": URL}}})


def test_the_example_configuration_shows_every_key() -> None:
    text = (ROOT / "vedette.example.yml").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(json_schema())

    sections = [schema, *schema["$defs"].values()]
    missing = [
        name
        for section in sections
        for name in section["properties"]
        if not re.search(rf"^[ #]*{name}:", text, re.MULTILINE)
    ]

    assert missing == []


def test_the_example_configuration_matches_the_schema() -> None:
    example = yaml.safe_load((ROOT / "vedette.example.yml").read_text(encoding="utf-8"))

    jsonschema.validate(example, json.loads(json_schema()))


def test_the_example_environment_copied_as_it_is_asks_for_the_camera(tmp_path: Path) -> None:
    """It must not point at somebody's camera, and must not be broken either."""
    (tmp_path / "vedette.yml").touch()
    (tmp_path / ".env").write_bytes((ROOT / ".env.example").read_bytes())

    with pytest.raises(ConfigError, match="or set RTSP_URL"):
        load_config(tmp_path / "vedette.yml", environment={})


def test_every_line_of_the_example_environment_works_when_it_is_filled_in(tmp_path: Path) -> None:
    (tmp_path / "vedette.yml").touch()
    text = (ROOT / ".env.example").read_text(encoding="utf-8").replace("RTSP_URL=\n", "")
    (tmp_path / ".env").write_text(re.sub(r"^# (?=[A-Z_]+=)", "", text, flags=re.MULTILINE), encoding="utf-8")

    config = load_config(tmp_path / "vedette.yml", environment={})

    assert config.cameras["camera"].url.get_secret_value() == URL
    assert config.storage.max_age_hours == 168
