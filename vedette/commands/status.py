"""`vedette status`."""

import json
from typing import Annotated

import typer

from vedette.options import ConfigFile, VideoFolder, errors_as_exit_codes, stdout


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Show the cameras, queues, workers, disk and models as they are now.

    Works while nothing runs or Redis is away, and says so.

    For example:

        vedette status

        vedette status --json | jq '.queues'
    """
    with errors_as_exit_codes():
        from shared_utils.clock import SystemClock
        from shared_utils.config import load_config
        from vedette.status_report import as_json_object, tables, take_report

        settings = load_config(config, video_dir=video_dir, cameras_required=False)
        report = take_report(settings, SystemClock())
        if as_json:
            stdout.print_json(json.dumps(as_json_object(report)))
            return
        for table in tables(report):
            stdout.print(table)
