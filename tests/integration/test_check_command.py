"""`vedette check` as people and scripts call it, and what it says of disk, Redis and models."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from redis import Redis
from typer.testing import CliRunner, Result

from shared_utils.config import Config, StorageConfig
from tests.support.redis_server import RedisServer, require_redis_server
from tests.support.tiny_onnx import tiny_detector
from vedette.checks.finding import Level
from vedette.checks.models import check_face_model, check_models, check_object_model
from vedette.checks.redis_server import check_redis
from vedette.checks.storage import check_storage
from vedette.commands.check import check
from vedette.embedded_redis import EmbeddedRedis

PASSWORD = "hunter2secret"
app = typer.Typer()
app.command()(check)


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RTSP_URL", "REDIS_URL", "VIDEO_DIR", "MODELS_DIR", "STATE_DIR"):
        monkeypatch.delenv(name, raising=False)


def run_check(folder: Path, text: str, *arguments: str) -> Result:
    path = folder / "vedette.yml"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(app, ["--config", str(path), "--video-dir", str(folder / "video"), *arguments])


CLOSED = f"cameras: {{door: {{url: 'rtsp://viewer:{PASSWORD}@127.0.0.1:1/'}}}}\nobjects: {{model: hog}}\n"


def test_a_camera_that_cannot_be_reached_ends_with_1_and_its_fix(tmp_path: Path) -> None:
    result = run_check(tmp_path, CLOSED)

    assert result.exit_code == 1
    assert "camera door" in result.output
    assert PASSWORD not in result.output


def test_json_holds_the_same_findings(tmp_path: Path) -> None:
    """Scripts and monitoring read this; its keys are fixed."""
    result = run_check(tmp_path, CLOSED, "--json", "--deep")

    report: dict[str, Any] = json.loads(result.stdout)
    subjects = [finding["subject"] for finding in report["findings"]]
    assert report["ok"] is False
    assert {"configuration", "video folder", "redis", "object model", "camera door", "footage"} <= set(subjects)
    assert all(set(finding) - {"repair"} == {"level", "subject", "text", "fix"} for finding in report["findings"])


@pytest.mark.parametrize("options", [["--repair"], ["--decode", "3"]])
def test_what_belongs_to_deep_is_wrong_use_without_it(tmp_path: Path, options: list[str]) -> None:
    result = run_check(tmp_path, CLOSED, *options)

    assert result.exit_code == 2
    assert "add --deep" in result.output


def test_a_broken_configuration_ends_with_2(tmp_path: Path) -> None:
    result = run_check(tmp_path, "camera: {}\n")

    assert result.exit_code == 2
    assert "did you mean 'cameras'?" in result.output


def test_all_well_ends_with_0(tmp_path: Path, emulated_url: str) -> None:
    text = f"cameras: {{door: {{url: '{emulated_url}'}}}}\nobjects: {{model: hog}}\n"

    result = run_check(tmp_path, text, "--deep")

    assert result.exit_code == 0, result.output
    assert "h264 320x180" in result.output


def test_a_folder_that_was_mended_ends_with_0_and_says_what_was_done(tmp_path: Path, emulated_url: str) -> None:
    text = f"cameras: {{door: {{url: '{emulated_url}'}}}}\nobjects: {{model: hog}}\n"
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "detections_log.jsonl").write_bytes(b"{torn\n")

    mended = run_check(tmp_path, text, "--deep", "--repair", "--json")
    again = run_check(tmp_path, text, "--deep", "--repair")

    report = json.loads(mended.stdout)
    assert (mended.exit_code, report["ok"]) == (0, True)
    assert [deed["kind"] for deed in report["repaired"]] == ["an unreadable line in a log"]
    assert again.exit_code == 0
    assert "every invariant holds" in again.output.replace("\n", " ")
    assert "Mended" not in again.output


@pytest.fixture
def emulated_url(tmp_path: Path) -> Any:
    from tests.support.clips import make_clip
    from tests.support.emulator import Emulator

    clip = make_clip(tmp_path / "clip.mp4", seconds=3, width=320, height=180)
    with Emulator({"door": clip}) as emulator:
        yield emulator.url("door")


def test_deep_flaws_end_with_1(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "detections_log.jsonl").write_bytes(b"{torn\n")

    result = run_check(tmp_path, CLOSED, "--deep", "--json")

    assert any("unreadable line in a log" in finding["text"] for finding in json.loads(result.stdout)["findings"])


def test_a_video_folder_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "video").write_bytes(b"")

    found = check_storage(tmp_path / "video", StorageConfig())

    assert [finding.level for finding in found] == [Level.PROBLEM]
    assert "is not a folder" in found[0].text


def test_a_video_folder_below_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert check_storage(tmp_path / "file" / "video", StorageConfig())[0].level is Level.PROBLEM


def test_less_room_than_promised_is_told(tmp_path: Path) -> None:
    total_gb = shutil.disk_usage(tmp_path).total / 1e9

    fits = check_storage(tmp_path, StorageConfig(max_disk_usage_gb=0.001, keep_free_gb=0))
    tight = check_storage(tmp_path, StorageConfig(max_disk_usage_gb=total_gb * 2, keep_free_gb=0))
    full = check_storage(tmp_path, StorageConfig(keep_free_gb=total_gb * 2))

    assert [found[-1].level for found in (fits, tight, full)] == [Level.OK, Level.WARNING, Level.PROBLEM]


def test_checking_the_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    check_storage(tmp_path / "video", StorageConfig())
    check_storage(tmp_path, StorageConfig())

    assert list(tmp_path.iterdir()) == []


def test_a_good_redis_has_no_fault(own_redis: RedisServer) -> None:
    assert [finding.level for finding in check_redis(own_redis.url, brings_its_own=False)] == [Level.OK]


def test_a_redis_that_forgets_is_a_problem(own_redis: RedisServer) -> None:
    """With an eviction policy a full Redis deletes waiting tasks without a word."""
    with Redis.from_url(own_redis.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")

    found = check_redis(own_redis.url, brings_its_own=False)

    assert [finding.level for finding in found] == [Level.OK, Level.PROBLEM, Level.WARNING]
    assert "noeviction" in found[1].fix


def test_a_redis_with_another_password_is_told_without_it(tmp_path: Path) -> None:
    require_redis_server(tmp_path)
    server = EmbeddedRedis(tmp_path / "redis", password="right-password")
    server.start()
    try:
        wrong = check_redis(server.url.replace("right-password", PASSWORD), brings_its_own=False)
        missing = check_redis(server.url.replace(":right-password@", ""), brings_its_own=False)
    finally:
        server.stop()

    for found in (wrong, missing):
        assert "refuses the password, or asks for one" in found[0].text
        assert "right-password" not in str(found)
        assert PASSWORD not in str(found)


def test_an_absent_redis_is_a_problem_only_if_one_is_configured() -> None:
    url = f"redis://:{PASSWORD}@127.0.0.1:1/0"

    configured, own = check_redis(url, brings_its_own=False)[0], check_redis(url, brings_its_own=True)[0]

    assert (configured.level, own.level) == (Level.PROBLEM, Level.OK)
    assert PASSWORD not in configured.text + configured.fix


def config_with(models_dir: Path, **objects: str) -> Config:
    cameras = {"door": {"url": "rtsp://10.0.0.5/"}}
    return Config.model_validate({"cameras": cameras, "models_dir": models_dir, "objects": objects})


def test_missing_weights_are_a_warning_as_there_is_a_fallback(tmp_path: Path) -> None:
    found = check_object_model(config_with(tmp_path))

    assert found[0].level is Level.WARNING
    assert "vedette models fetch" in found[0].fix


def test_weights_that_are_no_weights_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "yolov8n.onnx").write_bytes(b"<html>not found</html>")

    found = check_object_model(config_with(tmp_path))

    assert found[0].level is Level.PROBLEM
    assert "is not usable" in found[0].text


def test_a_gpu_that_is_asked_for_and_missing_is_a_problem(tmp_path: Path) -> None:
    tiny_detector(tmp_path / "yolov8n.onnx", labels={0: "a", 1: "b"})

    found = check_object_model(config_with(tmp_path, device="cuda"))

    assert [finding.level for finding in found] == [Level.OK, Level.PROBLEM]
    assert "objects.device is 'cuda', but ONNX Runtime has no CUDAExecutionProvider" in found[1].text


def test_real_weights_load(models_dir: Path) -> None:
    found = check_object_model(config_with(models_dir))

    assert [finding.level for finding in found] == [Level.OK]
    assert "yolov8n.onnx loads" in found[0].text


def config_for_faces(models_dir: Path, **faces: str) -> Config:
    cameras = {"door": {"url": "rtsp://10.0.0.5/", "analyses": ["faces"]}}
    return Config.model_validate({"cameras": cameras, "models_dir": models_dir, "faces": faces})


def test_no_model_is_missed_that_no_camera_needs(tmp_path: Path) -> None:
    """A warning that means nothing hides those that do."""
    nothing = config_for_faces(tmp_path).model_copy(update={"cameras": {}})

    assert [finding.level for finding in check_models(nothing)] == [Level.OK, Level.OK]


def test_missing_faces_are_a_warning_that_names_the_pack_and_its_licence(tmp_path: Path) -> None:
    """Nothing is lost: the tasks wait. But nobody should wait for names that never come."""
    [found] = check_face_model(config_for_faces(tmp_path))

    assert found.level is Level.WARNING
    assert "buffalo_l is missing" in found.text
    assert "vedette models fetch buffalo_l" in found.fix


def test_a_pack_that_is_half_there_is_missing(tmp_path: Path) -> None:
    """As a copy leaves it that was broken off."""
    pack = tmp_path / "insightface" / "models" / "buffalo_s"
    pack.mkdir(parents=True)
    (pack / "det_500m.onnx").touch()

    [found] = check_face_model(config_for_faces(tmp_path, model="buffalo_s"))

    assert (found.level, "buffalo_s is missing" in found.text) == (Level.WARNING, True)


def test_a_folder_that_is_no_pack_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "insightface" / "models" / "ours").mkdir(parents=True)

    [found] = check_face_model(config_for_faces(tmp_path, model="ours"))

    assert found.level is Level.PROBLEM
    assert "it must hold one detector" in found.text


def test_real_faces_load(models_dir: Path) -> None:
    [found] = check_face_model(config_for_faces(models_dir, model="local_mbf"))

    assert found.level is Level.OK
    assert "local_mbf loads and runs on cpu; 128 numbers" in found.text


def test_a_gpu_for_faces_that_is_missing_is_a_problem(models_dir: Path) -> None:
    [found] = check_face_model(config_for_faces(models_dir, model="local_mbf", device="cuda"))

    assert found.level is Level.PROBLEM
    assert "faces.device is 'cuda'" in found.text
