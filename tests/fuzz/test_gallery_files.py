"""Snapshots and sidecars, damaged and almost right: what was written, or a named error, and nothing else.

A share, a power cut or somebody's script may have been at them, and what is read becomes names of people.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_utils.gallery.appearances import read_appearances, write_appearances
from shared_utils.gallery.arrays import Array, read_arrays, write_arrays
from shared_utils.gallery.errors import UnreadableArraysError
from shared_utils.gallery.index import refresh
from shared_utils.gallery.matching import Matcher
from shared_utils.gallery.snapshot import read_snapshot, write_snapshot
from shared_utils.segments import VideoDir
from tests.fuzz.test_messages import almost
from tests.support.galleries import open_gallery_in
from tests.support.gallery_parts import MODEL, appearance, face_of, faces_of, snapshot_of

SNAPSHOT = snapshot_of({"Ann": faces_of(1, [0, 1]), "Bob": faces_of(2, [0])}, [("Bob", face_of(3))])
FUZZED = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def damage(draw: st.DrawFn) -> Any:
    """A change of the bytes of a file: some fall over, some are lost, some are put in, or the end is missing."""
    kind, place = draw(st.sampled_from(["flip", "lose", "put in", "cut"])), draw(st.floats(0, 1, exclude_max=True))
    some = draw(st.binary(min_size=1, max_size=8))

    def damaged(data: bytes) -> bytes:
        at = int(place * len(data))
        if kind == "flip":
            return (
                data[:at]
                + bytes(one ^ (two or 1) for one, two in zip(data[at:], some, strict=False))
                + data[at + len(some) :]
            )
        return data[:at] + {"lose": data[at + len(some) :], "put in": some + data[at:], "cut": b""}[kind]

    return damaged


@FUZZED
@given(damage=damage())
def test_a_damaged_snapshot_is_told_or_harmless(tmp_path: Path, damage: Any) -> None:
    """Checksums see to it: damage never gives a face another name."""
    path = tmp_path / "snapshot.npz"
    write_snapshot(path, SNAPSHOT)
    path.write_bytes(damage(path.read_bytes()))

    try:
        found = read_snapshot(path)
    except UnreadableArraysError:
        return

    assert found.identities == SNAPSHOT.identities
    assert np.array_equal(found.models[MODEL].embeddings, SNAPSHOT.models[MODEL].embeddings)
    assert np.array_equal(found.models[MODEL].owners, SNAPSHOT.models[MODEL].owners)


@FUZZED
@given(damage=damage())
def test_a_damaged_sidecar_is_told_or_harmless(tmp_path: Path, damage: Any) -> None:
    video = VideoDir(tmp_path)
    path = write_appearances(video, appearance(1).segment_id, MODEL, [appearance(1), appearance(2, 2)])
    assert path is not None
    path.write_bytes(damage(path.read_bytes()))

    try:
        found = read_appearances(path)
    except UnreadableArraysError:
        return

    assert [(one.track_id, one.crop_jpeg) for one in found] == [(1, b"\xff\xd8 a picture"), (2, b"\xff\xd8 a picture")]
    assert np.array_equal(found[0].embedding, face_of(1))


def parts_of(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    header, arrays = read_arrays(path)
    return json.loads(json.dumps(header)), arrays


@st.composite
def bent(draw: st.DrawFn) -> Any:
    """A change of one array: another type, another shape, other numbers, or it is not there."""
    which = draw(st.integers(0, 10))
    kind = draw(
        st.sampled_from(["float64", "int64", "transposed", "empty", "shorter", "nan", "huge", "lost", "as it is"])
    )

    def change(arrays: dict[str, Array]) -> dict[str, Array]:
        name = sorted(arrays)[which % len(arrays)]
        array = arrays[name]
        shorter = array[:-1] if array.ndim and len(array) else array
        changed: dict[str, Any] = {
            "float64": array.astype(np.float64),
            "int64": array.astype(np.int64),
            "transposed": array.T,
            "empty": np.zeros((0, 0), array.dtype),
            "shorter": shorter,
            "nan": np.full(array.shape, np.nan, np.float32),
            "huge": np.full(array.shape, 2**31 - 1, array.dtype if array.dtype != np.uint8 else np.int32),
            "as it is": array,
        }
        return {key: value for key, value in arrays.items() if key != name} | (
            {} if kind == "lost" else {name: changed[kind]}
        )

    return change


@FUZZED
@given(data=st.data(), change=bent())
def test_an_almost_right_snapshot_is_told_or_can_be_matched_against(tmp_path: Path, data: Any, change: Any) -> None:
    """Whatever is let through must not end a worker later, in the middle of a segment."""
    path = tmp_path / "snapshot.npz"
    write_snapshot(path, SNAPSHOT)
    header, arrays = parts_of(path)
    wrong = data.draw(almost(header))
    write_arrays(path, wrong if isinstance(wrong, dict) else {"schema": wrong}, change(arrays)) if _is_json(
        wrong
    ) else None

    try:
        found = read_snapshot(path)
    except UnreadableArraysError:
        return

    for model, vectors in found.models.items():
        size = vectors.embeddings.shape[1]
        face = np.eye(1, size, dtype=np.float32)[0] if size else np.zeros(0, np.float32)
        match = Matcher(found, model, 0.4, 0.05).match(face)
        assert match.identity_id is None or match.identity_id in {one.id for one in found.identities}


@FUZZED
@given(data=st.data(), change=bent())
def test_an_almost_right_sidecar_is_told_or_indexed(tmp_path: Path, data: Any, change: Any) -> None:
    """One bad file among thousands must not keep the others from being looked at."""
    with open_gallery_in(tmp_path) as gallery:
        one = appearance(1)
        path = write_appearances(gallery.video, one.segment_id, MODEL, [one, appearance(2, 2)])
        assert path is not None
        header, arrays = parts_of(path)
        wrong = data.draw(almost(header))
        if isinstance(wrong, dict) and _is_json(wrong):
            write_arrays(path, wrong, change(arrays))

        found = refresh(gallery.database, gallery.video)

    assert found.read + len(found.unreadable) <= 1


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, UnicodeEncodeError):
        return False
    return True


def test_an_array_that_claims_to_be_larger_than_all_memory_is_told(tmp_path: Path) -> None:
    """Its head is a line of text; allocating what it says would end the worker."""
    path = tmp_path / "snapshot.npz"
    write_snapshot(path, SNAPSHOT)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"'shape': (3, 32)", b"'shape':(9**9,9)", 1).replace(b"(3, 32), ", b"(3e9, 9), ", 1))

    with pytest.raises(UnreadableArraysError):
        read_snapshot(path)
