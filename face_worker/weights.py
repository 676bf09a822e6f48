"""Without weights there is nobody to be found: the worker waits for them, and leaves its tasks where they are."""

import logging
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.config import Config
from shared_utils.models import ModelMissingError, UnusableModelError
from shared_utils.telemetry import HEALTH, Health

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 30.0
_PART = "weights"  # of the health
EngineT = TypeVar("EngineT")


def health_for(config: Config) -> Health:
    """That of this process; one that nobody asks if no camera wants faces, so that what is not missed is no trouble."""
    wanted = not config.cameras or any("faces" in camera.analyses for camera in config.cameras.values())
    return HEALTH if wanted else Health()


def wait_for_weights(
    load: Callable[[], EngineT],
    status: WorkerStatus,
    stop: Event,
    *,
    health: Health = HEALTH,
    pause_seconds: float = LOOK_AGAIN_SECONDS,
    meanwhile: Callable[[], object] = lambda: None,
) -> EngineT | None:
    """What `load` gives, as soon as the weights are there; None if we are to stop before.

    `meanwhile` is called before each pause.

    What is missing is told by health and status all the time, and by the log once. Weights that come while we wait and
    cannot be used are taken for half copied, and waited for. Raises whatever else `load` raises, which is
    UnusableModelError for weights that were there from the beginning.
    """
    told = ""
    while not stop.is_set():
        try:
            loaded = load()
        except (ModelMissingError, UnusableModelError) as error:
            if isinstance(error, UnusableModelError) and not told:
                raise
            if str(error) != told:
                log.warning("waiting for weights, looking again every %.0f s: %s", pause_seconds, error)
            told = str(error)
            meanwhile()
            health.report(_PART, ok=False, detail=f"waiting for weights: {error}")
            status.waiting_for(f"weights: {error}")
            stop.wait(pause_seconds)
            continue
        health.report(_PART, ok=True)
        status.waiting()
        return loaded
    return None
