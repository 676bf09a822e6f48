"""Validation errors in our own words: where, which key, what value, what is expected. No secret is ever shown."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from shared_utils.config.schema import Config
from shared_utils.config.sources import Path, Problem, Written, dotted, where_written
from shared_utils.config.suggest import did_you_mean

# Documented for later versions: whoever follows newer documentation is told so.
_NOT_YET = {"record": {"person"}, "source": {"gstreamer"}}
_ADDRESS = re.compile(r":/|@")
_MAY_BE_SECRET = re.compile(r"@|pass|pwd|token|key|auth", re.IGNORECASE)
_COMPARISONS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_KINDS = {
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number", "float_type": "a number", "float_parsing": "a number",
    "finite_number": "a number that is not infinite", "bool_type": "true or false", "bool_parsing": "true or false",
    "string_type": "text", "path_type": "a path", "tuple_type": "a list, such as [a, b]",
    "model_type": "a section with keys of its own", "dict_type": "a section with keys of its own",
    "model_attributes_type": "a section with keys of its own",
}  # fmt: skip


def explain(errors: Iterable[ErrorDetails], written: Mapping[Path, Written]) -> list[Problem]:
    """One problem for each error of pydantic."""
    return [_explain_one(error, written) for error in errors]


def _explain_one(error: ErrorDetails, written: Mapping[Path, Written]) -> Problem:
    path: Path = error["loc"]
    place = where_written(written, path)
    where = place.where if place else ""
    if path[-1:] == ("[key]",):
        text = "is no camera name. Use a-z, 0-9, - and _, at most 64, the first and the last a letter or digit"
        return Problem(where, dotted(path[:-1]), f"{text}, for example front-door.")
    section, field = _field_at(path)
    return Problem(where, dotted(path) + _shown_value(path, field, written), _text(error, section, field))


def _text(error: ErrorDetails, section: type[BaseModel], field: FieldInfo | None) -> str:
    if error["type"] == "extra_forbidden":
        return _unknown_key(str(error["loc"][-1]), section)
    name = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "missing":
        return f"is missing. {_about(field)}"
    if error["type"] == "none_required" or (
        error["type"] == "literal_error" and str(error["input"]) in _NOT_YET.get(name, ())
    ):
        return f"is not available in this version. {_about(field)}{_accepted(field)}"
    return f"must be {_expectation(error)}. {_about(field)}"


def _expectation(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] in _COMPARISONS:
        bound, words = _COMPARISONS[error["type"]]
        return f"{words} {context[bound]}"
    if error["type"] == "literal_error":
        return f"one of {context['expected']}"
    if error["type"] == "too_short":
        return f"a list of at least {context['min_length']}"
    if error["type"] == "value_error":
        return str(context["error"])
    return _KINDS.get(error["type"], f"valid ({error['type']})")


def _unknown_key(key: str, section: type[BaseModel]) -> str:
    known = list(section.model_fields)
    near = did_you_mean(key, known)
    return f"is not a key here; did you mean {near!r}?" if near else f"is not a key here. Known: {', '.join(known)}."


def _about(field: FieldInfo | None) -> str:
    return f"({field.description.rstrip('.')}.)" if field and field.description else ""


def _accepted(field: FieldInfo | None) -> str:
    values = [str(value) for value in get_args(field.annotation)] if field else []
    return f" Accepted: {', '.join(values)}." if values else ""


def _shown_value(path: Path, field: FieldInfo | None, written: Mapping[Path, Written]) -> str:
    """` = value` as it was written, before `${NAME}` was filled in; nothing if it is secret or a whole section."""
    place = written.get(path)
    if place is None or field is None or not isinstance(place.text, str) or _section_of(field.annotation):
        return ""
    may_be_address = field.annotation is SecretStr or _ADDRESS.search(place.text)
    return "" if may_be_address and _MAY_BE_SECRET.search(place.text) else f" = {place.text[:80]}"


def _field_at(path: Path) -> tuple[type[BaseModel], FieldInfo | None]:
    """The section that a path leads into, and the field it ends at or in (None for an unknown key)."""
    section: type[BaseModel] = Config
    field: FieldInfo | None = None
    for name in path:
        if isinstance(name, int):
            continue
        if field is not None and (below := _section_of(field.annotation)):
            section = below
            if get_origin(field.annotation) is dict:
                field = FieldInfo(annotation=below)  # a camera, by its name
                continue
        field = section.model_fields.get(name)
    return section, field


def _section_of(annotation: Any) -> type[BaseModel] | None:
    found = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in found if issubclass(kind, BaseModel)), None)
