"""Which pack of models a task is done with, and waiting for one that is not there."""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from face_worker.engines import Engine, Engines
from face_worker.weights import wait_for_weights
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.errors import ModelError
from shared_utils.models import ModelMissingError, UnusableModelError
from shared_utils.telemetry import Health
from tests.support.face_engines import BlockEngine


class Loading:
    """Remembers what was loaded."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, name: str) -> Engine:
        self.loaded.append(name)
        return BlockEngine(name)


def test_a_task_without_a_model_gets_the_worker_s_own() -> None:
    """That is every task but a re-analysis."""
    load = Loading()
    engines = Engines(BlockEngine("buffalo_s"), load)

    assert engines.for_model(None) is engines.own
    assert engines.for_model("buffalo_s") is engines.own
    assert (engines.name_for(None), engines.name_for("buffalo_l")) == ("buffalo_s", "buffalo_l")
    assert load.loaded == []


def test_another_pack_is_loaded_once_while_it_is_in_use() -> None:
    """A thousand segments that are done again must not load it a thousand times, nor keep every pack for ever."""
    load = Loading()
    engines = Engines(BlockEngine(), load)

    for model in ("a", "b", "a", "c", "a", "b"):
        assert engines.for_model(model).name == model

    assert load.loaded == ["a", "b", "c", "b"]


@pytest.mark.parametrize("model", ["../secret", "/etc/passwd", "", "a/b", "x" * 200])
def test_a_model_is_named_and_not_pointed_to(model: str) -> None:
    """Tasks can be written by anybody who reaches Redis, and the name becomes a part of file names."""
    with pytest.raises(ModelError, match="is not the name of a pack"):
        Engines(BlockEngine(), Loading()).for_model(model)


class Site:
    """What a waiting worker tells; the weights come at the given try."""

    def __init__(self, there_at: int) -> None:
        self.health, self.stop = Health(), Event()
        self.states: list[str] = []
        self.reasons: list[dict[str, str]] = []
        self.tries, self._there_at = 0, there_at

    def load(self) -> Engine:
        self.tries += 1
        self.reasons.append(self.health.reasons())
        if self.tries < self._there_at:
            raise ModelMissingError("buffalo_l", Path("models"))
        return BlockEngine("buffalo_l")

    def wait(self, load: Callable[[], Engine] | None = None) -> Engine | None:
        def write(details: dict[str, Any]) -> None:
            self.states.append(details["state"])

        status = WorkerStatus("buffalo_l", write, lambda: None)
        return wait_for_weights(load or self.load, status, self.stop, health=self.health, pause_seconds=0.01)


def test_without_weights_the_worker_says_what_is_missing_and_goes_on_when_they_come(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody restarts a service after copying files; until then health and status are where people look."""
    site = Site(there_at=3)

    engine = site.wait()

    assert engine is not None
    assert engine.name == "buffalo_l"
    assert "buffalo_l" in site.reasons[1]["weights"]
    assert site.states[0].startswith("waiting for weights: The model 'buffalo_l' is not in")
    assert site.states[-1] == "waiting"
    assert site.health.reasons() == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"], "once, however long it waits"


def test_a_worker_that_waits_for_weights_stops_when_told() -> None:
    """It would keep the whole installation from stopping."""
    site = Site(there_at=10_000)

    def load() -> Engine:
        if site.tries == 2:
            site.stop.set()
        return site.load()

    assert site.wait(load) is None
    assert site.tries == 3


def test_weights_that_come_file_by_file_are_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """Large files are copied for minutes; a worker that ends at the first of them would have to be started again."""
    site = Site(there_at=4)

    def load() -> Engine:
        if site.tries == 1:
            site.tries += 1
            raise UnusableModelError(Path("det.onnx"), "it is cut off")
        return site.load()

    engine = site.wait(load)

    assert engine is not None
    assert any("det.onnx is not usable" in state for state in site.states)
    assert site.health.reasons() == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3, "what is the matter has changed twice"


def test_weights_that_are_broken_are_not_waited_for() -> None:
    """They do not mend themselves: somebody has to be told at once."""

    def load() -> Engine:
        raise UnusableModelError(Path("det.onnx"), "it is a web page")

    with pytest.raises(UnusableModelError):
        Site(there_at=1).wait(load)
