"""Writes what can be said about the configuration from its shape alone: the JSON Schema and the reference page.

`python -m shared_utils.config.schema_file` writes both into docs/reference/; a test fails when they are not current.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from shared_utils.config.environment import DELIMITER, PLAIN_NAMES, PREFIX
from shared_utils.config.schema import Config

SCHEMA_NAME, REFERENCE_NAME = "vedette.schema.json", "configuration.md"
_DOCS = Path(__file__).parents[2] / "docs" / "reference"
_BOUNDS = {
    "gt": "more than {}",
    "ge": "at least {}",
    "lt": "less than {}",
    "le": "at most {}",
    "min_length": "{} or more",
}
_HEAD = """\
# Configuration: every key

<!-- Written by `python -m shared_utils.config.schema_file` from shared_utils/config/schema.py: change it there. -->

How to use them is told in the [guide](../guide/configuration.md). Editors complete and check `vedette.yml` by
[vedette.schema.json](vedette.schema.json); `vedette init` writes the line that tells them so.

Keys that are not listed here are refused. What wins: the command line, then the environment, then `.env`, then the
file, then the default. Relative paths are relative to the folder in which the program is started.
"""
_TAIL = """
## Plain environment variables

| Variable | Same as |
| --- | --- |
| `RTSP_URL` | the `url` of one camera named `camera` if none is configured, else only a value for `${{RTSP_URL}}` |
{rows}

Each wins over the `VEDETTE_` variable of the same key. An empty variable counts as unset.
Unknown variables that begin with `VEDETTE_` are refused. Lists are JSON: `VEDETTE_OBJECTS__LABELS=["person"]`.
"""


def json_schema() -> str:
    """The JSON Schema of `vedette.yml`, for editors."""
    schema: dict[str, Any] = Config.model_json_schema()
    schema["properties"]["cameras"]["additionalProperties"] = False  # names that break the pattern are refused
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "vedette.yml"}
    return json.dumps(schema | head, indent=2) + "\n"


def reference() -> str:
    """The reference page, in Markdown."""
    rows = "\n".join(f"| `{name}` | `{path[-1]}` |" for name, path in PLAIN_NAMES.items())
    return _HEAD + "".join(_section("", Config)) + _TAIL.format(rows=rows)


def _section(prefix: str, section: type[BaseModel]) -> Iterator[str]:
    """The table of a section, then the tables of those below it."""
    plain = {name: field for name, field in section.model_fields.items() if _below(field) is None}
    title = f"`{prefix.rstrip('.')}`" if prefix else "Top level"
    yield f"\n## {title}\n\n| Key | Value | Default | Meaning |\n| --- | --- | --- | --- |\n"
    for name, field in plain.items():
        yield f"| `{name}` | {_values(field)} | {_default(field)} | {field.description} |\n"
    if prefix or plain:
        yield f"\nIn the environment: `{_variable(prefix)}`.\n"
    for name, field in section.model_fields.items():
        if below := _below(field):
            is_dict = get_origin(field.annotation) is dict
            yield from _section(f"{prefix}{name}.{'NAME.' if is_dict else ''}", below)


def _variable(prefix: str) -> str:
    return PREFIX + prefix.upper().replace(".", DELIMITER) + "KEY"


def _below(field: FieldInfo) -> type[BaseModel] | None:
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _values(field: FieldInfo) -> str:
    bounds = [
        text.format(bound)
        for rule in field.metadata
        for name, text in _BOUNDS.items()
        if (bound := getattr(rule, name, None)) is not None
    ]
    return ", ".join([_kind(field.annotation), *bounds])


def _kind(annotation: Any) -> str:
    names = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}
    arguments = [argument for argument in get_args(annotation) if argument not in (Ellipsis, type(None))]
    if annotation in names:
        return names[annotation]
    if annotation is SecretStr:
        return "address (secret)"
    if get_origin(annotation) is tuple:
        inner = _kind(arguments[0])
        return "list of polygons" if "list" in inner else f"list of {inner}"
    if arguments and all(isinstance(argument, str) for argument in arguments):
        return ", ".join(f"`{argument}`" for argument in arguments)
    return " or ".join(_kind(argument) for argument in arguments) or "null"


def _default(field: FieldInfo) -> str:
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{value}`" if isinstance(value, Path | str) else f"`{json.dumps(value)}`"


def main() -> None:
    for name, text in ((SCHEMA_NAME, json_schema()), (REFERENCE_NAME, reference())):
        (_DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (_DOCS / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"written: {_DOCS / name}\n")


if __name__ == "__main__":
    main()
