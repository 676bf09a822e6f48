"""`vedette run`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from vedette.options import ConfigFile, VideoFolder, errors_as_exit_codes, stdout


def run(
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
    duration: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Stop after so long.", show_default="until Ctrl-C")
    ] = None,
    log_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where each service's log lies.")] = Path("logs"),
) -> None:
    """Run every service that the configuration asks for, on this machine.

    Each service is a process of its own: one that falls over is started again after a pause that grows to 30 seconds.
    Without REDIS_URL or redis_url a Redis is started too; its data lies below the state folder.

    Ctrl-C (or SIGTERM) closes the open segments, waits up to 60 seconds for the analysis of what is queued, and ends;
    a second one does not wait. Tasks that are left stay queued for the next start.

    For example:

        vedette run

        RTSP_URL=rtsp://192.168.1.20/stream1 vedette run --duration 600

        vedette run --config garden.yml --video-dir /mnt/recordings
    """
    with errors_as_exit_codes():
        from shared_utils.config import load_config
        from vedette.run import run_machine

        run_machine(
            load_config(config, video_dir=video_dir),
            config,
            os.environ,
            log_dir=log_dir,
            console=stdout,
            duration_seconds=duration,
        )
