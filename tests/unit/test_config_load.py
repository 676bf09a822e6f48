"""What the configuration says, and which source wins."""

from pathlib import Path

import pytest

from shared_utils.config import Config, load_config
from shared_utils.errors import ConfigError

URL = "rtsp://user:hunter2secret@192.168.1.20:554/stream1"


def written(folder: Path, text: str, name: str = "vedette.yml") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def load(folder: Path, text: str, **environment: str) -> Config:
    return load_config(written(folder, text), environment=environment)


def refused(folder: Path, text: str, **environment: str) -> str:
    """The message of the error that this file must give."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environment)
    return str(caught.value)


CAMERA = f"cameras:\n  front-door:\n    url: {URL}\n"


def test_rtsp_url_alone_gives_one_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest way to a running system is one variable and no file."""
    monkeypatch.chdir(tmp_path)

    config = load_config(environment={"RTSP_URL": URL})

    assert list(config.cameras) == ["camera"]
    assert config.cameras["camera"].url.get_secret_value() == URL


def test_an_empty_file_leaves_it_to_the_environment() -> None:
    """Compose mounts /dev/null where no configuration file is named."""
    assert list(load_config(Path("/dev/null"), environment={"RTSP_URL": URL}).cameras) == ["camera"]


def test_rtsp_url_adds_no_camera_to_those_in_the_file(tmp_path: Path) -> None:
    """Otherwise a camera would be recorded twice as soon as .env holds its address for the file."""
    text = "cameras:\n  front-door:\n    url: ${RTSP_URL}\n"

    config = load(tmp_path, text, RTSP_URL=URL)

    assert list(config.cameras) == ["front-door"]
    assert config.cameras["front-door"].url.get_secret_value() == URL


def test_the_only_camera_can_be_adjusted_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    config = load_config(environment={"RTSP_URL": URL, "VEDETTE_CAMERAS__CAMERA__RECORD": "continuous"})

    assert config.cameras["camera"].record == "continuous"


def test_the_file_in_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, CAMERA)
    monkeypatch.chdir(tmp_path)

    assert list(load_config(environment={}).cameras) == ["front-door"]


def test_command_line_wins_over_environment_over_dotenv_over_file_over_default(tmp_path: Path) -> None:
    """One order, so that whoever sets a value knows whether it counts."""
    path = written(tmp_path, CAMERA + "video_dir: f\nmodels_dir: f\nstate_dir: f\nlog_level: error\n")
    written(tmp_path, "VIDEO_DIR=d\nMODELS_DIR=d\nSTATE_DIR=d\n", ".env")
    environment = {"VIDEO_DIR": "e", "MODELS_DIR": "e"}

    config = load_config(path, video_dir=Path("c"), environment=environment)

    assert (config.video_dir, config.models_dir, config.state_dir) == (Path("c"), Path("e"), Path("d"))
    assert (config.log_level, config.metrics.port) == ("error", 0)


def test_a_variable_reaches_a_nested_key_and_leaves_the_others(tmp_path: Path) -> None:
    text = CAMERA + "storage: {max_age_hours: 48, keep_free_gb: 7}\n"

    config = load(tmp_path, text, VEDETTE_STORAGE__MAX_AGE_HOURS="24", VEDETTE_OBJECTS__LABELS='["person","car"]')

    assert (config.storage.max_age_hours, config.storage.keep_free_gb) == (24, 7)
    assert config.objects.labels == ("person", "car")


def test_a_variable_names_a_camera_with_a_dash_by_an_underscore(tmp_path: Path) -> None:
    """No shell can set a variable whose name holds a dash."""
    config = load(tmp_path, CAMERA, VEDETTE_CAMERAS__FRONT_DOOR__MOTION__MIN_AREA="0.1")

    assert list(config.cameras) == ["front-door"]
    assert config.cameras["front-door"].motion.min_area == 0.1


def test_empty_variables_count_as_unset(tmp_path: Path) -> None:
    """Compose passes `RTSP_URL=` for a variable that nobody set."""
    config = load(tmp_path, CAMERA, RTSP_URL="", REDIS_URL="", VEDETTE_LOG_LEVEL="")

    assert list(config.cameras) == ["front-door"]
    assert config.log_level == "info"


