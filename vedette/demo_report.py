"""What a demo recorded and found, and whether that is all that it should show."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared_utils.clock import Clock, to_iso
from shared_utils.errors import SegmentError, VedetteError
from shared_utils.logs import DETECTIONS_LOG, FACES_LOG, JsonlLog
from shared_utils.segments import Manifest, VideoDir, read_manifest
from vedette.screen import UNKNOWN, detection_row
from vedette.screen_state import describe_model

UNKNOWN_PERSON = "unknown"  # as the faces log calls whoever is not in the gallery


class DemoIncompleteError(VedetteError):
    """The demo ran, but the chain was not seen to work to its end."""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The segments of one demo, by how far each came."""

    queued: tuple[Manifest, ...]  # recorded, and its task handed to Redis
    waiting: tuple[Manifest, ...]  # recorded, but Redis was away
    lines: Mapping[str, Mapping[str, Any]]  # lines of the detections log by segment id
    faces: Mapping[str, Mapping[str, Any]] | None = None  # of the faces log; None: faces were not looked for

    @property
    def complete(self) -> bool:
        """Whether at least one segment was recorded, queued, analysed and logged."""
        logs = (self.lines,) if self.faces is None else (self.lines, self.faces)
        return any(all(log.get(manifest.segment_id, {}).get("ok") for log in logs) for manifest in self.queued)

    @property
    def strangers(self) -> bool:
        """Whether somebody was seen whom nobody has named."""
        return any(UNKNOWN_PERSON in line.get("detected", ()) for line in (self.faces or {}).values())

    def raise_if_incomplete(self, logs: Path) -> None:
        """Raises DemoIncompleteError, which says what is missing."""
        if not self.complete:
            raise DemoIncompleteError(f"{self._missing()} The logs of the services lie in {logs}.")

    def _missing(self) -> str:
        if not self.queued and not self.waiting:
            return (
                "No segment was recorded: nothing moved while the camera streamed, or it never streamed. "
                "A demo shorter than about 40 seconds may end before the first segment does."
            )
        if not self.queued:
            return f"{len(self.waiting)} segments were recorded, but Redis did not take their tasks."
        lines = (*self.lines.values(), *(self.faces or {}).values())
        errors = [str(line.get("error")) for line in lines if not line.get("ok")]
        if errors:
            return f"{len(self.queued)} segments were recorded and queued, but their analysis failed: {errors[0]}"
        return f"{len(self.queued)} segments were recorded and queued, but none was analysed in time."


def examine(video: VideoDir, clock: Clock, *, with_faces: bool = False) -> DemoReport:
    """Look at what lies in the folder."""
    return DemoReport(
        queued=_manifests(sorted(video.segments.glob("*/*/*.json"))),
        waiting=_manifests(sorted(video.outbox.glob("*.json"))),
        lines=_lines(video, DETECTIONS_LOG, clock),
        faces=_lines(video, FACES_LOG, clock) if with_faces else None,
    )


def _lines(video: VideoDir, log: str, clock: Clock) -> dict[str, Mapping[str, Any]]:
    return {line["segment_id"]: line for line in JsonlLog(video.root, log, clock).lines()}


def print_report(report: DemoReport, video: Path, logs: Path, first_picture: float | None, console: Console) -> None:
    """The table of what was found, and where everything lies."""
    console.print(found_table(report))
    lines = (*report.lines.values(), *(report.faces or {}).values())
    if models := sorted({str(line.get("model")) for line in lines}):
        console.print(f"Found by {', '.join(describe_model(model) for model in models)}.")
    if first_picture is not None:
        console.print(f"The first picture came {first_picture:.1f} s after the start.")
    for what, where in (
        ("segments", video / "segments"),
        ("best pictures", video / "snapshots"),
        ("log of detections", video / f"{DETECTIONS_LOG}.jsonl"),
        *([("log of faces", video / f"{FACES_LOG}.jsonl")] if report.faces is not None else []),
        ("logs of the services", logs),
    ):
        # soft wrap: a path that is cut into lines cannot be copied
        console.print(Text(f"{what:<22}{where}"), soft_wrap=True)


def print_naming(config_file: Path, console: Console) -> None:
    """How the people of the demo get names, as commands that can be copied."""
    console.print("Somebody was seen whom nobody has named. See who, then say who it is:")
    for words in ("unknown", "name CLUSTER 'Ann'"):
        console.print(Text(f"    vedette faces {words} --config {config_file}"), soft_wrap=True)


def found_table(report: DemoReport) -> Table:
    """One row for each segment."""
    table = Table("camera", "recorded (UTC)", title="What was found", title_justify="left")
    table.add_column("seconds", justify="right")
    table.add_column("detected")
    table.add_column("objects", justify="right")
    if report.faces is not None:
        table.add_column("faces")
    for manifest in (*report.queued, *report.waiting):
        row = _row(manifest, report.lines.get(manifest.segment_id))
        faces = [] if report.faces is None else [_people(report.faces.get(manifest.segment_id))]
        table.add_row(*row, *faces)
    if not report.queued and not report.waiting:
        table.add_row("", "", "", "no segment was recorded", "")
    return table


def _people(line: Mapping[str, Any] | None) -> Text:
    """Who was seen, and how often under one name: `Ann, unknown (2)`."""
    if line is None:
        return Text("not analysed", "yellow")
    if not line.get("ok"):
        return Text(str(line.get("error")), "red")
    names = Counter(str(face.get("name")) for face in line.get("faces", ()))
    told = [name if count == 1 else f"{name} ({count})" for name, count in sorted(names.items())]
    return Text(", ".join(told) or "nobody")


def _row(manifest: Manifest, line: Mapping[str, Any] | None) -> tuple[str | Text, ...]:
    seconds = f"{manifest.duration_seconds:.1f}"
    if line is None:
        return manifest.camera, to_iso(manifest.started_at)[11:19], seconds, Text("not analysed", "yellow"), UNKNOWN
    camera, recorded, _, detected, count = detection_row(line)
    return camera, recorded, seconds, detected, count


def _manifests(paths: Sequence[Path]) -> tuple[Manifest, ...]:
    found = []
    for path in paths:
        try:
            found.append(read_manifest(path))
        except SegmentError:  # being moved from the outbox, or cut short by a full disk: it counts for nothing
            continue
    return tuple(found)
