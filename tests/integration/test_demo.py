"""`vedette demo` from end to end: every real part, on a scene that this machine makes and plays."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rtsp_emulator.demo.people import PEOPLE
from rtsp_emulator.demo.pictures import PicturesMissingError, picture_path
from tests.support.as_segment import existing
from vedette.embedded_redis import RedisServerMissingError, find_redis_server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the demo runs; skipped where the demo could not run either."""
    try:
        find_redis_server(tmp_path)
        picture_path(PEOPLE[0].picture)
    except (RedisServerMissingError, PicturesMissingError) as error:
        pytest.skip(str(error))
    return tmp_path


def demo(folder: Path, *arguments: str, models_dir: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MODELS_DIR"}
    environment |= {"MODELS_DIR": str(models_dir)} if models_dir else {}
    # The user's own settings: the demo must not care.
    environment |= {"RTSP_URL": "rtsp://127.0.0.1:9/own", "REDIS_URL": "redis://127.0.0.1:9/0", "VIDEO_DIR": "own"}
    command = [sys.executable, "-m", "vedette", "demo", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=170, check=False
    )


def test_the_demo_records_queues_analyses_and_logs(folder: Path) -> None:
    """It is the first thing that anybody tries; exit code 0 says that every link of the chain held."""
    ended = demo(folder, "--seconds", "16")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    [recordings] = (folder / "demo" / "video").iterdir()
    lines = [json.loads(line) for line in (recordings / "detections_log.jsonl").read_text().splitlines()]
    segments = {path.stem for path in recordings.glob("segments/yard/*/*.mp4")}
    assert {line["segment_id"] for line in lines} == segments
    assert all(line["ok"] for line in lines)
    assert "hog" in lines[0]["model"].lower()
    assert str(recordings / "detections_log.jsonl") in ended.stdout
    assert "Faces are left out: there is no InsightFace pack" in ended.stdout
    assert not list(recordings.glob("faces*"))
    assert not (folder / "own").exists()


def test_with_weights_for_faces_the_demo_finds_people_and_says_how_to_name_them(folder: Path, models_dir: Path) -> None:
    """Whoever has brought the weights sees at once what they are for."""
    ended = demo(folder, "--seconds", "30", models_dir=existing(models_dir / "insightface" / "models").parents[1])

    assert ended.returncode == 0, ended.stdout + ended.stderr
    [log] = (folder / "demo" / "video").glob("*/faces_log.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert "unknown" in {name for line in lines for name in line["detected"]}
    assert f"vedette faces unknown --config {folder / 'demo' / 'vedette.yml'}" in ended.stdout


def test_a_demo_in_a_folder_that_cannot_be_written_says_so(folder: Path) -> None:
    (folder / "demo").touch()

    ended = demo(folder, "--seconds", "1")

    assert ended.returncode == 1
    assert "The demo cannot write to" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
