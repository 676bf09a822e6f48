"""A command that is run in a folder of its own, with nothing configured by the environment."""

from pathlib import Path

import pytest

_CONFIGURES = ("RTSP_URL", "REDIS_URL", "VIDEO_DIR", "STATE_DIR", "MODELS_DIR")


def work_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the folder the current one, and forget what the environment says."""
    monkeypatch.chdir(folder)
    for name in _CONFIGURES:
        monkeypatch.delenv(name, raising=False)
