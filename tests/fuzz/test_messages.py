"""Manifests, tasks, dead letters and status files, right and almost right: a value or a named error, nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared_utils.analysis.sampling import Sampling, sample_times
from shared_utils.analysis.segment_worker import find_manifest
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.errors import SegmentError
from shared_utils.folder_mark import mark_folder
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.queue import TaskQueue
from shared_utils.segments import Manifest, VideoDir, read_manifest, write_manifest
from shared_utils.status import read_status
from shared_utils.tasks import VIDEO_QUEUE, Task
from tests.support.detectors import BlockDetector
from tests.support.fixed_clock import FixedClock
from tests.support.manifest_json import MANIFEST, SEGMENT
from tests.support.queue_parts import a_task, in_memory_redis
from video_worker.detectors import Detectors
from video_worker.objects import ObjectWorker, WorkerOptions, object_worker

NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
any_text = st.text(st.characters(), max_size=30)  # lone surrogates included
plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**18, max_value=10**400)
    | st.floats()
    | any_text
    | st.sampled_from(["", "\0", "..", "/etc/passwd", "\ud800", "1e999", "2026-02-30T00:00:00Z", "0001-01-01T00:00Z"])
)
anything = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4), max_leaves=12
)


@st.composite
def almost(draw: st.DrawFn, right: dict[str, Any]) -> Any:
    """A right object with some of its values, at any depth, replaced, lost or added."""
    bent = json.loads(json.dumps(right))
    for _ in range(draw(st.integers(0, 3))):
        _bend(draw, bent)
    return bent


def _bend(draw: st.DrawFn, value: Any) -> None:
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = draw(st.sampled_from(keys))
    if isinstance(value[key], dict | list) and value[key] and draw(st.booleans()):
        _bend(draw, value[key])
        return
    match draw(st.sampled_from(["replace", "lose", "add"])):
        case "replace":
            value[key] = draw(anything)
        case "lose":
            del value[key]
        case _ if isinstance(value, dict):
            value[draw(any_text)] = draw(anything)
        case _:
            value.append(draw(anything))


file_names = any_text | st.lists(
    st.sampled_from(
        ["..", ".", "", "segments", "out", "file", "loop", "in", "own", "~", "\0", "a" * 300, "\ud800", "…"]
    ),
    min_size=1,
    max_size=6,
).map("/".join)


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


@settings(deadline=None, max_examples=300)
@given(content=st.binary(max_size=200) | st.builds(as_bytes, anything | almost(MANIFEST)))
def test_a_manifest_is_read_or_refused_and_what_was_read_is_written_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Anybody may have written it; one bad manifest must not end the service that finds it."""
    video = VideoDir(tmp_path_factory.getbasetemp() / "manifests")
    path = video.manifest(SEGMENT)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)

    try:
        manifest = read_manifest(path)
    except SegmentError:
        assert find_manifest(video, SEGMENT) is None
        return

    assert find_manifest(video, SEGMENT) == manifest or "nan" in repr(manifest)
    write_manifest(path, manifest)
    assert read_manifest(path) == manifest or _holds_no_json(manifest)
    times = sample_times(manifest.motion, manifest.duration_seconds, Sampling())
    assert 1 <= len(times) <= Sampling().max_frames
    assert list(times) == sorted(times)


def _holds_no_json(manifest: Manifest) -> bool:
    """Under keys that nobody knows a NaN or an infinity may stand; they become null."""
    return "nan" in repr(manifest) or "inf" in repr(manifest)


TASK = json.loads(a_task().to_json())


@settings(deadline=None, max_examples=300)
@given(payload=any_text | st.builds(json.dumps, anything | almost(TASK)))
def test_a_payload_is_a_task_or_refused_and_a_task_is_told_the_same_way_again(payload: str) -> None:
    """`redis-cli lpush` is open to everybody who has the password."""
    try:
        task = Task.model_validate_json(payload)
    except ValidationError:
        return

    assert Task.model_validate_json(task.to_json()).to_json() == task.to_json()
    assert "\n" not in task.to_json()


