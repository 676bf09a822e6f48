"""The JSON Schema and the reference page say what the code says."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from shared_utils.config.schema_file import REFERENCE_NAME, SCHEMA_NAME, json_schema, reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "reference"
ADVICE = "run: python -m shared_utils.config.schema_file"


def test_the_json_schema_is_current() -> None:
    """Editors would underline right keys and offer wrong ones."""
    assert (DOCS / SCHEMA_NAME).read_text(encoding="utf-8") == json_schema(), ADVICE


def test_the_reference_page_is_current() -> None:
    assert (DOCS / REFERENCE_NAME).read_text(encoding="utf-8") == reference(), ADVICE


def test_every_key_is_described() -> None:
    schema = json.loads(json_schema())
    sections = [schema, *schema["$defs"].values()]

    undescribed = [
        name
        for section in sections
        for name, field in section["properties"].items()
        if not (field.get("description") or "$ref" in field)  # a section's own description serves it
    ]

    assert undescribed == []


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("cameras: {door: {url: '${DOOR}', motion: {masks: [[[0, 0], [1, 0], [1, 1]]]}}}", True),
        ("cameras: {door: {}}", False),
        ("cameras: {Door: {url: x}}", False),
        ("cameras: {door: {url: x, colour: red}}", False),
        ("storage: {max_age_hours: 0}", False),
    ],
)
def test_the_json_schema_refuses_what_the_loader_refuses(text: str, valid: bool) -> None:
    schema = jsonschema.Draft202012Validator(json.loads(json_schema()))

    assert schema.is_valid(yaml.safe_load(text)) is valid
