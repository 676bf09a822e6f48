"""What the face worker counts, for Prometheus."""

from prometheus_client import Counter, Histogram

FRAMES = Counter("vedette_faces_frames_total", "Frames looked at by the face worker.")
SEGMENTS = Counter(
    "vedette_faces_segments_total", "Segments by how their analysis ended: ok, failed or skipped.", ["result"]
)
TRACKS = Counter(
    "vedette_faces_tracks_total", "People followed, by whether they got a name: known or unknown.", ["who"]
)
INFERENCE_SECONDS = Histogram(
    "vedette_faces_inference_seconds",
    "Time of the models, by step: detect (one image) or embed (the best faces of one track).",
    ["step"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
