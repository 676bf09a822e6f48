"""`vedette check`: whether everything is right that recording and analysis need."""

import json
from typing import Annotated

import typer

from vedette.options import ConfigFile, VideoFolder, errors_as_exit_codes, stdout


def check(
    *,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also look at every file in the video folder, and change none.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Check configuration, disk, Redis, models and every camera, and say how to mend what is wrong.

    Cameras are looked at for up to 10 s, all at once. Nothing is changed, and no service needs to run.
    Exits with 0 if all is well (warnings allowed), 1 if something is wrong, 2 if the configuration cannot be used.

    For example:

        vedette check

        vedette check --deep --json | jq '.findings[] | select(.level == "problem")'
    """
    with errors_as_exit_codes():
        from shared_utils.clock import SystemClock
        from shared_utils.config import load_config
        from shared_utils.process import set_up_logging
        from vedette.checks.everything import as_table, examine, examine_footage
        from vedette.checks.finding import all_well, ok

        settings = load_config(config, video_dir=video_dir)
        set_up_logging("warning", settings.secrets)
        findings = [ok("configuration", f"{len(settings.cameras)} camera(s): {', '.join(settings.cameras)}")]
        findings += examine(settings, SystemClock(), quiet=as_json)
        if deep:
            findings += examine_footage(settings.video, SystemClock(), quiet=as_json)
        well = all_well(findings)
        if as_json:
            typer.echo(json.dumps({"ok": well, "findings": [finding.to_json() for finding in findings]}, indent=1))
        else:
            stdout.print(as_table(findings))
    raise typer.Exit(0 if well else 1)
