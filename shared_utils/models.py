"""Weights: where they lie, where they come from, and what their classes are called."""

import ast
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from shared_utils.errors import ModelError, WrongUseError

SOURCES_FILE = Path(__file__).with_name("models.toml")
HOG = "hog"  # OpenCV's people detector, which needs no weights
PACKS_FOLDER = "insightface/models"  # where InsightFace looks for the folders of its packs
SUFFIXES = (".onnx", ".pt")  # that a name may leave out
_SHOWN_SUFFIXES = {*SUFFIXES, ".engine", ".xml"}
_MOST_NAMED = 12
_HOW_TO_MAKE = "Make it from .pt weights with 'vedette models export'"

# The classes of COCO in the order that all models trained on it use; for files that do not name their own.
_COCO = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,"
    "skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,"
    "cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"
    "refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
)
COCO_LABELS = tuple(_COCO.split(","))

RelativePath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$")
]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]


class ModelMissingError(ModelError):
    """The weights are not where they are looked for; says what is there and how to bring them."""

    def __init__(self, name: str, models_dir: Path) -> None:
        listed = [one for one in load_sources().values() if name in {one.name, without_suffix(one.name)}]
        super().__init__(
            f"The model {name!r} is not in {models_dir.absolute()} (MODELS_DIR), {_weights_in(models_dir)}. "
            f"{_how_to_bring(listed[0]) if listed else _HOW_TO_MAKE}; or copy it there."
        )


class UnusableModelError(ModelError):
    """A file that is no weights, or not of the kind that is needed."""

    def __init__(self, path: Path, reason: str, advice: str = "") -> None:
        usual = "Fetch it again with 'vedette models fetch', or export it again with 'vedette models export'."
        super().__init__(f"{path} is not usable: {reason}. {advice or usual}")


class UnknownModelError(WrongUseError):
    """A name that models.toml does not list."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"No source is known for the model {name!r}; known are {', '.join(known)}. "
            "Your own weights need no fetching: copy the .onnx file into MODELS_DIR, "
            "or turn a .pt file into one with 'vedette models export'."
        )


class Source(BaseModel):
    """One entry of models.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FileName
    about: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    terms: str = Field(pattern=r"^https?://")
    address: str | None = Field(default=None, pattern=r"^https?://")
    made_from: FileName | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    folder: RelativePath | None = None
    files: tuple[FileName, ...] = ()
    default: bool = False

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        if (self.address is None) == (self.made_from is None):
            raise ValueError(f"{self.name} needs either 'address' or 'made_from'")
        if bool(self.folder) != bool(self.files):
            raise ValueError(f"{self.name}: an archive needs both 'folder' and 'files'")
        return self

    def place(self, models_dir: Path) -> Path:
        """Where the weights lie when they have been brought: a file, or the folder of an archive."""
        return models_dir / (self.folder or self.name)


def load_sources(file: Path = SOURCES_FILE) -> dict[str, Source]:
    """The entries of models.toml by name. Raises ModelError if the file cannot be what it should."""
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))["model"]
        sources = {source.name: source for source in map(Source.model_validate, entries)}
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValidationError) as error:
        raise ModelError(
            f"The list of models {file} cannot be read: {error}. Put back the file as released."
        ) from error
    if len(sources) != len(entries):
        raise ModelError(f"The list of models {file} names a model twice. Put back the file as released.")
    for source in sources.values():
        if source.made_from is not None and source.made_from not in sources:
            raise ModelError(f"The list of models {file} makes {source.name} from {source.made_from}, which it lacks.")
    return sources


def find_model(name: str, models_dir: Path) -> Path:
    """The file or folder of a model: a path below `models_dir`, the name of a pack, or an absolute path.

    The suffix may be left out. Raises ModelMissingError if it is not there, ModelError for a name that leaves the
    folder.
    """
    if not Path(name).is_absolute() and ".." in PurePosixPath(name).parts:
        raise ModelError(f"The model {name!r} leads out of {models_dir}. Give its name in that folder, or a full path.")
    listed = load_sources().get(name)
    whole = listed.place(models_dir) if listed is not None else models_dir / name
    places = (whole, *(models_dir / (name + suffix) for suffix in SUFFIXES), models_dir / PACKS_FOLDER / name)
    found = [path for path in places if path.exists()]
    if not name or not found:
        raise ModelMissingError(name, models_dir)
    return found[0]


def without_suffix(name: str) -> str:
    """The name of a model as the logs say it: `yolov8n` for `yolov8n.onnx`."""
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def model_labels(metadata: Mapping[str, str]) -> dict[int, str]:
    """The labels by class number, as Ultralytics writes them into the file (`names`); those of COCO if it wrote none.

    The text comes from a file that anybody may have made: it is read as a literal, never run. Raises ModelError
    if it is anything but a mapping or a list of words.
    """
    text = metadata.get("names")
    if text is None:
        return dict(enumerate(COCO_LABELS))
    try:
        names = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ModelError(f"The labels in the model cannot be read: {text[:60]!r}. Export it again.") from error
    if isinstance(names, list | tuple):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names or not _are_numbered_words(names):
        raise ModelError(f"The labels in the model are not numbered words: {text[:60]!r}. Export it again.")
    return dict(sorted(names.items()))


def _are_numbered_words(names: Mapping[object, object]) -> bool:
    """Whether the keys are 0, 1, 2 … without a gap: a gap would give every later class the wrong label."""
    return names.keys() == set(range(len(names))) and all(isinstance(label, str) for label in names.values())


def _how_to_bring(source: Source) -> str:
    name = "" if source.default else f" {source.name}"
    return f"Bring it with 'vedette models fetch {source.name}' or, with Docker, 'docker compose run --rm models{name}'"


def _weights_in(models_dir: Path) -> str:
    """What lies in the folder, in words that end a sentence."""
    if not models_dir.is_dir():
        return "a folder that does not exist"
    names = sorted(path.name for path in models_dir.iterdir() if path.suffix in _SHOWN_SUFFIXES)
    if not names:
        return "where no weights are yet"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"where there are {', '.join(names[:_MOST_NAMED])}{more}"
