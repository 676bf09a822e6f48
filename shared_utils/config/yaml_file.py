"""Reading `vedette.yml`: values with their line numbers, `${NAME}` filled in, nothing surprising accepted.

Words mean what they say: only `true` and `false` are truth values, so `record: off` is the word "off"
(YAML 1.1 would make it false), and `12:30` or `2026-11-20` stay text.
"""

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import yaml

from shared_utils.config.sources import Layer, Path, Problem, Written, dotted
from shared_utils.errors import ConfigError

_MOST_VALUES = 20_000  # aliases of aliases can make a small file enormous
_REFERENCE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<inside>[^{}]*)(?P<end>\}?))")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """A safe loader that knows text, numbers, true, false and null only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - yaml's own convention


for _kind, _pattern, _first in (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)$", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9][0-9_]*\.[0-9]*|\.[0-9]+|[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+)$", "-+.0123456789"),
    ("merge", r"<<$", "<"),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), list(_first))


def read_yaml(path: FilePath, variables: Mapping[str, str]) -> Layer:
    """The file as a layer. Raises ConfigError if it cannot be read as YAML at all; lesser problems are in the layer."""
    text = _text_of(path)
    loader = _loader(path, text)
    try:
        node = loader.get_single_node()
        reader = _Reader(str(path), loader, variables)
        if node is not None:
            reader.layer.values.update(reader.document(node))
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax_error(path, text, error)) from None
    except RecursionError:
        raise ConfigError(f"{path} cannot be read: it is nested too deeply. Indent with two spaces.") from None
    finally:
        loader.dispose()
    return reader.layer


def _loader(path: FilePath, text: str) -> _Loader:
    try:
        return _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{path}:{line}: there is a control character (U+{int(error.character):04X}) that YAML does not allow. "
            "Delete it and save the file as UTF-8."
        ) from None


def _text_of(path: FilePath) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"There is no configuration file {path}. Name another one with --config, or write one: vedette init."
        ) from None
    except IsADirectoryError:
        raise ConfigError(
            f"The configuration {path} is a folder, not a file. (Docker makes a folder where a file to be mounted "
            "does not exist: delete it and write the file first.)"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    except OSError as error:
        raise ConfigError(
            f"The configuration {path} cannot be read: {error.strerror}. Check the file's owner and rights."
        ) from None


def _syntax_error(path: FilePath, text: str, error: yaml.MarkedYAMLError) -> str:
    """What is wrong and where. The line itself is not shown, nor names from it: it may hold a password."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    problem = re.sub(r"'[\w-]{2,}'", "a name", error.problem or "it is not YAML")
    lines = text.splitlines()
    advice = "Indent with two spaces, write 'key: value', and put text with special characters between quotes."
    if mark and line <= len(lines) and "\t" in lines[line - 1]:
        advice = "There is a tab in this line: YAML is indented with spaces."
    return f"{path}:{line}: this is not valid YAML: {problem}. {advice}"


class _Reader:
    """Turns YAML nodes into values, and remembers where each was written."""

    def __init__(self, name: str, loader: _Loader, variables: Mapping[str, str]) -> None:
        self.layer = Layer()
        self._name, self._loader, self._variables = name, loader, variables
        self._values_read = 0
        self._open: set[int] = set()  # nodes that are being read now: an alias to one of them never ends

    def document(self, node: yaml.Node) -> dict[str, Any]:
        value = self._value(node, ())
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ConfigError(
                f"{self._name}:{node.start_mark.line + 1}: the file must hold keys such as 'cameras:', "
                f"not {_kind_of(value)}."
            )
        return value

    def _value(self, node: yaml.Node, path: Path) -> object:
        self._values_read += 1
        if self._values_read > _MOST_VALUES or id(node) in self._open:
            raise ConfigError(f"{self._name}:{node.start_mark.line + 1}: the aliases (*name) in this file never end.")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self._at(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _at(self, node: yaml.Node, path: Path, line: int | None = None) -> object:
        """The value of a node, its place remembered."""
        where = f"{self._name}:{(node.start_mark.line if line is None else line) + 1}"
        text = node.value if isinstance(node, yaml.ScalarNode) else None
        self.layer.written[path] = Written(where, text)
        return self._value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        self._refuse_duplicates(node, path)
        self._loader.flatten_mapping(node)  # <<: *defaults
        return {
            key.value: self._at(value, (*path, key.value), key.start_mark.line)
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode)
        }

    def _refuse_duplicates(self, node: yaml.MappingNode, path: Path) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._complain(line, path, "a key must be a plain word. Put a value that starts with { or [ in quotes")
            elif key.value in first:
                self._complain(
                    line,
                    (*path, key.value),
                    f"is there twice (first in line {first[key.value]}). Delete one of the two",
                )
            else:
                first[key.value] = line

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        plain = self._loader.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
        if node.tag == _TAG + "str":
            return self._filled_in(node.value, node.start_mark.line + 1, path)
        try:
            if node.tag == plain and node.tag != _TAG + "merge":
                return self._loader.construct_object(node)
        except ValueError:  # a number with more digits than Python reads
            return node.value
        self._complain(node.start_mark.line + 1, path, "tags (!name) are not used here. Write the plain value")
        return None

    def _filled_in(self, text: str, line: int, path: Path) -> str:
        """The text with every `${NAME}` replaced; a missing one is a problem of its key."""

        def replacement(found: re.Match[str]) -> str:
            if found["escaped"]:
                return "$"
            name, has_default, default = found["inside"].partition(":-")
            if not found["end"] or not _NAME.fullmatch(name):
                self._complain(line, path, "has '${' without a name and '}'. Write ${NAME}, or $${ for the characters")
                return ""
            value = self._variables.get(name, "")
            if not value and not has_default:
                self._complain(
                    line, path, f"needs ${{{name}}}, which is not set. Add {name}=... to .env or the environment"
                )
            return value or default

        return _REFERENCE.sub(replacement, text)

    def _complain(self, line: int, path: Path, text: str) -> None:
        self.layer.problems.append(Problem(f"{self._name}:{line}", dotted(path), f"{text}."))


def _kind_of(value: object) -> str:
    return "a list" if isinstance(value, list) else "a single value"
