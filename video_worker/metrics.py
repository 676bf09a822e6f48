"""What the object worker counts, for Prometheus."""

from prometheus_client import Counter, Histogram

FRAMES = Counter("vedette_objects_frames_total", "Frames looked at by the object worker.")
SEGMENTS = Counter(
    "vedette_objects_segments_total", "Segments by how their analysis ended: ok, failed or skipped.", ["result"]
)
INFERENCE_SECONDS = Histogram(
    "vedette_objects_inference_seconds",
    "Time of the model for one batch of images.",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
