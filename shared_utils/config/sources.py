"""Where each value of the configuration was written, so that an error can point at it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_PLAIN_WORDS = re.compile(r"[\w .-]{0,100}")
Path = tuple[str | int, ...]  # ("cameras", "front-door", "motion", "masks", 0)


@dataclass(frozen=True, slots=True)
class Written:
    """One value as somebody wrote it: the place, and the text before any `${NAME}` was filled in."""

    where: str  # "vedette.yml:12", "environment variable REDIS_URL"
    text: object


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, complete in itself. It never holds a secret."""

    where: str
    key: str  # dotted; empty if the whole file is meant
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.text) if part)


@dataclass(slots=True)
class Layer:
    """What one source says: the values, nested as in the file, and where each was written."""

    values: dict[str, Any] = field(default_factory=dict)
    written: dict[Path, Written] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def put(self, path: Path, value: object, written: Written) -> None:
        """Set one value, making the sections above it; a plain value in the way is replaced."""
        here = self.values
        for name in path[:-1]:
            below = here.get(str(name))
            if not isinstance(below, dict):
                below = here[str(name)] = {}
            here = below
        here[str(path[-1])] = value
        self.written[path] = written

    def over(self, lower: "Layer") -> "Layer":
        """Both together; where both say something, this layer wins."""
        return Layer(
            _merged(lower.values, self.values), lower.written | self.written, [*lower.problems, *self.problems]
        )


def where_written(written: Mapping[Path, Written], path: Path) -> Written | None:
    """The value at the path, else the nearest section above it that somebody wrote."""
    return next((written[above] for above in _upwards(path) if above in written), None)


def dotted(path: Path) -> str:
    """`cameras.front-door.motion.masks[0]`; an address that somebody wrote where a key belongs is not shown."""
    text = ""
    for name in path:
        shown = name if isinstance(name, int) or _PLAIN_WORDS.fullmatch(name) else "(not shown)"
        text += f"[{shown}]" if isinstance(name, int) else f".{shown}" if text else str(shown)
    return text


def _upwards(path: Path) -> Iterator[Path]:
    for length in range(len(path), 0, -1):
        yield path[:length]


def _merged(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    both = dict(lower)
    for name, value in upper.items():
        below = both.get(name)
        both[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return both