def test_an_empty_variable_does_not_hide_the_one_in_dotenv(tmp_path: Path) -> None:
    written(tmp_path, f"DOOR={URL}\n", ".env")

    config = load(tmp_path, "cameras: {door: {url: '${DOOR}'}}\n", DOOR="")

    assert config.cameras["door"].url.get_secret_value() == URL


def test_dotenv_lies_beside_the_file_else_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    path = written(there, "cameras: {door: {url: 'rtsp://${HOST}/'}}\n")
    written(here, "HOST=from-here\n", ".env")
    monkeypatch.chdir(here)

    without_one_beside_it = load_config(path, environment={})
    written(there, "HOST=from-there\n", ".env")
    with_one_beside_it = load_config(path, environment={})

    assert without_one_beside_it.cameras["door"].url.get_secret_value() == "rtsp://from-here/"
    assert with_one_beside_it.cameras["door"].url.get_secret_value() == "rtsp://from-there/"


def test_a_password_may_hold_dollars_quotes_and_colons(tmp_path: Path) -> None:
    """Values are filled in after YAML is read, so a password cannot break the file."""
    written(tmp_path, "DOOR='rtsp://user:a$b$${c}: #\"@10.0.0.5/'\n".replace(" ", "%20").replace("#", "%23"), ".env")

    config = load(tmp_path, "cameras: {door: {url: '${DOOR}'}}\n")

    assert config.cameras["door"].url.get_secret_value() == 'rtsp://user:a$b$${c}:%20%23"@10.0.0.5/'


def test_two_dollars_stand_for_one_and_a_default_for_what_is_unset(tmp_path: Path) -> None:
    text = "cameras: {door: {url: 'rtsp://${HOST:-10.0.0.5}/$${x}'}}\n"

    config = load(tmp_path, text)

    assert config.cameras["door"].url.get_secret_value() == "rtsp://10.0.0.5/${x}"


@pytest.mark.parametrize("word", ["off", "motion"])
def test_record_off_is_the_word_off(tmp_path: Path, word: str) -> None:
    """Plain YAML 1.1 would read `off` as false."""
    config = load(tmp_path, CAMERA + f"    record: {word}\n    audio: no\n")

    assert config.cameras["front-door"].record == word
    assert config.cameras["front-door"].audio is False


@pytest.mark.parametrize(
    ("before", "line_end"), [("\ufeff", "\n"), ("", "\r\n"), ("\ufeff", "\r\n")], ids=["bom", "crlf", "both"]
)
def test_files_from_windows_are_read(tmp_path: Path, before: str, line_end: str) -> None:
    text = before + CAMERA.replace("\n", line_end)

    assert load(tmp_path, text).cameras["front-door"].url.get_secret_value() == URL


def test_cameras_can_share_settings_by_an_alias(tmp_path: Path) -> None:
    text = CAMERA.replace("front-door:", "front-door: &usual") + (
        "    segment_seconds: 20\n  garden:\n    <<: *usual\n    record: continuous\n"
    )

    garden = load(tmp_path, text).cameras["garden"]

    assert (garden.segment_seconds, garden.record) == (20, "continuous")


def test_commands_that_need_no_camera_do_not_ask_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`vedette queue` must work on a machine that knows the Redis and nothing else."""
    monkeypatch.chdir(tmp_path)

    config = load_config(cameras_required=False, environment={"REDIS_URL": "redis://10.0.0.2:6379/0"})

    assert config.cameras == {}


@pytest.mark.parametrize("password", ["p@ss", "p:ss", "p@s:s", "%2F%3F%23", "ü$&=!"])
def test_unambiguous_passwords_are_accepted(tmp_path: Path, password: str) -> None:
    url = f"rtsp://user:{password}@192.168.1.20/s"

    config = load(tmp_path, "cameras: {door: {url: '${DOOR}'}}\n", DOOR=url)

    assert config.cameras["door"].url.get_secret_value() == url


@pytest.mark.parametrize("password", ["hunt/er2", "hunt?er2", "hunt#er2", "12/hunter2"])
def test_ambiguous_passwords_are_refused_with_the_way_to_write_them(tmp_path: Path, password: str) -> None:
    """FFmpeg would take the first half of such a password for the port, and show it when it fails."""
    message = refused(tmp_path, "cameras: {door: {url: '${DOOR}'}}\n", DOOR=f"rtsp://user:{password}@192.168.1.20/s")

    assert "percent-encoded: / as %2F, ? as %3F, # as %23" in message
    assert "cameras.door.url" in message
    assert "hunt" not in message
