"""A pack: the folder of models that belong together, as InsightFace publishes them. Nothing is ever downloaded."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from insightface.model_zoo.package_manifest import has_model_package_manifest

from shared_utils.embedding_models import embedding_model
from shared_utils.models import PACKS_FOLDER, ModelMissingError, UnusableModelError, find_model, load_sources

PACKS_DIR = Path(PACKS_FOLDER)  # in MODELS_DIR
_LEAST_DETECTOR_OUTPUTS = 5  # how InsightFace itself tells a detector from the other models of a pack
_LEAST_CROP_PX = 112
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ADVICE = "A pack is a folder with one SCRFD detector and one ArcFace recogniser, such as buffalo_l or buffalo_s."


@dataclass(frozen=True, slots=True)
class Pack:
    """The two models of a pack that are used; landmarks in 3D, age and sex are left where they lie."""

    name: str  # of the folder; stands in every line
    detector: Path
    recogniser: Path

    def recogniser_id(self) -> str:
        """What tells the weights of two recognisers apart: 16 hex digits of the file's SHA-256."""
        with self.recogniser.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]

    def embedding_model(self) -> str:
        """As `FaceEngine.embedding_model`, without loading anything."""
        return embedding_model(self.name, self.recogniser_id())


def find_pack(name: str, models_dir: Path) -> Pack:
    """Find a pack by its bare name, by its path below `models_dir`, or by an absolute path.

    Raises ModelMissingError where there is no such folder, or a listed one lacks a file; UnusableModelError where it
    is no pack.
    """
    folder = find_model(name, models_dir)
    if not folder.is_dir():
        raise UnusableModelError(folder, "it is a file", _ADVICE)
    if not _PLAIN_NAME.fullmatch(folder.name):
        raise UnusableModelError(folder, "its name becomes part of file names", "Give it a name such as buffalo_l.")
    if has_model_package_manifest(folder):
        raise UnusableModelError(
            folder, "its manifest.json is of a newer kind of pack, which is not known here", _ADVICE
        )
    listed = load_sources().get(folder.name)
    files = [folder / file for file in listed.files] if listed is not None else sorted(folder.glob("*.onnx"))
    if listed is not None and not all(file.is_file() for file in files):
        raise ModelMissingError(name, models_dir)
    kinds = {file: _kind_of(file) for file in files}
    return Pack(
        name=folder.name,
        detector=_the_only("detector", kinds, folder),
        recogniser=_the_only("recogniser", kinds, folder),
    )


def _kind_of(file: Path) -> str:
    """What a model is for, told by the shapes of its graph as InsightFace does; its weights are not looked at."""
    try:
        graph = onnx.load_model(file, load_external_data=False).graph
    except (DecodeError, OSError, ValueError) as error:
        raise UnusableModelError(file, f"it is no ONNX model ({error})") from error
    if len(graph.output) >= _LEAST_DETECTOR_OUTPUTS:
        return "detector"
    sides = [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim[2:4]] if graph.input else []
    square = len(sides) == 2 and sides[0] == sides[1]
    is_crop = square and (sides[0] % 112 == 0 or sides[0] % 128 == 0) and sides[0] >= _LEAST_CROP_PX
    return "recogniser" if is_crop and len(graph.input) == 1 and len(graph.output) == 1 else "something else"


def _the_only(kind: str, kinds: dict[Path, str], folder: Path) -> Path:
    found = [file for file, its_kind in kinds.items() if its_kind == kind]
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise UnusableModelError(folder, f"it must hold one {kind}, but there are {len(found)} ({names})", _ADVICE)
    return found[0]
