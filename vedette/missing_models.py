"""Which weights the configuration asks for and this machine does not have, and what that means until they come.

Looked at by the live screen twice a second, so no model is opened here; `vedette check` does that.
"""

from collections.abc import Iterator
from pathlib import Path

from shared_utils.config import Config
from shared_utils.config.schema import FacesConfig
from shared_utils.errors import ModelError
from shared_utils.models import HOG, PACKS_FOLDER, ModelMissingError, find_model, load_sources
from shared_utils.tasks import FACE_QUEUE

MODELS_OF_A_PACK = 2  # a detector and a recogniser


def missing_models(config: Config) -> tuple[str, ...]:
    """What is to be said about weights that are not there, as sentences; empty if all is well."""
    return tuple(_missing(config))


def missing_object_model(config: Config) -> str | None:
    if config.objects.model == HOG:
        return None
    try:
        find_model(config.objects.model, config.models_dir)
    except ModelError as error:
        return f"{error} Until then people only are found, by OpenCV's HOG."
    return None


def missing_face_model(config: Config) -> str | None:
    """None, too, if no camera asks for faces."""
    if not faces_are_asked_for(config):
        return None
    try:
        require_pack_files(config)
    except ModelError as error:
        return f"{error} Until then nobody is recognised: the tasks wait in {FACE_QUEUE}, and the face worker for it."
    return None


def faces_are_asked_for(config: Config) -> bool:
    return any("faces" in camera.analyses for camera in config.cameras.values())


def require_pack_files(config: Config) -> None:
    """Raises ModelMissingError unless the pack is there, with its files if it is one of those that can be fetched."""
    folder = find_model(config.faces.model, config.models_dir)
    listed = load_sources().get(folder.name)
    if listed is not None and not all((folder / file).is_file() for file in listed.files):
        raise ModelMissingError(config.faces.model, config.models_dir)


def find_any_pack(models_dir: Path) -> str | None:
    """A pack for faces that is there: the one that is used by default, else the first by its name."""
    usual = FacesConfig().model
    folders = sorted(models_dir.glob(f"{PACKS_FOLDER}/*/"), key=lambda folder: (folder.name != usual, folder.name))
    return next((folder.name for folder in folders if len(list(folder.glob("*.onnx"))) >= MODELS_OF_A_PACK), None)


def has_its_weights(config: Config, queue: str) -> bool:
    """Whether the worker of a queue can work; the object worker always can."""
    return queue != FACE_QUEUE or missing_face_model(config) is None


def _missing(config: Config) -> Iterator[str]:
    for missing in (missing_object_model(config), missing_face_model(config)):
        if missing is not None:
            yield missing