@settings(deadline=None, max_examples=300)
@given(name=file_names)
def test_a_file_named_by_a_task_lies_below_the_video_folder(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """By whatever way it may try to leave: the worker would read, and describe, any file of the machine."""
    root = tmp_path_factory.getbasetemp() / "root" / "video"
    _make_traps(root)

    try:
        path = VideoDir(root).resolve(name)
    except SegmentError as error:
        str(error).encode(errors="strict" if name.isprintable() else "replace")
        return

    assert path.is_relative_to(root.resolve())
    assert path.resolve() == path


def _make_traps(root: Path) -> None:
    """Links that lead out, in, and round in a circle."""
    if root.exists():
        return
    (root / "segments").mkdir(parents=True)
    (root.parent / "secret").mkdir()
    (root.parent / "secret" / "file").write_text("secret")
    (root / "own").write_bytes(b"")
    (root / "out").symlink_to(root.parent / "secret")
    (root / "segments" / "out").symlink_to("../../secret")
    (root / "file").symlink_to(root.parent / "secret" / "file")
    (root / "in").symlink_to(root / "segments")
    (root / "loop").symlink_to(root / "loop")


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=file_names,
    bent=almost(TASK),
)
def test_a_task_about_a_file_that_cannot_be_there_ends_as_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, bent: Any
) -> None:
    """Were it taken for a folder that is away, it would be postponed for ever, and the queue with it."""
    root = tmp_path_factory.getbasetemp() / "tasks" / "video"
    _make_traps(root)
    try:
        task = Task.model_validate(bent | {"filename": name})
    except (ValidationError, TypeError):
        return
    mark_folder(root, FixedClock(NOW))
    (root / "detections_log.jsonl").unlink(missing_ok=True)

    _worker(root).handle(task)

    (line,) = (root / "detections_log.jsonl").read_bytes().splitlines()
    assert json.loads(line)["ok"] is False


def _worker(root: Path) -> ObjectWorker:
    detector = BlockDetector()
    return object_worker(
        VideoDir(root),
        ResultLog(root, DETECTIONS_LOG, FixedClock(NOW)),
        Detectors(detector, BlockDetector),
        options=WorkerOptions(),
        status=WorkerStatus(detector.name, write=lambda _: None, remove=lambda: None),
        clock=FixedClock(NOW),
    )


LETTER = {"task": TASK, "error": "boom", "attempts": 3, "worker": "a:1:b", "failed_at": "2026-11-20T10:15:00.000Z"}


@settings(deadline=None, max_examples=200)
@given(raw=st.text(max_size=50) | st.builds(json.dumps, anything | almost(LETTER)))
def test_whatever_stands_among_the_dead_letters_is_shown_and_can_be_dropped(raw: str) -> None:
    """People edit lists by hand; `vedette queue dead` is how they look at what they did."""
    queue = TaskQueue(in_memory_redis(), VIDEO_QUEUE, FixedClock())
    queue.redis.lpush(queue.key("dead"), raw.encode(errors="surrogateescape"))

    (letter,) = queue.dead()
    replayed = queue.replay()

    assert letter.raw == raw
    assert replayed == (letter.task_id is not None)
    assert queue.drop() == 1 - replayed
    assert queue.depth().dead == 0


STATUS = {"service": "capture_service", "host": "h", "pid": 1, "updated_at": "2026-11-20T10:15:00.000Z", "cameras": {}}


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=100) | st.builds(as_bytes, anything | almost(STATUS)))
def test_a_status_file_is_read_or_left_out(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """They are for people to look at; `vedette status` must show the others."""
    folder = tmp_path_factory.getbasetemp() / "status"
    folder.mkdir(exist_ok=True)
    (folder / "bent.json").write_bytes(content)
    (folder / "right.json").write_bytes(as_bytes(STATUS))

    found = read_status(folder, NOW)

    assert STATUS in found
    assert all(isinstance(status, dict) for status in found)
