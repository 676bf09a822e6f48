"""`vedette run`: every service that the configuration asks for, on this machine, under one supervisor."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

from rich.console import Console

from shared_utils.clock import Clock, SystemClock
from shared_utils.config import Config
from shared_utils.queue import TaskQueue, connect
from shared_utils.secrets import MaskingFilter, secrets_in_url
from shared_utils.status import StatusFile
from vedette.missing_models import has_its_weights, missing_face_model
from vedette.run_lock import RunLock
from vedette.run_machine import MachineRun, Ticker
from vedette.run_redis import Endpoint, names_a_redis, own_redis, state_dir
from vedette.run_services import WORKERS, missing_workers, queues_asked_for, services_asked_for
from vedette.supervisor import Supervisor
from vedette.supervisor_child import Service, redis_service
from vedette.supervisor_output import ServiceOutput, SupervisorLog

log = logging.getLogger(__name__)

STATUS_SECONDS = 5.0


def run_machine(
    config: Config,
    config_file: Path | None,
    environment: Mapping[str, str],
    *,
    log_dir: Path,
    console: Console,
    duration_seconds: float | None,
) -> None:
    """Run until a signal or the time limit. Raises VedetteError if it cannot run or a service refuses to."""
    parts = assembled(config, config_file, environment, log_dir=log_dir, console=console, clock=SystemClock())
    with parts as machine:
        log.info(
            "recording into %s, logs in %s; from another terminal: vedette status; Ctrl-C ends it in order",
            config.video_dir,
            log_dir,
        )
        machine.run.run(duration_seconds)


@dataclass(frozen=True, slots=True)
class Machine:
    """A run that is ready to start, with what a screen wants to look at."""

    run: MachineRun
    supervisor: Supervisor
    queues: Sequence[TaskQueue]
    output: ServiceOutput


@contextmanager
def assembled(
    config: Config,
    config_file: Path | None,
    environment: Mapping[str, str],
    *,
    log_dir: Path,
    console: Console | None,
    clock: Clock,
    before: Sequence[Service] = (),
) -> Iterator[Machine]:
    """The parts of a run, put together: lock, Redis, services, supervisor, output.

    `before` are services that start right after Redis. The services' lines go to files alone if there is no console.
    """
    with ExitStack() as stack:
        lock = stack.enter_context(RunLock(config.video_dir))
        redis_url, first = stack.enter_context(_redis(config))
        output = stack.enter_context(_output(config, redis_url, log_dir, console))
        for warning in (*missing_workers(config), *filter(None, [missing_face_model(config)])):
            log.warning("%s", warning)
        services = services_asked_for(
            config, config_file, {**environment, "REDIS_URL": redis_url}, inherited=[lock.fileno()]
        )
        redis = stack.enter_context(connect(redis_url))
        queues = [TaskQueue(redis, name, clock) for name in queues_asked_for(config) if name in WORKERS]
        wake = Event()
        supervisor = Supervisor([*first, *before, *services], output.line, clock, on_refusal=wake.set)
        status = StatusFile(config.video.status, "vedette", clock)
        stack.callback(status.remove)
        stack.enter_context(Ticker(STATUS_SECONDS, lambda: status.write(_status_of(supervisor))))
        run = MachineRun(supervisor, queues, wake, is_worked_on=partial(has_its_weights, config))
        yield Machine(run, supervisor, queues, output)


@contextmanager
def _redis(config: Config) -> Iterator[tuple[str, list[Service]]]:
    """The address of the Redis to use, and the service that runs it if it is our own."""
    if names_a_redis(config):
        yield config.redis_url.get_secret_value(), []
        return
    server, endpoint = own_redis(config), Endpoint(state_dir(config))
    # Started here, in the main thread, so that the address is known; the keeper takes it over and restarts it.
    server.start()
    try:
        endpoint.write(server.url)
        yield server.url, [redis_service(server, server.log_path)]
    finally:
        endpoint.remove()
        server.stop()


@contextmanager
def _output(config: Config, redis_url: str, log_dir: Path, console: Console | None) -> Iterator[ServiceOutput]:
    """Where lines go; the log of this process goes there too."""
    masking = MaskingFilter(word for url in (*config.secrets, redis_url) for word in secrets_in_url(url))
    output = ServiceOutput(log_dir, masking.mask, console)
    output.open()
    root, handler = logging.getLogger(), SupervisorLog(output)
    level_before = root.level
    root.addHandler(handler)
    root.setLevel(config.log_level.upper())
    try:
        yield output
    finally:
        root.removeHandler(handler)
        root.setLevel(level_before)
        output.close()


def _status_of(supervisor: Supervisor) -> dict[str, object]:
    return {
        "services": {
            state.name: {
                "state": state.state,
                "pid": state.pid,
                "restarts": state.restarts,
                "last_end": state.last_end,
            }
            for state in supervisor.states()
        }
    }
