"""The model in use: which embeddings of the gallery count now."""

from pathlib import PurePath

from shared_utils.config import Config
from shared_utils.errors import ModelError
from shared_utils.faces.pack import find_pack
from shared_utils.gallery.rows import newest_model
from shared_utils.gallery.store import Gallery


def model_in_use(settings: Config, gallery: Gallery) -> str:
    """Pack and weights, from the files of the configured pack.

    Where they cannot be read, as on a machine that only names strangers: the weights of this pack that the gallery met
    last, and the bare name of the pack if it has met none, by which nobody is known.
    """
    try:
        return find_pack(settings.faces.model, settings.models_dir).embedding_model()
    except (ModelError, OSError):
        pack = PurePath(settings.faces.model).name
        with gallery.database.reading() as connection:
            return newest_model(connection, pack) or pack
