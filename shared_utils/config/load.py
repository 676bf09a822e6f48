"""Reading the configuration: YAML file, `.env`, environment; every error names key, value and fix.

What wins: the command line, then the environment, then `.env`, then the file, then the default.
Relative paths are relative to the current folder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from shared_utils.config.environment import Variables, environment_layer, read_variables
from shared_utils.config.explain import explain
from shared_utils.config.schema import Config
from shared_utils.config.sources import Layer, Problem, Written
from shared_utils.config.yaml_file import read_yaml
from shared_utils.errors import ConfigError

DEFAULT_FILE = Path("vedette.yml")


def load_config(
    path: Path | None = None,
    *,
    video_dir: Path | None = None,
    cameras_required: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Read `vedette.yml`, filled in and overridden from the environment.

    `path` None means `vedette.yml` in this folder if it exists, else the environment alone (`RTSP_URL`).
    `cameras_required` False is for commands that need the queue or the folder only.
    Raises ConfigError, which lists everything that is wrong.
    """
    file = path or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    variables = read_variables([file.parent, Path()] if file else [Path()], environment)
    layer = _layers(file, variables, video_dir)
    config, problems = _validated(layer)
    if config is not None and cameras_required and not config.cameras:
        problems = [*problems, _no_camera(file)]
    if config is None or problems:
        raise ConfigError(_as_text(problems))
    return config


def _layers(file: Path | None, variables: Variables, video_dir: Path | None) -> Layer:
    """The file, the variables and the command line, each over the one before."""
    layer = read_yaml(file, variables.all()) if file else Layer()
    cameras = layer.values.get("cameras")
    layer = environment_layer(variables, cameras if isinstance(cameras, dict) else {}).over(layer)
    if video_dir is not None:
        layer.put(("video_dir",), video_dir, Written("--video-dir", str(video_dir)))
    return layer


def _validated(layer: Layer) -> tuple[Config | None, list[Problem]]:
    """The configuration, or everything that is wrong with it."""
    known = {problem.key for problem in layer.problems}
    try:
        return Config.model_validate(layer.values), layer.problems
    except ValidationError as error:
        found = explain(error.errors(include_url=False), layer.written)
        # a value that could not be filled in is wrong in other ways too: once is enough
        return None, [*layer.problems, *(problem for problem in found if problem.key.partition(" = ")[0] not in known)]


def _no_camera(file: Path | None) -> Problem:
    if file is None:
        text = f"there is no vedette.yml in {Path.cwd()}, and RTSP_URL is not set"
        return Problem(
            "", "", f"{text}. Write one with 'vedette init', or set RTSP_URL=rtsp://user:password@host/path."
        )
    return Problem(
        str(file), "cameras", "no camera is configured. Add one below 'cameras:', or set RTSP_URL (Docker: in .env)."
    )


def _as_text(problems: Sequence[Problem]) -> str:
    if len(problems) == 1:
        return str(problems[0])
    return "\n".join([f"The configuration has {len(problems)} problems:", *(f"  - {problem}" for problem in problems)])
