"""What is looked for: objects and faces, as far as there are weights."""

from collections.abc import Callable

from shared_utils.config import Config
from shared_utils.errors import ModelError
from shared_utils.faces.engine import load_engine
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.snapshot import read_snapshot, snapshot_path
from shared_utils.models import ModelMissingError
from vedette.watch.seeing import FaceOptions, FaceSight, ObjectSight, Sight
from video_worker.detectors import choose_detector


def sight_of(config: Config, looks_per_second: float, told: Callable[[str], None]) -> Sight:
    """The sight that the configuration asks for. `told`: what is not looked for, and why.

    Raises ModelError for weights that are there and cannot be used.
    """
    detector = choose_detector(config.objects, config.models_dir)
    objects = ObjectSight(detector, config.objects.labels, looks_per_second)
    return Sight(objects, _face_sight(config, looks_per_second, told))


def _face_sight(config: Config, looks_per_second: float, told: Callable[[str], None]) -> FaceSight | None:
    try:
        engine = load_engine(config.faces, config.models_dir)
    except ModelMissingError as error:
        told(f"Faces are not looked for: {error}")
        return None
    snapshot = read_snapshot(snapshot_path(config.video))
    if snapshot.identities and engine.embedding_model not in snapshot.models:
        raise ModelError(
            f"Nobody in the gallery is known by {engine.embedding_model}: 'vedette faces reembed' makes their faces "
            "known to it."
        )
    matcher = Matcher(snapshot, engine.embedding_model, config.faces.threshold, config.faces.margin)
    options = FaceOptions(config.faces.min_face_px, config.faces.best_faces)
    return FaceSight(engine, matcher, options, looks_per_second)
