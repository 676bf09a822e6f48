"""`vedette.yml`: closed, typed, frozen. `load_config` reads it; `Config` is what it says."""

from shared_utils.config.load import load_config
from shared_utils.config.schema import (
    CameraConfig,
    Config,
    FacesConfig,
    MetricsConfig,
    MotionConfig,
    ObjectsConfig,
    StorageConfig,
)

__all__ = [
    "CameraConfig",
    "Config",
    "FacesConfig",
    "MetricsConfig",
    "MotionConfig",
    "ObjectsConfig",
    "StorageConfig",
    "load_config",
]
