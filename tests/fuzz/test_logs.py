"""Logs in which anything may stand: readers skip it, and each result still has one line."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_utils.clock import to_iso
from shared_utils.known_results import KnownResults, ResultKey, key_in
from shared_utils.log_files import LogFiles, LogTail, parse_line
from shared_utils.logs import DETECTIONS_LOG, JsonlLog, ResultLog, to_bytes
from shared_utils.segments import segment_id
from tests.support.fixed_clock import FixedClock

NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


def a_line(number: int, model: str = "m", label: str = "person", *, ok: bool = True) -> dict[str, Any]:
    """A line with every key that workers write."""
    started_at = NOW + timedelta(milliseconds=number)
    segment = segment_id("front", started_at)
    return {
        "ok": ok,
        "filename": f"{segment}.mp4",
        "detected": [label],
        "count": 1,
        "timestamp": to_iso(NOW),
        "schema": 1,
        "segment_id": segment,
        "camera": "front",
        "event_id": None,
        "started_at": to_iso(started_at),
        "model": model,
        "objects": [{"label": label, "error": None}],
        "error": None if ok else label,
    }


texts = st.text(max_size=8) | st.sampled_from(["]", '","model":"x",', ',"error":null}', "\\", '"', "ü", "\u2028"])
lines = st.builds(a_line, st.integers(0, 5), texts, texts, ok=st.booleans()).map(to_bytes)


@st.composite
def spoiled(draw: st.DrawFn, *ways: str) -> bytes:
    """Some bytes of a line, or a line with some of its bytes changed."""
    raw = bytearray(draw(lines))
    match draw(st.sampled_from(["whole", "torn", "torn and ended", "zeros", "junk", *ways])):
        case "torn":
            return bytes(raw[: draw(st.integers(0, len(raw)))])
        case "torn and ended":
            return bytes(raw[: draw(st.integers(0, len(raw)))]) + b"\n"
        case "flipped":
            raw[draw(st.integers(0, len(raw) - 1))] ^= 1 << draw(st.integers(0, 7))
        case "zeros":
            start = draw(st.integers(0, len(raw) - 1))
            raw[start : start + 16] = bytes(len(raw[start : start + 16]))
        case "junk":
            return draw(
                st.binary(max_size=40) | st.sampled_from([b"x" * 100_000 + b"\n", b"\0" * 5000, b"\xff\n", b"\n"])
            )
    return bytes(raw)


@settings(deadline=None, max_examples=500)
@given(raw=spoiled())
def test_the_quick_look_at_a_line_sees_what_json_says(raw: bytes) -> None:
    """A result that the log does not hold must not be taken for recorded, nor the other way round."""
    line = parse_line(raw)

    told = key_in(raw)

    if line is None or "segment_id" not in line or "model" not in line:
        assert told is None
    else:
        assert told == ResultKey(str(line["segment_id"]), str(line["model"]), bool(line.get("ok")))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(junk=st.lists(spoiled("flipped"), max_size=6), numbers=st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_over_any_file_each_result_has_one_line(
    tmp_path_factory: pytest.TempPathFactory, junk: list[bytes], numbers: list[int]
) -> None:
    """What a crash or a person left in the log is skipped by every reader, and repeats or loses no result."""
    folder = tmp_path_factory.mktemp("log")
    (folder / f"{DETECTIONS_LOG}.jsonl").write_bytes(b"".join(junk))
    before = {_key(line) for line in JsonlLog(folder, DETECTIONS_LOG, FixedClock(NOW)).lines() if "model" in line}

    for number in numbers:
        ResultLog(folder, DETECTIONS_LOG, FixedClock(NOW)).record(a_line(number, "fresh"))

    after = [_key(line) for line in JsonlLog(folder, DETECTIONS_LOG, FixedClock(NOW)).lines() if "model" in line]
    fresh = [key for key in after if key[1] == "fresh"]
    assert sorted(fresh) == sorted({_key(a_line(number, "fresh")) for number in numbers})
    assert before <= set(after)


def _key(line: dict[str, Any]) -> tuple[str, str]:
    return str(line.get("segment_id")), str(line.get("model"))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.sampled_from(["append", "rotate", "truncate", "replace", "read"]), max_size=12))
def test_a_tail_over_files_that_change_tells_every_line_that_stays(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """Logs are rotated by us, and cut and rewritten by people."""
    folder = tmp_path_factory.mktemp("tail")
    tail, current, told = LogTail(LogFiles(folder, DETECTIONS_LOG)), folder / f"{DETECTIONS_LOG}.jsonl", set[str]()
    for number, step in enumerate([*steps, "read"]):
        data = current.read_bytes() if current.exists() else b""
        match step:
            case "append":
                current.write_bytes(data + to_bytes(a_line(number)))
            case "rotate" if data:
                current.rename(folder / f"{DETECTIONS_LOG}-2026-{number % 12 + 1:02d}.{number}.jsonl")
            case "truncate":
                current.write_bytes(data[: len(data) // 2])
            case "replace":
                (folder / "aside").write_bytes(data)
                (folder / "aside").rename(current)
            case _:
                told |= {line["segment_id"] for line in tail.new_lines()}

    stays = {line["segment_id"] for line in JsonlLog(folder, DETECTIONS_LOG, FixedClock(NOW)).lines()}
    assert stays <= told


@settings(deadline=None, max_examples=200)
@given(
    puts=st.lists(
        st.builds(
            ResultKey,
            st.sampled_from(["a-20261120T101500123Z", "a-20261120T101500124Z", "a-b-20261120T101500123Z", "hand", ""])
            | st.text(max_size=5),
            st.sampled_from(["m", "n"]),
            st.booleans(),
        )
    )
)
def test_a_compact_set_knows_what_a_dictionary_knows(puts: list[ResultKey]) -> None:
    """Eight bytes for a result, and none of them mistaken for another."""
    known, plain = KnownResults(), dict[tuple[str, str], bool]()
    for key in puts:
        known.put(key)
        plain[key.segment_id, key.model] = key.ok

    assert all(known.get(*name) == ok for name, ok in plain.items())
    assert known.get("a-20261120T101500999Z", "m") is None
