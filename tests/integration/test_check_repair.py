"""`vedette check --deep --repair`: each kind of flaw is mended for good, and whatever was there is still somewhere."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from capture_service.camera_lock import CameraLock
from shared_utils.queue import dead_letter_json
from shared_utils.segments import Manifest, read_manifest
from shared_utils.tasks import FACE_QUEUE, PRIVACY_QUEUE, VIDEO_QUEUE, Task, task_for
from tests.support.check_site import Site, clip, line_of, manifest_of, pieces_of, put
from vedette.checks.deep import DeepReport, check_deep
from vedette.checks.flaws import REPAIRS, FlawKind
from vedette.repair import Deed, RepairRunsError, repair
from vedette.repair_logs import mend_log
from vedette.repair_set_aside import SetAside
from vedette.repair_tasks import TaskRepair

Bend = Callable[[Site, Manifest], None]
BLURRED = {"front": {"url": "rtsp://127.0.0.1:1/", "privacy": "blur"}}


@pytest.fixture
def site(tmp_path: Path, fresh_redis_url: str) -> Site:
    return Site(tmp_path / "video", fresh_redis_url)


def look(site: Site) -> DeepReport:
    return check_deep(site.config, site.clock, wait=lambda _: None)


def mend(site: Site) -> tuple[DeepReport, list[Deed]]:
    return repair(site.config, site.clock, lambda: look(site))


def no_manifest(site: Site, manifest: Manifest) -> None:
    site.video.manifest(manifest.segment_id).unlink()


def no_segment(site: Site, manifest: Manifest) -> None:
    site.settle()
    site.video.segment(manifest.segment_id).unlink()


def waiting_and_queued(site: Site, manifest: Manifest) -> None:
    more = manifest.model_copy(update={"tasks": (VIDEO_QUEUE, FACE_QUEUE)})
    put(site.video.waiting_manifest(manifest.segment_id), more.to_json())


def still_in_outbox(site: Site, manifest: Manifest) -> None:
    no_manifest(site, manifest)
    put(site.video.waiting_manifest(manifest.segment_id), manifest.to_json())


def unreadable_manifest(site: Site, manifest: Manifest) -> None:
    put(site.video.manifest(manifest.segment_id), b'{"schema": 1, "segm')


def of_another_camera(site: Site, manifest: Manifest) -> None:
    put(site.video.manifest(manifest.segment_id), manifest.model_copy(update={"camera": "back"}).to_json())


def out_of_the_folder(site: Site, manifest: Manifest) -> None:
    put(site.video.manifest(manifest.segment_id), manifest.model_copy(update={"filename": "../../x.mp4"}).to_json())


def half_written(site: Site, manifest: Manifest) -> None:
    site.redis.flushdb()
    no_manifest(site, manifest)
    path = site.video.segment(manifest.segment_id)
    put(path.with_name(f"{path.name}.part"), clip())
    path.unlink()


def half_written_in_the_outbox(site: Site, manifest: Manifest) -> None:
    put(site.video.outbox / f"{manifest.segment_id}.json.part", b'{"sch')


def half_repaired(site: Site, manifest: Manifest) -> None:
    put(site.video.segment(manifest.segment_id).with_suffix(".mp4.repair"), b"half a copy")


def strange_part(site: Site, manifest: Manifest) -> None:
    put(site.video.segments / "front" / "holiday.part", b"half of somebody's film")


def unreadable_line(site: Site, manifest: Manifest) -> None:
    put(site.video.root / "detections_log.jsonl", b'{"ok": tr\n{"schema":1}\n')


def unreadable_gap(site: Site, manifest: Manifest) -> None:
    put(site.video.root / "gaps_log.jsonl", b'{"camera": "front", "from": "yesterday"}\n')


def torn_line(site: Site, manifest: Manifest) -> None:
    whole = json.dumps(line_of(manifest)).encode()
    put(site.video.root / "detections_log.jsonl", whole + b"\n" + whole[:50])


def line_without_its_end(site: Site, manifest: Manifest) -> None:
    put(site.video.root / "detections_log.jsonl", json.dumps(line_of(manifest)).encode())


def logged_twice(site: Site, manifest: Manifest) -> None:
    failed, first, second = (line_of(manifest, ok=False), line_of(manifest), line_of(manifest) | {"count": 5})
    put(
        site.video.root / "detections_log-2026-10.jsonl",
        b"".join(json.dumps(x).encode() + b"\n" for x in (failed, first)),
    )
    put(site.video.root / "detections_log.jsonl", json.dumps(second).encode() + b"\n")


def vanished(site: Site, manifest: Manifest) -> None:
    site.settle()
    site.redis.hset(f"{VIDEO_QUEUE}:attempts", manifest.segment_id, "3")


def vanished_with_redis(site: Site, manifest: Manifest) -> None:
    site.redis.flushdb()


def dead_without_line(site: Site, manifest: Manifest) -> None:
    payload = site.redis.lpop(VIDEO_QUEUE)
    task = Task.model_validate_json(str(payload))
    letter = dead_letter_json(task, str(payload), error="poison", attempts=3, worker="w", failed_at=site.clock.now())
    site.redis.lpush(f"{VIDEO_QUEUE}:dead", letter)


def stuck(site: Site, manifest: Manifest) -> None:
    site.redis.lmove(VIDEO_QUEUE, f"{VIDEO_QUEUE}:processing:gone:1:a", "RIGHT", "LEFT")


def worker_gone(site: Site, manifest: Manifest) -> None:
    stuck(site, manifest)
    site.redis.sadd(f"{VIDEO_QUEUE}:workers", "gone:1:a")


def private_picture(site: Site, manifest: Manifest) -> None:
    site.config = site.config.model_validate(site.config.model_dump(exclude={"cameras"}) | {"cameras": BLURRED})
    put(site.video.snapshot(manifest.segment_id), b"a face")


def faces_left(site: Site, manifest: Manifest) -> None:
    put(site.video.appearances(manifest.segment_id, "buffalo_l"), b"faces of this segment")
    gone = manifest_of(site.video, 9)
    put(site.video.appearances(gone.segment_id, "buffalo_l"), FACES_OF_NOBODY)


BENDS: Sequence[tuple[Bend, FlawKind]] = [
    (no_manifest, FlawKind.NO_MANIFEST),
    (no_segment, FlawKind.NO_SEGMENT),
    (waiting_and_queued, FlawKind.QUEUED_AND_WAITING),
    (still_in_outbox, FlawKind.STILL_IN_OUTBOX),
    (unreadable_manifest, FlawKind.BAD_MANIFEST),
    (of_another_camera, FlawKind.WRONG_PLACE),
    (out_of_the_folder, FlawKind.WRONG_PLACE),
    (half_written, FlawKind.HALF_WRITTEN),
    (half_written_in_the_outbox, FlawKind.HALF_WRITTEN),
    (half_repaired, FlawKind.HALF_WRITTEN),
    (strange_part, FlawKind.HALF_WRITTEN),
    (unreadable_line, FlawKind.BAD_LINE),
    (unreadable_gap, FlawKind.BAD_LINE),
    (torn_line, FlawKind.TORN_LINE),
    (line_without_its_end, FlawKind.TORN_LINE),
    (logged_twice, FlawKind.TWICE_LOGGED),
    (vanished, FlawKind.TASK_VANISHED),
    (vanished_with_redis, FlawKind.TASK_VANISHED),
    (dead_without_line, FlawKind.DEAD_WITHOUT_LINE),
    (stuck, FlawKind.TASK_STUCK),
    (worker_gone, FlawKind.WORKER_GONE),
    (private_picture, FlawKind.PRIVATE_PICTURE),
    (faces_left, FlawKind.FACES_LEFT),
]
FACES_OF_NOBODY = b"what somebody looks like whose footage is gone"


def test_every_kind_that_can_be_mended_is_tried() -> None:
    assert {kind for _, kind in BENDS} == set(REPAIRS)


@pytest.mark.parametrize(("bend", "kind"), BENDS)
def test_each_flaw_is_mended_once_and_nothing_is_lost(site: Site, bend: Bend, kind: FlawKind) -> None:
    """A second run has nothing to do: otherwise the first one did half of it, or did harm."""
    bend(site, site.record(0))
    told, pieces = {flaw.kind for flaw in look(site).flaws}, pieces_of(site)

    report, deeds = mend(site)
    again = mend(site)

    assert told == {kind}
    assert report.flaws == ()
    assert deeds
    assert (again[0].flaws, again[1]) == ((), [])
    assert pieces - pieces_of(site) == ({FACES_OF_NOBODY} if kind is FlawKind.FACES_LEFT else set())
    logged = [json.loads(line) for line in (site.video.root / "repairs_log.jsonl").read_text().splitlines()]
    assert [line["done"] for line in logged] == [deed.done for deed in deeds]


@pytest.mark.parametrize(
    ("queue", "log", "model", "own"),
    [(VIDEO_QUEUE, "detections_log", "yolov8n", "objects"), (FACE_QUEUE, "faces_log", "buffalo_l", "faces")],
)
def test_the_line_of_a_dead_letter_is_that_of_its_worker(
    site: Site, queue: str, log: str, model: str, own: str
) -> None:
    """Whoever reads the log cannot tell who wrote it, and a replay replaces it: both go by its keys and its model."""
    manifest = site.record(0, (queue,))
    payload = str(site.redis.lpop(queue))
    task = Task.model_validate_json(payload)
    letter = dead_letter_json(task, payload, error="poison", attempts=3, worker="w", failed_at=site.clock.now())
    site.redis.lpush(f"{queue}:dead", letter)

    mend(site)

    [line] = [json.loads(raw) for raw in (site.video.root / f"{log}.jsonl").read_text().splitlines()]
    assert (line["segment_id"], line["model"], line["event_id"]) == (manifest.segment_id, model, manifest.event_id)
    assert list(line)[-4:] == ["frames_analysed", "seconds", own, "error"]
    assert line["error"] == "Given up: poison"


def test_a_vanished_task_is_queued_exactly_once_and_with_fresh_attempts(site: Site) -> None:
    """Its push guard stands for a week; three attempts of its earlier life would make it a dead letter at once."""
    manifest = site.record(0, (VIDEO_QUEUE, FACE_QUEUE, PRIVACY_QUEUE))
    site.analyse(site.record(1))
    vanished(site, manifest)

    mend(site)
    mend(site)

    tasks = [Task.model_validate_json(payload) for payload in site.queued()]
    assert [task.id for task in tasks] == [manifest.segment_id]
    assert not site.redis.hexists(f"{VIDEO_QUEUE}:attempts", manifest.segment_id)
    assert not site.queue.push(task_for(manifest, site.clock.now())), "the guard stands again"
    assert [len(site.queued(name)) for name in (FACE_QUEUE, PRIVACY_QUEUE)] == [1, 1]


def test_killed_between_forgetting_and_pushing_a_task_is_as_vanished_as_before(site: Site) -> None:
    manifest = site.record(0)
    vanished(site, manifest)

    class Killed(type(site.queue)):  # type: ignore[misc]
        def push(self, task: Task) -> bool:
            raise KeyboardInterrupt

    queues = {VIDEO_QUEUE: Killed(site.redis, VIDEO_QUEUE, site.clock)}
    with pytest.raises(KeyboardInterrupt):
        list(TaskRepair(site.config, site.clock, queues).queue_again(VIDEO_QUEUE, [manifest.segment_id]))
    between = [flaw.kind for flaw in look(site).flaws]
    mend(site)

    assert between == [FlawKind.TASK_VANISHED]
    assert len(site.queued()) == 1


def test_of_lines_that_are_there_twice_the_first_that_went_well_stays(site: Site) -> None:
    manifest = site.record(0)
    logged_twice(site, manifest)

    mend(site)

    texts = [path.read_text() for path in site.video.root.glob("detections_log*.jsonl")]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    assert [(line["ok"], line["count"]) for line in lines] == [(True, 0)]


def test_killed_between_keeping_lines_and_writing_the_log_they_are_in_both(site: Site) -> None:
    logged_twice(site, site.record(0))
    before = pieces_of(site)

    class Killed(SetAside):
        def keep_lines(self, log: str, lines: Sequence[bytes]) -> Path:
            super().keep_lines(log, lines)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mend_log(site.video, "detections_log", Killed(site.video, site.clock), site.clock)
    between = pieces_of(site)
    report, _ = mend(site)

    assert before <= between
    assert report.flaws == ()
    assert before <= pieces_of(site)


def test_a_note_without_its_file_is_all_that_a_kill_leaves_of_a_move(site: Site) -> None:
    no_segment(site, manifest := site.record(0))
    path = site.video.manifest(manifest.segment_id)

    class Killed(SetAside):
        def _note(self, target: Path, text: str) -> None:
            super()._note(target, text)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Killed(site.video, site.clock).move(path, "test")
    there = path.exists()
    report, _ = mend(site)

    assert there
    assert report.flaws == ()
    assert [moved.name for moved in (site.video.root / "set-aside").rglob("*.json")] == [path.name]


def test_what_is_moved_has_a_note_and_never_replaces_what_was_moved_before(site: Site) -> None:
    manifest = site.record(0)
    for _ in range(2):
        unreadable_manifest(site, manifest)
        mend(site)
        still_there = site.video.waiting_manifest(manifest.segment_id)
        assert not still_there.exists()

    moved = sorted(path.name for path in (site.video.root / "set-aside").rglob("*") if path.is_file())
    name = f"{manifest.segment_id}.json"
    assert moved == [name, f"{name}.1", f"{name}.1.note", f"{name}.note"]
    assert read_manifest(site.video.manifest(manifest.segment_id)).tasks == (VIDEO_QUEUE, FACE_QUEUE)


def test_a_camera_that_is_being_recorded_is_left_alone(site: Site) -> None:
    """What looks like a leftover may be in the making; the capture service adopts it at its next start."""
    half_written(site, site.record(0))
    lock = CameraLock(site.video, "front")
    lock.acquire()
    try:
        report, deeds = mend(site)
    finally:
        lock.release()

    assert [flaw.kind for flaw in report.flaws] == [FlawKind.HALF_WRITTEN]
    assert deeds == []


def test_without_redis_files_are_mended_and_tasks_wait(tmp_path: Path) -> None:
    site = Site(tmp_path / "video", "redis://127.0.0.1:1/0")
    manifest = site.record(0, ())
    unreadable_manifest(site, manifest)

    report, deeds = mend(site)

    assert report.flaws == ()
    assert report.queues_trouble
    assert [deed.kind for deed in deeds] == [FlawKind.BAD_MANIFEST, FlawKind.NO_MANIFEST]
    assert site.video.waiting_manifest(manifest.segment_id).exists()


def test_what_only_a_person_can_mend_is_left_as_it_is(site: Site) -> None:
    """Invariant 5: an unknown file is never touched."""
    manifest = site.record(0)
    put(site.video.segments / "holiday.mp4", b"mine")
    put(site.video.segment(manifest.segment_id), clip()[:-10])
    before = site.contents(but=is_lock)

    report, deeds = mend(site)

    assert {flaw.kind for flaw in report.flaws} == {FlawKind.UNKNOWN_FILE, FlawKind.WRONG_SIZE}
    assert deeds == []
    assert before == site.contents(but=is_lock)


def is_lock(path: Path) -> bool:
    return path.suffix == ".lock"


def test_one_repair_at_a_time_works_on_a_folder(site: Site) -> None:
    """Two would queue the same task twice."""
    with FileLock(site.video.root / ".repair.lock"), pytest.raises(RepairRunsError):
        mend(site)
