"""Reading the configuration: YAML file, `.env`, environment; every error names key, value and fix."""

from pathlib import Path

from shared_utils.config.schema import Config


def load_config(path: Path | None = None, *, video_dir: Path | None = None) -> Config:
    """Read `vedette.yml`, filled in and overridden from the environment.

    `path` None means `vedette.yml` in this folder if it exists, else `RTSP_URL` alone.
    Raises ConfigError.
    """
    raise NotImplementedError
