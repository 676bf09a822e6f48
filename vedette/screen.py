"""The live screen: one snapshot drawn with Rich. Drawing reads nothing and can be looked at in tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from shared_utils.clock import from_iso
from vedette.screen_state import NOT_RUNNING, CameraView, QueueView, ServiceView, Snapshot, WorkerView, describe_model

STATE_STYLES = {"streaming": "green", "connecting": "yellow", "away": "red", NOT_RUNNING: "yellow"}
UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run with a time limit has come."""

    title: str
    phase: str
    seconds: float
    of_seconds: float


def draw(
    progress: Progress, snapshot: Snapshot, detections: Sequence[Mapping[str, Any]], troubles: Sequence[str]
) -> RenderableType:
    """The whole screen."""
    parts: list[RenderableType] = [
        header(progress),
        cameras_table(snapshot.cameras),
        Panel(
            Group(queues_line(snapshot.queues, snapshot.redis_trouble), *map(worker_line, snapshot.workers)),
            title="analysis",
            title_align="left",
        ),
        detections_table(detections),
    ]
    if troubles:
        # the newest first: a terminal that is too small cuts the end
        lines = [Text(line) for line in reversed(troubles)]
        parts.append(Panel(Group(*lines), title="last warnings", title_align="left", border_style="yellow"))
    return Group(*parts)


def header(progress: Progress) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1)
    table.add_column(width=30)
    table.add_column(justify="right")
    done = min(progress.seconds, progress.of_seconds)
    table.add_row(
        Text.assemble((progress.title, "bold"), f"  {progress.phase}"),
        ProgressBar(total=progress.of_seconds, completed=done),
        f"{done:.0f} of {progress.of_seconds:.0f} s",
    )
    return table


def cameras_table(cameras: Sequence[CameraView]) -> Table:
    # light and narrow: it must fit into 80 columns
    table = Table(title="cameras", title_justify="left", expand=True, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("camera", "state", "picture"):
        table.add_column(column)
    for column in ("fps", "kbit/s"):
        table.add_column(column, justify="right")
    table.add_column("motion", min_width=6)
    table.add_column("rec", min_width=5)
    table.add_column("segments", justify="right")
    for camera in cameras:
        table.add_row(
            camera.name,
            _state(camera),
            _picture(camera),
            UNKNOWN if camera.fps is None else f"{camera.fps:.1f}",
            UNKNOWN if camera.bitrate_kbps is None else f"{camera.bitrate_kbps:.0f}",
            Text("moving", "bold yellow") if camera.moving else Text("still", "dim"),
            Text("● REC", "bold red") if camera.recording else Text(UNKNOWN, "dim"),
            str(camera.segments),
        )
    return table


def queues_line(queues: Sequence[QueueView], trouble: str | None) -> Text:
    if trouble is not None:
        return Text(f"Redis is away: {trouble}", "red")
    line = Text()
    for queue in queues:
        line.append(f"{queue.name}: ", "bold")
        line.append(f"{queue.waiting} waiting, {queue.in_work} in work, ")
        line.append(f"{queue.dead} dead  ", "red" if queue.dead else "")
    return line


def worker_line(worker: WorkerView) -> Text:
    doing = f"looks at {worker.segment_id}" if worker.segment_id else worker.state
    failed = f", {worker.failed} failed" if worker.failed else ""
    return Text.assemble(
        (f"{worker.service} ", "bold"), f"with {describe_model(worker.model)}: {doing}; {worker.done} done{failed}"
    )


def detections_table(lines: Sequence[Mapping[str, Any]]) -> Table:
    """Lines of the logs of objects and of faces, in the given order."""
    table = Table("camera", "recorded (UTC)", title="latest detections", title_justify="left", expand=True)
    table.add_column("analysed in", justify="right")
    table.add_column("detected", ratio=1)
    table.add_column("count", justify="right")
    for line in lines:
        table.add_row(*detection_row(line))
    if not lines:
        table.add_row("", "", "", Text("nothing yet: the first segment ends some seconds after its motion", "dim"), "")
    return table


def detection_row(line: Mapping[str, Any]) -> tuple[str, str, str, Text, str]:
    """Camera, time of the recording, how long the analysis took, what was detected, how many of it."""
    if line.get("ok"):
        nothing = "nobody" if "faces" in line else "nothing that it knows"
        detected = Text(("faces: " if "faces" in line else "") + (", ".join(line.get("detected", ())) or nothing))
    else:
        detected = Text(str(line.get("error") or "failed"), "red")
    return (
        str(line.get("camera", "")),
        _time(line.get("started_at")),
        f"{line['seconds']:.1f} s" if isinstance(line.get("seconds"), int | float) else UNKNOWN,
        detected,
        str(line.get("count", "")),
    )


def services_table(services: Sequence[ServiceView]) -> Table:
    table = Table("service", "state", title="services", title_justify="left")
    for column in ("process", "restarts"):
        table.add_column(column, justify="right")
    table.add_column("last end")
    for service in services:
        style = "" if service.state == "running" else "yellow"
        pid = UNKNOWN if service.pid is None else str(service.pid)
        table.add_row(service.name, Text(service.state, style), pid, str(service.restarts), service.last_end or UNKNOWN)
    return table


def _state(camera: CameraView) -> Text:
    text = Text(camera.state, STATE_STYLES.get(camera.state, ""))
    if camera.reason and camera.state != "streaming":
        text.append(f": {camera.reason}")
    return text


def _picture(camera: CameraView) -> str:
    if camera.width is None or camera.height is None:
        return UNKNOWN
    return f"{camera.width}x{camera.height} {camera.codec or ''}".rstrip()


def _time(text: object) -> str:
    try:
        return f"{from_iso(str(text)):%H:%M:%S}"
    except ValueError:
        return UNKNOWN
