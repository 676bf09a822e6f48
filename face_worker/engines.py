"""Which pack of models a worker uses: its own, or the one that a task names."""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from shared_utils.analysis.detections import Floats, Image
from shared_utils.errors import ModelError
from shared_utils.faces.face import FaceFound

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEPT_ENGINES = 2  # besides the worker's own; a large pack takes a quarter of a gigabyte


class Engine(Protocol):
    """What the pipeline needs of `shared_utils.faces.engine.FaceEngine`."""

    @property
    def name(self) -> str:
        """The pack: stands as `model` in every line."""

    @property
    def embedding_model(self) -> str:
        """Pack and weights: embeddings are compared only where it is equal."""

    def find(self, image: Image) -> list[FaceFound]:
        """The faces in an image, in its pixels, the surest first."""

    def crop(self, image: Image, face: FaceFound) -> Image:
        """The aligned face. Raises AlignmentError for landmarks that no face has."""

    def embed_crops(self, crops: Sequence[Image]) -> Floats:
        """The embeddings of aligned faces (n, d), each of length 1."""


class Engines:
    """The worker's own engine, and the few others that tasks named last."""

    def __init__(self, own: Engine, load: Callable[[str], Engine]) -> None:
        self.own = own
        self._load = load
        self._others: OrderedDict[str, Engine] = OrderedDict()

    def name_for(self, model: str | None) -> str:
        """What a line says as `model` for a task that asks for this one."""
        return self.own.name if model is None else model

    def for_model(self, model: str | None) -> Engine:
        """The engine that a task asks for; None means the worker's own. Raises ModelError."""
        if model is None or model == self.own.name:
            return self.own
        if not _PLAIN_NAME.fullmatch(model):
            raise ModelError(f"{model!r} is not the name of a pack; one looks like buffalo_l.")
        if model not in self._others:
            self._others[model] = self._load(model)
        self._others.move_to_end(model)
        while len(self._others) > _KEPT_ENGINES:
            self._others.popitem(last=False)
        return self._others[model]
