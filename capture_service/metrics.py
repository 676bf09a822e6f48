"""Prometheus metrics of the capture service."""

from prometheus_client import Counter, Gauge

PACKETS = Counter("vedette_capture_packets_total", "Packets received from a camera.", ["camera", "kind"])
BYTES = Counter("vedette_capture_bytes_total", "Bytes received from a camera.", ["camera"])
SEGMENTS = Counter("vedette_capture_segments_total", "Segments recorded.", ["camera"])
GAPS = Counter("vedette_capture_gaps_total", "Times without video that were longer than a hiccup.", ["camera"])
RECONNECTS = Counter("vedette_capture_reconnects_total", "Connections to a camera after its first.", ["camera"])
STORAGE_FAILURES = Counter("vedette_capture_storage_failures_total", "Segments that a disk did not take.", ["camera"])
STREAMING = Gauge("vedette_capture_streaming", "1 while a camera delivers video, else 0.", ["camera"])
RECORDING = Gauge("vedette_capture_recording", "1 while a segment of a camera is being written, else 0.", ["camera"])
UNFINISHED = Gauge("vedette_capture_unfinished_segments", "Segments that wait for the disk to take them.")
MOTION_DROPPED = Counter(
    "vedette_motion_packets_dropped_total",
    "Packets of a camera that motion detection left out because it was behind.",
    ["camera"],
)
MOTION_IDLE = Gauge(
    "vedette_motion_idle",
    "1 while a camera is looked at by keyframes alone, as nothing moves.",
    ["camera"],
)
KEPT_BYTES = Gauge("vedette_storage_kept_bytes", "Bytes of all recorded segments that retention knows.")
KEPT_SEGMENTS = Gauge("vedette_storage_kept_segments", "Recorded segments that retention knows.")
DELETED = Counter("vedette_segments_deleted_total", "Segments deleted by retention.", ["reason"])
NOT_DELETED = Counter("vedette_segments_not_deleted_total", "Segments that should have been deleted but could not be.")
