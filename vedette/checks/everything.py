"""All checks together, cameras at once, as one list of findings and as a table."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from shared_utils.clock import Clock
from shared_utils.config import Config
from shared_utils.errors import StorageError
from vedette.checks.camera import USUAL_LIMITS, Limits, check_camera
from vedette.checks.deep import DeepReport, check_deep
from vedette.checks.finding import Finding, Level, ok, problem, warning
from vedette.checks.flaws import Flaw
from vedette.checks.models import check_models
from vedette.checks.redis_server import check_redis
from vedette.checks.storage import check_storage
from vedette.options import stderr
from vedette.run_redis import names_a_redis

log = logging.getLogger(__name__)

CAMERA_LIMIT_SECONDS = 30.0  # a camera's own limits are shorter; this one is for a name lookup that hangs
MOST_FLAWS_SHOWN = 50
MOST_FLAWS_IN_JSON = 10_000
_MARKS = {Level.OK: ("ok", "green"), Level.WARNING: ("warning", "yellow"), Level.PROBLEM: ("problem", "bold red")}


def examine(config: Config, clock: Clock, *, quiet: bool = True) -> list[Finding]:
    """Every check but the deep one."""
    findings = check_storage(config.video_dir, config.storage)
    findings += check_redis(config.redis_url.get_secret_value(), brings_its_own=not names_a_redis(config))
    findings += check_models(config)
    return findings + same_address(config) + examine_cameras(config, clock, quiet=quiet)


def same_address(config: Config) -> list[Finding]:
    """Two cameras at one address are allowed (two settings for one view), but usually a copied line."""
    names: dict[str, list[str]] = {}
    for name, camera in config.cameras.items():
        names.setdefault(camera.url.get_secret_value(), []).append(name)
    return [
        warning("cameras", f"{' and '.join(same)} have the same address", "Correct one of the two, unless you mean it.")
        for same in names.values()
        if len(same) > 1
    ]


def examine_cameras(
    config: Config, clock: Clock, *, limits: Limits = USUAL_LIMITS, quiet: bool = True
) -> list[Finding]:
    """All cameras at once, in the order of the configuration, within CAMERA_LIMIT_SECONDS."""
    av.logging.set_level(av.logging.PANIC)  # FFmpeg would print addresses with their passwords
    found: dict[str, list[Finding]] = {}

    def look(name: str) -> None:
        try:
            found[name] = check_camera(name, config.cameras[name], clock, limits)
        except Exception:
            log.exception("camera %s could not be checked", name)
            found[name] = [problem(f"camera {name}", "the check itself failed", "Please report this, with the log.")]

    threads = {name: threading.Thread(target=look, args=(name,), daemon=True) for name in config.cameras}
    with _progress(quiet) as bar:
        task = bar.add_task("looking at cameras", total=len(threads))
        for thread in threads.values():
            thread.start()
        until = clock.monotonic() + CAMERA_LIMIT_SECONDS
        for thread in threads.values():
            thread.join(max(until - clock.monotonic(), 0))
            bar.advance(task)
    return [finding for name in config.cameras for finding in found.get(name) or [_hangs(name)]]


def _hangs(name: str) -> Finding:
    text = f"no answer within {CAMERA_LIMIT_SECONDS:.0f} s"
    return problem(f"camera {name}", text, "Check the network and the name server of this machine.")


def examine_deep(config: Config, clock: Clock, *, decode: int = 0, quiet: bool = True) -> DeepReport:
    """Look at every file and at the queues. Raises StorageError if the video folder cannot be read."""
    with progress_of("looking at footage", quiet=quiet) as advance:
        try:
            return check_deep(config, clock, advance, decode=decode)
        except OSError as error:
            root = config.video_dir
            raise StorageError(f"The video folder {root} cannot be read: {error}. Check its rights.") from error


@contextmanager
def progress_of(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar while the block runs; what it gives is told how much is done, of how much."""
    with _progress(quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def deep_findings(report: DeepReport, root: Path, most: int = MOST_FLAWS_SHOWN) -> list[Finding]:
    """The invariants of the video folder as findings, the most important first."""
    footage = report.footage
    counted = f"{footage.segments} segments, {footage.waiting} manifests waiting, {footage.log_lines} log lines"
    flaws = sorted(report.flaws, key=lambda flaw: flaw.harmless)
    findings = [ok("footage", f"{counted}: {'every invariant holds' if not flaws else f'{len(flaws)} flaw(s)'}")]
    if report.queues_trouble:
        fix = "The files were checked all the same. Start Redis, then check again."
        findings.append(problem("queues", f"they could not be looked at: {report.queues_trouble}", fix))
    elif report.without_queues:
        findings.append(ok("queues", "not looked at: no Redis is configured, and no 'vedette run' works now"))
    findings += [_finding_of(flaw, root) for flaw in flaws[:most]]
    if left := flaws[most:]:
        kinds = Counter(flaw.kind.value for flaw in left)
        text = ", ".join(f"{count} times {kind}" for kind, count in kinds.most_common())
        mark = warning if all(flaw.harmless for flaw in left) else problem
        findings.append(mark("footage", f"and {len(left)} more: {text}", "Mend the others first."))
    return findings


def _finding_of(flaw: Flaw, root: Path) -> Finding:
    level = Level.WARNING if flaw.harmless else Level.PROBLEM
    detail = f" ({flaw.detail})" if flaw.detail else ""
    return Finding(level, flaw.subject, f"{flaw.kind}: {flaw.place(root)}{detail}", flaw.fix, flaw.repair)


def _progress(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=stderr, transient=True, disable=quiet or not stderr.is_terminal)


def as_table(findings: Sequence[Finding]) -> Table:
    """For people. Text is never read as markup: messages hold brackets."""
    table = Table("", "What")
    for heading in ("Found", "What to do"):
        table.add_column(heading, overflow="fold")  # a path that is cut off cannot be copied
    for finding in findings:
        mark, style = _MARKS[finding.level]
        table.add_row(Text(mark, style=style), Text(finding.subject), Text(finding.text), Text(_what_to_do(finding)))
    return table


def _what_to_do(finding: Finding) -> str:
    return f"{finding.fix}\n--repair {finding.repair}." if finding.repair else finding.fix
