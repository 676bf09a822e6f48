"""Services as the processes that users run, and what they leave in a video folder."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from shared_utils.errors import SegmentError
from shared_utils.segments import Manifest, VideoDir, read_manifest

REPOSITORY = Path(__file__).parents[2]
STOP_SECONDS = 30.0


def write_config(path: Path, cameras: Mapping[str, Mapping[str, Any]], **sections: Any) -> Path:
    """A `vedette.yml` with these cameras."""
    path.write_text(yaml.safe_dump({"cameras": {name: dict(one) for name, one in cameras.items()}, **sections}))
    return path


@contextmanager
def service(name: str, config: Path, video_dir: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m NAME` while the block runs, then SIGTERM; its output goes to `<name>.log` beside the config."""
    command = [sys.executable, "-m", name, "--config", str(config), "--video-dir", str(video_dir)]
    with (config.parent / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run_to_its_end(
    name: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m NAME ARGUMENTS`, of which it is expected that it ends by itself, and what it said.

    `environment` is added to ours.
    """
    return subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=REPOSITORY,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def manifests(video_dir: Path, camera: str | None = None) -> list[Manifest]:
    """Every manifest, in the outbox or beside its segment, oldest first."""
    video = VideoDir(video_dir)
    paths = [*video.outbox.glob("*.json"), *video.segments.rglob("*.json")]
    read = (_read_where_it_is_now(video, path) for path in paths)
    found = {manifest.segment_id: manifest for manifest in read if manifest}
    return sorted((m for m in found.values() if camera in (None, m.camera)), key=lambda m: m.started_at)


def _read_where_it_is_now(video: VideoDir, path: Path) -> Manifest | None:
    """A manifest moves from the outbox to its segment while we look, and retention may delete it: None then."""
    for place in (path, video.manifest(path.stem)):
        try:
            return read_manifest(place)
        except SegmentError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    return None


def recorded_spans(video_dir: Path, camera: str) -> list[tuple[datetime, datetime]]:
    """From when to when this camera was recorded; spans that touch within half a second are one."""
    spans: list[tuple[datetime, datetime]] = []
    for manifest in manifests(video_dir, camera):
        start = manifest.started_at
        end = start + timedelta(seconds=manifest.duration_seconds)
        if spans and start - spans[-1][1] <= timedelta(seconds=0.5):
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def part_sizes(folder: Path) -> dict[Path, int]:
    """The segments being written below a folder, and how many bytes each has."""
    sizes = {}
    for path in folder.rglob("*.mp4.part"):
        try:
            sizes[path] = path.stat().st_size
        except FileNotFoundError:  # it became a segment while we looked
            continue
    return sizes
