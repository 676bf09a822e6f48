"""A password never leaves the configuration, whatever is wrong with the rest; and no text breaks the loader."""

import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_utils.config import Config, load_config
from shared_utils.errors import ConfigError
from shared_utils.secrets import MASK, MaskingFilter, secrets_in_url
from tests.unit.test_config_load import load, written

PASSWORD = "hunter2secret"
NO_FOLDER_RESET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

BENDS = st.sampled_from(
    ["", "@", ":", "/", "?", "#", "%", " ", "[", "]", "\\", "'", '"', "${X}", "$", "é", "\u2100", "*", "&", "\t", "!"]
)
SCHEMES = st.sampled_from(["rtsp://", "rtsps://", "http://", "rtsp:/", "", "rtsp//", "redis://"])
PLACES = st.sampled_from(
    [
        "cameras: {{a: {{url: {quoted}}}}}",
        "cameras:\n  a:\n    url: {plain}\n    record: x\n",
        "cameras: {{a: {{urll: {quoted}}}}}",
        "cameras: {{a: {quoted}}}",
        "cameras: {quoted}",
        "redis_url: {quoted}",
        "redis_url: {plain}",
        "cameras: {{a: {{url: {quoted}, substream_url: {quoted}}}}}",
        "password: {plain}",
        "cameras: {{a: {{{quoted}: 1}}}}",
        "cameras: {{{quoted}: {{url: x}}}}",
        "cameras:\n  a:\n    {plain}: x\n    {plain}: y\n",
        "{plain}:\n  url: !x y\n",
        "cameras:\n  a:\n    url: *{password}\n",
        "cameras:\n  a:\n    url: !{password}\n",
        "cameras:\n  a:\n   - url: {plain}\n   b\n",
    ]
)


def everything_said(error: BaseException) -> str:
    """The message and the whole traceback with its causes, as a log would show them."""
    return "".join(traceback.format_exception(error))


def outcome(path: Path) -> Config | ConfigError:
    """What loading gives; any other exception goes through and fails the test."""
    try:
        return load_config(path, environment={})
    except ConfigError as error:
        return error


@NO_FOLDER_RESET
@given(place=PLACES, scheme=SCHEMES, before=BENDS, after=BENDS)
def test_no_message_ever_shows_a_password(tmp_path: Path, place: str, scheme: str, before: str, after: str) -> None:
    """Messages end in logs, and logs in tickets."""
    url = f"{scheme}user:{before}{PASSWORD}{after}@192.168.1.20/stream"
    quoted = "'" + url.replace("'", "''") + "'"
    text = place.format(quoted=quoted, plain=url, password=PASSWORD)

    try:
        said = repr(load(tmp_path, text))
    except ConfigError as error:
        said = everything_said(error)

    assert PASSWORD not in said


@NO_FOLDER_RESET
@given(scheme=SCHEMES, before=BENDS, after=BENDS)
@pytest.mark.parametrize("variable", ["RTSP_URL", "REDIS_URL", "VEDETTE_REDIS_URL", "VEDETTE_CAMERAS", "VEDETTE_X"])
def test_no_message_about_a_variable_shows_a_password(
    tmp_path: Path, variable: str, scheme: str, before: str, after: str
) -> None:
    url = f"{scheme}user:{before}{PASSWORD}{after}@192.168.1.20/stream"

    try:
        said = repr(load(tmp_path, "log_level: loud\n", **{variable: url}))
    except ConfigError as error:
        said = everything_said(error)

    assert PASSWORD not in said


@NO_FOLDER_RESET
@given(text=st.one_of(st.text(), st.text(alphabet="ab:{}[]&*!|>'\"%@`#-?,<~0.$ \n\t")))
def test_any_text_is_a_configuration_or_a_config_error(tmp_path: Path, text: str) -> None:
    """A stack trace instead of a message would leave the owner alone with it."""
    path = tmp_path / "vedette.yml"
    path.write_text(text, encoding="utf-8", errors="replace", newline="")

    assert isinstance(outcome(path), Config | ConfigError)


@NO_FOLDER_RESET
@given(data=st.binary(max_size=60))
def test_any_bytes_in_dotenv_are_read_or_a_config_error(tmp_path: Path, data: bytes) -> None:
    path = written(tmp_path, "cameras: {a: {url: rtsp://10.0.0.5/}}\n")
    (tmp_path / ".env").write_bytes(data)

    assert isinstance(outcome(path), Config | ConfigError)


def test_printing_the_configuration_shows_no_password(tmp_path: Path) -> None:
    """Somebody will log it."""
    config = load(
        tmp_path,
        f"redis_url: redis://:{PASSWORD}@127.0.0.1:6379/0\n"
        f"cameras: {{door: {{url: 'rtsp://user:{PASSWORD}@192.168.1.20/'}}}}\n",
    )

    assert PASSWORD not in repr(config) + str(config) + config.model_dump_json() + str(config.model_dump())


def test_every_secret_of_the_configuration_is_masked_in_logs(tmp_path: Path) -> None:
    """The filter gets what `Config.secrets` lists, also for a Redis URL, whose user is empty."""
    config = load(
        tmp_path,
        "redis_url: redis://:redis-word@127.0.0.1:6379/0\n"
        "cameras: {door: {url: 'rtsp://user:door%40word@192.168.1.20/'}}\n",
    )
    mask = MaskingFilter([word for secret in config.secrets for word in secrets_in_url(secret)]).mask

    shown = mask("redis://:redis-word@127.0.0.1 said redis-word; door%40word or door@word")

    assert shown == f"redis://:{MASK}@127.0.0.1 said {MASK}; {MASK} or {MASK}"


def test_a_secret_given_by_name_is_shown_by_its_name(tmp_path: Path) -> None:
    """The message must say which value is meant, and may not say the value."""
    path = written(tmp_path, "cameras: {door: {url: '${DOOR}', record: '${DOOR}'}}\n")

    with pytest.raises(ConfigError) as caught:
        load_config(path, environment={"DOOR": PASSWORD})

    assert "cameras.door.url = ${DOOR}: must be" in str(caught.value)
    assert PASSWORD not in everything_said(caught.value)
