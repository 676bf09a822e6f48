"""Lines for tests of the logs, and where they end up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shared_utils.clock import to_iso
from shared_utils.segments import segment_id

NOVEMBER = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 0, 0, 5, tzinfo=UTC)


def current(folder: Path) -> Path:
    return folder / "detections_log.jsonl"


def a_line(number: int = 0, *, ok: bool = True, model: str = "yolov8n", at: datetime = NOVEMBER) -> dict[str, Any]:
    """The line of the Nth segment of a camera, analysed a minute after it began."""
    started_at = at + timedelta(seconds=30 * number)
    segment = segment_id("front", started_at)
    return {
        "ok": ok,
        "filename": f"{segment}.mp4",
        "detected": ["person"] if ok else [],
        "count": int(ok),
        "timestamp": to_iso(started_at + timedelta(minutes=1)),
        "segment_id": segment,
        "started_at": to_iso(started_at),
        "model": model,
    }
