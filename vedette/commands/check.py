"""`vedette check`: whether everything is right that recording and analysis need."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vedette.options import ConfigFile, VideoFolder, errors_as_exit_codes, stdout

if TYPE_CHECKING:
    from shared_utils.config import Config
    from vedette.checks.finding import Finding
    from vedette.repair import Deed


def check(
    *,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also look at every file in the video folder and at the queues, and change none."),
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --deep: mend what can be mended. No footage is deleted.")
    ] = False,
    decode: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="With --deep: decode so many segments to their end.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    config: ConfigFile = None,
    video_dir: VideoFolder = None,
) -> None:
    """Check configuration, disk, Redis, models and every camera, and say how to mend what is wrong.

    Cameras are looked at for up to 10 s, all at once. Nothing is changed without --repair, and no service needs to run
    or to be stopped. Exits with 0 if all is well (warnings allowed) or was mended, 1 if something is wrong, 2 if the
    configuration or the options cannot be used.

    For example:

        vedette check

        vedette check --deep --json | jq '.findings[] | select(.level == "problem")'

        vedette check --deep --repair
    """
    with errors_as_exit_codes():
        from shared_utils.clock import SystemClock
        from shared_utils.config import load_config
        from shared_utils.errors import WrongUseError
        from shared_utils.process import set_up_logging
        from vedette.checks.everything import as_table, examine
        from vedette.checks.finding import all_well, ok

        if (repair or decode) and not deep:
            raise WrongUseError("--repair and --decode work on what --deep finds: add --deep.")
        settings = load_config(config, video_dir=video_dir)
        set_up_logging("warning", settings.secrets)
        findings = [ok("configuration", f"{len(settings.cameras)} camera(s): {', '.join(settings.cameras)}")]
        findings += examine(settings, SystemClock(), quiet=as_json)
        deeds: list[Deed] = []
        if deep:
            found, deeds = _deep(settings, mend=repair, decode=decode, as_json=as_json)
            findings += found
        well = all_well(findings)
        if as_json:
            typer.echo(json.dumps(_as_json(findings, deeds, well=well), indent=1))
        else:
            for deed in deeds:
                stdout.print(f"Mended: {deed.kind}: {deed.about}: {deed.done}", markup=False, highlight=False)
            stdout.print(as_table(findings))
    raise typer.Exit(0 if well else 1)


def _deep(settings: "Config", *, mend: bool, decode: int, as_json: bool) -> "tuple[list[Finding], list[Deed]]":
    from functools import partial

    from shared_utils.clock import SystemClock
    from vedette.checks.everything import (
        MOST_FLAWS_IN_JSON,
        MOST_FLAWS_SHOWN,
        deep_findings,
        examine_deep,
        progress_of,
    )
    from vedette.repair import repair

    clock = SystemClock()
    look = partial(examine_deep, settings, clock, decode=decode, quiet=as_json)
    mending = partial(progress_of, "queueing again", quiet=as_json)
    report, deeds = repair(settings, clock, look, mending) if mend else (look(), [])
    most = MOST_FLAWS_IN_JSON if as_json else MOST_FLAWS_SHOWN
    return deep_findings(report, settings.video_dir, most), deeds


def _as_json(findings: "list[Finding]", deeds: "list[Deed]", *, well: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"ok": well, "findings": [finding.to_json() for finding in findings]}
    return told | ({"repaired": [deed.to_json() for deed in deeds]} if deeds else {})
