"""What the environment and `.env` say: `VEDETTE_STORAGE__MAX_AGE_HOURS=24`, and the few plain names."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel
from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from shared_utils.config.schema import Config
from shared_utils.config.sources import Layer, Path, Problem, Written, dotted
from shared_utils.config.suggest import did_you_mean
from shared_utils.errors import ConfigError

PREFIX, DELIMITER = "VEDETTE_", "__"
PLAIN_NAMES: dict[str, Path] = {
    "REDIS_URL": ("redis_url",),
    "VIDEO_DIR": ("video_dir",),
    "MODELS_DIR": ("models_dir",),
    "STATE_DIR": ("state_dir",),
}
RTSP_URL = "RTSP_URL"
ONLY_CAMERA = "camera"  # the name of the camera that RTSP_URL alone makes


class _Shape(Config, BaseSettings):  # type: ignore[misc] # both have a model_config; pydantic merges them
    """The configuration as pydantic-settings wants to see it: it tells lists and sections from plain values."""


class _OneVariable(EnvSettingsSource):
    """One variable at a time, so that whatever is wrong with it can be said with its name."""

    def __init__(self, name: str, value: str) -> None:
        self._variable = {name.lower(): value}
        super().__init__(_Shape, env_prefix=PREFIX, env_nested_delimiter=DELIMITER)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return dict(self._variable)


@dataclass(frozen=True, slots=True)
class Variables:
    """The environment over `.env`. An empty variable counts as unset, as compose passes `RTSP_URL=` for none."""

    environment: Mapping[str, str]
    dotenv: Mapping[str, str]
    dotenv_file: str = ".env"

    def all(self) -> dict[str, str]:
        return {name: value for name, value in {**self.dotenv, **_set(self.environment)}.items() if value}

    def written(self, name: str, text: object) -> Written:
        in_environment = bool(self.environment.get(name))
        return Written(f"environment variable {name}" if in_environment else f"{name} in {self.dotenv_file}", text)


def read_variables(folders: list[FilePath], environment: Mapping[str, str] | None = None) -> Variables:
    """The environment, and the first `.env` found in the folders. Raises ConfigError if that cannot be read."""
    environment = os.environ if environment is None else environment
    for path in (folder / ".env" for folder in folders):
        values = _read_dotenv(path)
        if values is not None:
            return Variables(environment, values, str(path))
    return Variables(environment, {})


def _read_dotenv(path: FilePath) -> dict[str, str] | None:
    """What it sets to something; None if there is no such file."""
    try:
        if not path.is_file():
            return None
        # no interpolation: a `$` in a password means itself
        values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Check the file's owner and rights.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    return {name: value for name, value in values.items() if value}


def _set(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if value}


def environment_layer(variables: Variables, file_cameras: Mapping[str, Any]) -> Layer:
    """What the variables say, as a layer over the file whose cameras are given."""
    layer = Layer()
    found = variables.all()
    for name, value in sorted(found.items()):
        if name.upper().startswith(PREFIX):
            _put_prefixed(layer, variables.written(name, value), name, value, file_cameras)
    for name, path in PLAIN_NAMES.items():
        if name in found:
            layer.put(path, found[name], variables.written(name, found[name]))
    cameras = layer.values.get("cameras", {})
    if RTSP_URL in found and not file_cameras and set(cameras) <= {ONLY_CAMERA}:
        path = ("cameras", ONLY_CAMERA, "url")
        if path not in layer.written:
            layer.put(path, found[RTSP_URL], variables.written(RTSP_URL, found[RTSP_URL]))
    return layer


def _put_prefixed(layer: Layer, written: Written, name: str, value: str, file_cameras: Mapping[str, Any]) -> None:
    path: Path = tuple(name[len(PREFIX) :].lower().split(DELIMITER))
    if path[0] not in Config.model_fields or not all(path):
        layer.problems.append(Problem(written.where, "", _unknown_variable(name)))
        return
    try:
        parsed: Any = _OneVariable(name, value)()
        for step in path:
            parsed = parsed[step]
    except (SettingsError, ValueError, KeyError, TypeError):
        text = 'cannot be read. Lists and sections are written as JSON, for example ["person","car"].'
        layer.problems.append(Problem(written.where, dotted(path), text))
        return
    layer.put(_with_camera_name(path, file_cameras), parsed, written)


def _with_camera_name(path: Path, file_cameras: Mapping[str, Any]) -> Path:
    """FRONT_DOOR means the camera front-door if the file has it: a shell variable cannot hold a `-`."""
    if path[0] != "cameras" or len(path) == 1 or path[1] in file_cameras:
        return path
    same = [name for name in file_cameras if name.replace("-", "_") == path[1]]
    return (path[0], same[0], *path[2:]) if len(same) == 1 else path


def _unknown_variable(name: str) -> str:
    known = [PREFIX + DELIMITER.join(path).upper() for path in _plain_keys(Config, ())]
    near = did_you_mean(name, known) or _by_last_part(name, known)
    return (
        f"there is no such setting; did you mean {near}?"
        if near
        else (
            f"there is no such setting. Names are {PREFIX}SECTION{DELIMITER}KEY, for example "
            "VEDETTE_STORAGE__MAX_AGE_HOURS; see docs/reference/configuration.md."
        )
    )


def _by_last_part(name: str, known: list[str]) -> str | None:
    """VEDETTE_MAX_AGE_HOURS lacks its section, which is too far off for a spelling match."""
    last = name[len(PREFIX) :].rpartition(DELIMITER)[2].upper()
    return next((right for right in known if right.rpartition(DELIMITER)[2] == last), None)


def _plain_keys(section: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in section.model_fields.items():
        below = field.annotation
        if isinstance(below, type) and issubclass(below, BaseModel):
            yield from _plain_keys(below, (*path, name))
        else:
            yield (*path, name)
