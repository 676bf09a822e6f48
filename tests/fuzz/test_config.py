"""Whatever stands in `vedette.yml`, `.env` or the environment: a configuration, or a ConfigError in words."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared_utils.config import Config, load_config
from shared_utils.errors import ConfigError

SECRET = "s3cr3t-w0rd"
ENVIRONMENT = {"DOOR_PASSWORD": SECRET, "DOOR_URL": f"rtsp://u:{SECRET}@10.0.0.5/s"}
RIGHT: dict[str, Any] = {
    "cameras": {
        "door": {
            "url": "rtsp://u:${DOOR_PASSWORD}@10.0.0.5/s",
            "record": "motion",
            "segment_seconds": 30,
            "motion": {"min_area": 0.01, "masks": [[[0, 0], [1, 0], [1, 1]]]},
            "analyses": ["objects"],
        }
    },
    "storage": {"max_disk_usage_gb": 10, "keep_free_gb": 1},
    "objects": {"labels": ["person"], "batch_size": 4},
    "log_level": "info",
    "redis_url": "redis://:${DOOR_PASSWORD}@127.0.0.1:6379/0",
}
KEYS = [
    "url",
    "cameras",
    "storage",
    "motion",
    "masks",
    "record",
    "redis_url",
    "objects",
    "door",
    "Front Door",
    "<<",
    "",
]

words = st.text(max_size=12) | st.sampled_from(
    ["${DOOR_PASSWORD}", "${DOOR_URL}", "${", "$", "$${X}", "${X:-}", "${DOOR_PASSWORD:-x}", "${1}", "${${DOOR_URL}}",
     "rtsp://${DOOR_PASSWORD}", "rtsp://a:${DOOR_PASSWORD}/b@c", "off", "1e999", "-0", "0x10", "null", "~nobody", "\0"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(10**30, 10**60) | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | words, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def bent(draw: st.DrawFn) -> str:
    """A right file with one to three places changed."""
    document = yaml.safe_load(yaml.safe_dump(RIGHT))
    for _ in range(draw(st.integers(1, 3))):
        here: Any = document
        while isinstance(here, dict) and here:
            key = draw(st.sampled_from(sorted(here)))
            if isinstance(here[key], dict) and here[key] and draw(st.integers(0, 3)):
                here = here[key]
                continue
            here[draw(st.just(key) | st.sampled_from(KEYS) | words)] = draw(values)
            break
    return str(yaml.safe_dump(document, allow_unicode=True))


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(text=bent() | st.text(max_size=60) | st.builds(yaml.safe_dump, values) | st.binary(max_size=40))
def test_a_file_is_a_configuration_or_an_error_in_words(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes
) -> None:
    """Exit code 2 and a sentence, never a traceback, and never the password."""
    assume(SECRET not in str(text))  # the word itself, where no secret belongs
    path = tmp_path_factory.getbasetemp() / "fuzzed.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))

    check(path, ENVIRONMENT)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(["VEDETTE_", "VEDETTE_STORAGE__", "VEDETTE_CAMERAS__DOOR__", "VEDETTE_OBJECTS__", ""]),
    rest=st.sampled_from(["URL", "MAX_AGE_HOURS", "LABELS", "REDIS_URL", "RTSP_URL", "MOTION__MASKS", "__"])
    | st.from_regex(r"[A-Z_]{0,12}", fullmatch=True),
    value=words | st.builds(repr, values) | st.sampled_from(["[1", '{"a":1}', '["x"]', f"redis://:{SECRET}@"]),
)
def test_a_variable_is_used_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, name: str, rest: str, value: str
) -> None:
    """Compose files are written by hand, too."""
    assume(SECRET not in value or "://" in value)  # a bare word in a variable that wants a number is no secret
    path = tmp_path_factory.getbasetemp() / "right.yml"
    path.write_text(yaml.safe_dump(RIGHT))

    check(path, {**ENVIRONMENT, name + rest: value})


@settings(deadline=None, max_examples=150)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_a_dotenv_file_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Secrets stand in it: what cannot be read must not be shown."""
    folder = tmp_path_factory.getbasetemp() / "dotenv"
    folder.mkdir(exist_ok=True)
    (folder / "vedette.yml").write_text(yaml.safe_dump(RIGHT))
    (folder / ".env").write_bytes(f"DOOR_PASSWORD={SECRET}\n".encode() + content)

    check(folder / "vedette.yml", {})


def check(path: Path, environment: dict[str, str]) -> None:
    try:
        config = load_config(path, environment=environment)
    except ConfigError as error:
        said = str(error)
        assert said
        assert SECRET not in said
        assert "Traceback" not in said
        said.encode(errors="backslashreplace")
        return
    assert isinstance(config, Config)
    assert SECRET not in repr(config)
