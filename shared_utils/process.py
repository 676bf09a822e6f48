"""How every service starts and stops: arguments, configuration, logging, signals, metrics, exit code."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from shared_utils.config import Config, load_config
from shared_utils.errors import VedetteError, WrongUseError
from shared_utils.secrets import MaskingFilter, secrets_in_url
from shared_utils.telemetry import serve_telemetry

log = logging.getLogger(__name__)

EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE = 0, 1, 2
LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up_logging(level: str, secrets: Sequence[str] = ()) -> None:
    """Log to stderr, with every secret masked."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    handler.addFilter(MaskingFilter([word for secret in secrets for word in secrets_in_url(secret)]))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def stop_on_signals() -> Event:
    """An event that SIGTERM and SIGINT set. Call it in the main thread."""
    stop = Event()

    def ask_to_stop(number: int, _frame: object) -> None:
        log.info("stopping: received %s", signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    return stop


def run_service(
    name: str,
    serve: Callable[[Config, Event], None],
    arguments: Sequence[str] | None = None,
    *,
    cameras_required: bool = True,
) -> int:
    """Run one service until it is told to stop; the exit code is 0 done, 1 failed, 2 wrong use.

    `serve` gets the configuration and the stop event, and returns when the event is set. A worker can do without
    cameras: it takes tasks of whatever was recorded.

    With `--pause-on-wrong-use` it waits before it ends with 2: an engine that starts a container again at once would
    fill the log with one and the same message.
    """
    options = _options(name, arguments)
    set_up_logging("info")
    try:
        config = load_config(options.config, video_dir=options.video_dir, cameras_required=cameras_required)
        set_up_logging(config.log_level, config.secrets)
        stop = stop_on_signals()
        with serve_telemetry(config.metrics):
            serve(config, stop)
    except WrongUseError as error:
        log.error("%s", error)
        if options.pause_on_wrong_use:
            stop = stop_on_signals()
            log.error("looking again in %.0f s", options.pause_on_wrong_use)
            stop.wait(options.pause_on_wrong_use)
        return EXIT_WRONG_USE
    except VedetteError as error:
        log.error("%s", error)
        return EXIT_FAILED
    except Exception:
        log.exception("%s ended by an error nobody expected", name)
        return EXIT_FAILED
    return EXIT_DONE


def _options(name: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    parser.add_argument("--config", type=Path, help="configuration file (default: vedette.yml)")
    parser.add_argument("--video-dir", type=Path, help="where recordings lie (default: VIDEO_DIR, else video/)")
    parser.add_argument(
        "--pause-on-wrong-use",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait so long before ending with 2, for containers, which are started again at once (default: 0)",
    )
    return parser.parse_args(arguments)
