"""The reference of the metrics names what the services tell, all of it and nothing else."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = ("capture_service", "face_worker", "shared_utils", "video_worker")


def test_the_reference_names_every_metric_and_no_other() -> None:
    """A dashboard on a metric that does not exist shows nothing, for ever."""
    code = "".join(path.read_text(encoding="utf-8") for name in SERVICES for path in (ROOT / name).rglob("*.py"))
    reference = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")

    assert set(re.findall(r"\bvedette_\w+", reference)) == set(re.findall(r'"(vedette_\w+)"', code))
