"""What a demo recorded and found, and whether that is all that it should show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared_utils.clock import Clock, to_iso
from shared_utils.errors import SegmentError, VedetteError
from shared_utils.logs import DETECTIONS_LOG, JsonlLog
from shared_utils.segments import Manifest, VideoDir, read_manifest
from vedette.screen import UNKNOWN, detection_row
from vedette.screen_state import describe_model


class DemoIncompleteError(VedetteError):
    """The demo ran, but the chain was not seen to work to its end."""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The segments of one demo, by how far each came."""

    queued: tuple[Manifest, ...]  # recorded, and its task handed to Redis
    waiting: tuple[Manifest, ...]  # recorded, but Redis was away
    lines: Mapping[str, Mapping[str, Any]]  # lines of the detections log by segment id

    @property
    def complete(self) -> bool:
        """Whether at least one segment was recorded, queued, analysed and logged."""
        return any(self.lines.get(manifest.segment_id, {}).get("ok") for manifest in self.queued)

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
        errors = [str(line.get("error")) for line in self.lines.values() if not line.get("ok")]
        if errors:
            return f"{len(self.queued)} segments were recorded and queued, but their analysis failed: {errors[0]}"
        return f"{len(self.queued)} segments were recorded and queued, but none was analysed in time."


def examine(video: VideoDir, clock: Clock) -> DemoReport:
    """Look at what lies in the folder."""
    return DemoReport(
        queued=_manifests(sorted(video.segments.glob("*/*/*.json"))),
        waiting=_manifests(sorted(video.outbox.glob("*.json"))),
        lines={line["segment_id"]: line for line in JsonlLog(video.root, DETECTIONS_LOG, clock).lines()},
    )


def print_report(report: DemoReport, video: Path, logs: Path, first_picture: float | None, console: Console) -> None:
    """The table of what was found, and where everything lies."""
    console.print(found_table(report))
    models = sorted({str(line.get("model")) for line in report.lines.values()})
    if models:
        console.print(f"Found by {', '.join(describe_model(model) for model in models)}.")
    if first_picture is not None:
        console.print(f"The first picture came {first_picture:.1f} s after the start.")
    for what, where in (
        ("segments", video / "segments"),
        ("best pictures", video / "snapshots"),
        ("log of detections", video / f"{DETECTIONS_LOG}.jsonl"),
        ("logs of the services", logs),
    ):
        # soft wrap: a path that is cut into lines cannot be copied
        console.print(Text(f"{what:<22}{where}"), soft_wrap=True)


def found_table(report: DemoReport) -> Table:
    """One row for each segment."""
    table = Table("camera", "recorded (UTC)", title="What was found", title_justify="left")
    table.add_column("seconds", justify="right")
    table.add_column("detected")
    table.add_column("objects", justify="right")
    for manifest in (*report.queued, *report.waiting):
        table.add_row(*_row(manifest, report.lines.get(manifest.segment_id)))
    if not report.queued and not report.waiting:
        table.add_row("", "", "", "no segment was recorded", "")
    return table


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
