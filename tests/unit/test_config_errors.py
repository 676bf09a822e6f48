"""Every error names the place, the key, the value and the fix, and all of them come at once."""

from pathlib import Path

import pytest

from shared_utils.config import load_config
from shared_utils.errors import ConfigError
from tests.unit.test_config_load import CAMERA, URL, refused, written


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Nobody should have to start ten times to mend ten lines."""
    text = CAMERA + "    record: allways\n    segment_secnds: 20\nstorage: {max_age_hours: x}\n"

    message = refused(tmp_path, text, VEDETTE_METRICS__PORT="99999")

    assert "4 problems" in message
    assert "vedette.yml:4: cameras.front-door.record = allways: must be one of 'motion'" in message
    assert "vedette.yml:5: cameras.front-door.segment_secnds: is not a key here; did you mean 'segment_seconds'?" in (
        message
    )
    assert "vedette.yml:6: storage.max_age_hours = x: must be a number" in message
    assert "environment variable VEDETTE_METRICS__PORT: metrics.port = 99999: must be at most 65535" in message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("record: person", "record = person: is not available in this version"),
        ("source: gstreamer", "source = gstreamer: is not available in this version"),
        ("substream_url: rtsp://10.0.0.5/sub", "substream_url = rtsp://10.0.0.5/sub: is not available in this version"),
        ("motion: {min_area: 3}", "motion.min_area = 3: must be at most 1"),
        ("motion: {min_area: .inf}", "motion.min_area = .inf: must be a number"),
        ("motion: {masks: [[[0, 0], [1, 1]]]}", "motion.masks[0]: must be a list of at least 3"),
        ("motion: 3", "motion: must be a section with keys of its own"),
        ("segment_seconds: 1", "segment_seconds = 1: must be at least 2"),
        ("segment_seconds: 12:30", "segment_seconds = 12:30: must be a number"),
        ("analyses: objects", "analyses = objects: must be a list, such as [a, b]"),
        ("analyses: [object]", "analyses[0] = object: must be one of 'objects' or 'faces'"),
        ("audio: perhaps", "audio = perhaps: must be true or false"),
        ("url: again", "url: is there twice (first in line 3)"),
        ("? [a, b]\n    : c", "a key must be a plain word"),
        ("record: !!python/name:os.system x", "tags (!name) are not used here"),
        ("segment_seconds: !!int ''", "tags (!name) are not used here"),
        ("record: ${RECORD", "has '${' without a name and '}'"),
        ("record: ${RECORD}", "needs ${RECORD}, which is not set. Add RECORD=... to .env or the environment"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(tmp_path: Path, line: str, expected: str) -> None:
    message = refused(tmp_path, CAMERA + f"    {line}\n")

    assert expected in message
    assert "vedette.yml:4" in message


@pytest.mark.parametrize("name", ["Front Door", "-door", "a" * 65, "tür", "door/", ""])
def test_a_camera_name_that_cannot_be_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    message = refused(tmp_path, f'cameras:\n  "{name}":\n    url: {URL}\n')

    assert "Use a-z, 0-9, - and _" in message


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("VEDETTE_STORAGE__MAX_AGE_HOUR", "did you mean 'max_age_hours'?"),
        ("VEDETTE_MAX_AGE_HOURS", "did you mean VEDETTE_STORAGE__MAX_AGE_HOURS?"),
        ("VEDETTE_LOGLEVEL", "did you mean VEDETTE_LOG_LEVEL?"),
        ("VEDETTE_XYZZY", "see docs/reference/configuration.md"),
        ("VEDETTE_", "there is no such setting"),
        ("VEDETTE_LOG_LEVEL__X", "cannot be read"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_right_name(
    tmp_path: Path, variable: str, expected: str
) -> None:
    """A setting that is silently ignored is found out when the footage is gone."""
    message = refused(tmp_path, CAMERA, **{variable: "1"})

    assert variable in message
    assert expected in message


def test_an_unknown_variable_in_dotenv_is_refused_too(tmp_path: Path) -> None:
    written(tmp_path, "VEDETTE_STORAGE__MAX_AGE=3\n", ".env")

    message = refused(tmp_path, CAMERA)

    assert f"VEDETTE_STORAGE__MAX_AGE in {tmp_path / '.env'}" in message


def test_a_list_in_a_variable_that_is_not_json_says_how_to_write_it(tmp_path: Path) -> None:
    message = refused(tmp_path, CAMERA, VEDETTE_OBJECTS__LABELS="person,car")

    assert "VEDETTE_OBJECTS__LABELS: objects.labels" in message
    assert '["person","car"]' in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no camera is configured"),
        ("# only a comment\n", "no camera is configured"),
        ("cameras:\n", "cameras: must be a section"),
        ("cameras: {}\n", "no camera is configured"),
        ("just words", "the file must hold keys such as 'cameras:', not a single value"),
        ("- a\n- b\n", "the file must hold keys such as 'cameras:', not a list"),
        ("cameras:\n\tdoor:\n", "There is a tab in this line"),
        ("cameras: [\n", "this is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "this is not valid YAML"),
        ("a: \x07\n", "there is a control character (U+0007)"),
        ("a: &a [*a]\n", "the aliases (*name) in this file never end"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_configuration_says_why(tmp_path: Path, text: str, expected: str) -> None:
    message = refused(tmp_path, text)

    assert expected in message
    assert "vedette.yml" in message


def test_aliases_that_multiply_are_stopped(tmp_path: Path) -> None:
    """Ten short lines can stand for more values than the memory holds."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    assert "never end" in refused(tmp_path, "\n".join(lines))


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    for path, expected in [
        (tmp_path / "absent.yml", "vedette init"),
        (tmp_path, "is a folder, not a file"),
        (tmp_path / ("x" * 300) / "vedette.yml", "cannot be read: File name too long"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
    ]:
        with pytest.raises(ConfigError, match=expected):
            load_config(path, environment={})

    latin = tmp_path / "latin.yml"
    latin.write_bytes(b"cameras: \xe9\n")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_config(latin, environment={})


def test_without_any_configuration_both_ways_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=r"vedette init.*RTSP_URL="):
        load_config(environment={})
