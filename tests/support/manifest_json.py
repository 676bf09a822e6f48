"""A manifest as it stands in its file, spelled out: what is written and read must be this."""

from typing import Any

SEGMENT = "front-20261120T101500123Z"
MANIFEST: dict[str, Any] = {
    "schema": 1,
    "segment_id": SEGMENT,
    "camera": "front",
    "event_id": SEGMENT,
    "trigger": "motion",
    "started_at": "2026-11-20T10:15:00.123Z",
    "duration_seconds": 30.0,
    "filename": f"segments/front/2026-11-20/{SEGMENT}.mp4",
    "bytes": 1234,
    "video": {"codec": "h264", "width": 1920, "height": 1080, "fps": 15.0},
    "audio": None,
    "motion": [{"t": 1.5, "area": 0.01, "boxes": [[0, 0, 10, 20]]}],
    "tasks": ["video_queue"],
}
