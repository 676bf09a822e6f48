"""`vedette check --deep` compares manifests, queues and logs: a task that is nowhere is told, one that moves is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shared_utils.logs import FACES_LOG, PRIVACY_LOG
from shared_utils.queue import dead_letter_json
from shared_utils.segments import Manifest
from shared_utils.tasks import FACE_QUEUE, PRIVACY_QUEUE, VIDEO_QUEUE, task_for
from tests.support.check_site import PASSWORD, Site, put
from vedette.checks.decoding import decode_some
from vedette.checks.deep import check_deep
from vedette.checks.everything import deep_findings
from vedette.checks.finding import Level
from vedette.checks.flaws import Flaw, FlawKind

ALL = (VIDEO_QUEUE, FACE_QUEUE, PRIVACY_QUEUE)


@pytest.fixture
def site(tmp_path: Path, fresh_redis_url: str) -> Site:
    return Site(tmp_path / "video", fresh_redis_url)


def flaws(site: Site) -> list[Flaw]:
    return list(check_deep(site.config, site.clock, wait=lambda _: None).flaws)


def kinds(site: Site) -> list[FlawKind]:
    return [flaw.kind for flaw in flaws(site)]


def bury(site: Site, manifest: Manifest, model: str | None = None) -> None:
    task = task_for(manifest, site.clock.now(), model)
    letter = dead_letter_json(task, task.to_json(), error="poison", attempts=3, worker="w", failed_at=site.clock.now())
    site.redis.lpush(f"{VIDEO_QUEUE}:dead", letter)


def in_work(site: Site, worker: str = "host:1:abc", *, alive: bool = True, listed: bool = True) -> None:
    """A worker has taken the next task."""
    site.redis.lmove(VIDEO_QUEUE, f"{VIDEO_QUEUE}:processing:{worker}", "RIGHT", "LEFT")
    if alive:
        site.redis.set(f"{VIDEO_QUEUE}:alive:{worker}", "1", px=600_000)
    if listed:
        site.redis.sadd(f"{VIDEO_QUEUE}:workers", worker)


def test_tasks_that_wait_are_worked_on_are_done_or_have_failed_are_all_well(site: Site) -> None:
    """Also of queues for which no worker exists: what is in the list waits for one."""
    site.record(0, ALL)
    in_work(site)
    site.record(1, ALL)
    site.analyse(site.record(2))
    failed = site.record(3)
    site.analyse(failed, ok=False)
    site.settle()
    bury(site, failed)
    site.record(4, ALL)
    site.queues[VIDEO_QUEUE].redis.lpush(VIDEO_QUEUE, task_for(site.record(1, ALL), site.clock.now()).to_json())

    assert flaws(site) == []


def test_a_segment_whose_task_is_nowhere_is_told_for_each_queue(site: Site) -> None:
    """The Redis volume was deleted: nothing else would ever bring these segments back into a queue."""
    manifest = site.record(0, ALL)
    site.analyse(manifest, log=FACES_LOG)
    site.redis.flushdb()

    found = flaws(site)

    assert [(flaw.kind, flaw.path.name, flaw.item) for flaw in found] == [
        (FlawKind.TASK_VANISHED, VIDEO_QUEUE, manifest.segment_id),
        (FlawKind.TASK_VANISHED, PRIVACY_QUEUE, manifest.segment_id),
    ]
    assert all(flaw.repair for flaw in found)


def test_a_line_by_any_model_counts_for_the_plain_task(site: Site) -> None:
    site.analyse(site.record(0), model="hog")
    site.settle()

    assert flaws(site) == []


def test_a_task_that_is_settled_while_the_check_runs_is_not_told(site: Site) -> None:
    """The worker writes its line and settles between the look at the queue and the look at the log, or after both."""
    manifest, later = site.record(0), site.record(1)
    check = check_deep

    def progress(done: int, _total: int) -> None:
        if done == 1:  # the logs have been read, the manifests have not
            site.analyse(later)
            site.analyse(manifest)
            site.settle()

    assert check(site.config, site.clock, progress).flaws == ()


def test_a_segment_that_is_queued_while_the_check_runs_is_not_told(site: Site) -> None:
    """Its manifest comes beside it after the queue was looked at."""
    site.record(0)
    recorded: list[Manifest] = []

    def progress(done: int, total: int) -> None:
        if done == 1 and not recorded:
            recorded.append(site.record(1))

    assert check_deep(site.config, site.clock, progress).flaws == ()
    assert len(recorded) == 1


def test_dead_letters_without_a_line_are_told_by_segment_and_model(site: Site) -> None:
    first, second, third = site.record(0), site.record(1), site.record(2)
    site.settle()
    site.analyse(second)
    site.analyse(third)
    site.analyse(third, model="yolov8s", ok=False)
    bury(site, first)
    bury(site, second, "yolov8s")
    bury(site, third, "yolov8s.onnx")

    found = flaws(site)

    assert [flaw.kind for flaw in found] == [FlawKind.DEAD_WITHOUT_LINE] * 2
    assert {flaw.detail for flaw in found} == {first.segment_id, f"{second.segment_id}@yolov8s"}


@pytest.mark.parametrize(
    ("alive", "listed", "told"),
    [
        (True, True, []),
        (True, False, []),
        (False, True, [FlawKind.WORKER_GONE]),
        (False, False, [FlawKind.TASK_STUCK]),
    ],
)
def test_a_task_in_the_hands_of_nobody_is_told(site: Site, alive: bool, listed: bool, told: list[FlawKind]) -> None:
    site.record(0)
    in_work(site, alive=alive, listed=listed)

    assert kinds(site) == told


def test_a_task_that_a_living_worker_puts_back_meanwhile_is_not_told(site: Site) -> None:
    """It takes two beats; the check waits for that long before it says that a worker is gone."""
    site.record(0)
    site.record(1)
    in_work(site, "dead:1:a", alive=False)
    in_work(site, "living:1:b")
    waited: list[float] = []

    def others_reap(seconds: float) -> None:
        waited.append(seconds)
        site.redis.lmove(f"{VIDEO_QUEUE}:processing:dead:1:a", VIDEO_QUEUE, "LEFT", "RIGHT")

    assert check_deep(site.config, site.clock, wait=others_reap).flaws == ()
    assert len(waited) == 1


def double(site: Site, manifest: Manifest) -> None:
    site.redis.lpush(VIDEO_QUEUE, task_for(manifest, site.clock.now()).to_json())


def no_task(site: Site, manifest: Manifest) -> None:
    site.redis.lpush(VIDEO_QUEUE, '{"id": 5}')


def no_letter(site: Site, manifest: Manifest) -> None:
    site.redis.lpush(f"{VIDEO_QUEUE}:dead", b"\xff rubbish")


def no_segment(site: Site, manifest: Manifest) -> None:
    for path in (site.video.manifest(manifest.segment_id), site.video.segment(manifest.segment_id)):
        path.unlink()


@pytest.mark.parametrize(
    ("bend", "kind"),
    [
        (double, FlawKind.TASK_TWICE),
        (no_task, FlawKind.NOT_A_TASK),
        (no_letter, FlawKind.NOT_A_TASK),
        (no_segment, FlawKind.TASK_WITHOUT_SEGMENT),
    ],
)
def test_odd_entries_are_told_and_do_no_harm(
    site: Site, bend: Callable[[Site, Manifest], None], kind: FlawKind
) -> None:
    """Workers deal with them; they are a sign that somebody wrote into Redis by hand, or of retention."""
    bend(site, site.record(0))

    found = flaws(site)

    assert [flaw.kind for flaw in found] == [kind]
    assert found[0].harmless


def test_a_manifest_that_waits_although_redis_answers_is_told_after_a_while(site: Site) -> None:
    old, new = site.record(0), site.record(1)
    site.redis.flushdb()
    for manifest, age_seconds in ((old, 3600.0), (new, 100.0)):
        site.video.manifest(manifest.segment_id).unlink()
        put(site.video.waiting_manifest(manifest.segment_id), manifest.to_json(), age_seconds)

    found = flaws(site)

    assert [(flaw.kind, flaw.path.stem) for flaw in found] == [(FlawKind.STILL_IN_OUTBOX, old.segment_id)]


def test_without_redis_the_files_are_checked_and_the_queues_are_a_problem(tmp_path: Path) -> None:
    """Nothing is said to have vanished because nobody could look."""
    site = Site(tmp_path / "video", f"redis://:{PASSWORD}@127.0.0.1:1/0")
    manifest = site.record(0, ())
    put(site.video.manifest(manifest.segment_id), manifest.model_copy(update={"tasks": ALL}).to_json())
    site.video.segment(site.record(1, ()).segment_id).unlink()

    report = check_deep(site.config, site.clock)

    findings = deep_findings(report, site.video.root)
    assert [flaw.kind for flaw in report.flaws] == [FlawKind.NO_SEGMENT]
    assert [one.level for one in findings if one.subject == "queues"] == [Level.PROBLEM]
    assert PASSWORD not in str(findings)


def test_without_a_configured_redis_no_foreign_one_is_looked_at(site: Site) -> None:
    """A repair would put our tasks into the Redis of another program."""
    site.record(0)
    site.redis.flushdb()
    values = site.config.model_dump(exclude={"redis_url", "cameras"}, exclude_unset=True)
    config = type(site.config).model_validate(values | {"cameras": {"front": {"url": "rtsp://127.0.0.1:1/"}}})

    report = check_deep(config, site.clock)

    assert report.flaws == ()
    assert report.without_queues


def status_with(secret: str) -> Callable[[Site, Manifest], None]:
    def bend(site: Site, manifest: Manifest) -> None:
        put(site.video.status / "capture.json", f'{{"error": "rtsp://viewer:{secret}@127.0.0.1:1/"}}'.encode())

    return bend


def line_with_secret(site: Site, manifest: Manifest) -> None:
    with (site.video.root / "detections_log.jsonl").open("a") as log:
        log.write(f'{{"ok":false,"segment_id":"a","model":"m","error":"x {PASSWORD}"}}\n')


def manifest_with_secret(site: Site, manifest: Manifest) -> None:
    text = manifest.to_json().decode().replace("{", f'{{"extra": "{PASSWORD}",', 1)
    put(site.video.manifest(manifest.segment_id), text.encode())


@pytest.mark.parametrize("bend", [status_with(PASSWORD), line_with_secret, manifest_with_secret])
def test_a_secret_in_a_file_is_told_without_it(site: Site, bend: Callable[[Site, Manifest], None]) -> None:
    """Invariant 7."""
    bend(site, site.record(0))

    found = flaws(site)

    assert [flaw.kind for flaw in found] == [FlawKind.SECRET_SHOWN]
    assert PASSWORD not in str(found)


def test_a_password_that_is_an_ordinary_word_is_looked_for_in_addresses_alone(
    tmp_path: Path, fresh_redis_url: str
) -> None:
    """A camera named front whose password is "front": every line of the log holds the word."""
    cameras = {"front": {"url": "rtsp://viewer:front@127.0.0.1:1/"}}
    site = Site(tmp_path / "video", fresh_redis_url, cameras=cameras)
    site.analyse(site.record(0))
    before = kinds(site)

    status_with("front")(site, site.record(1))

    assert (before, kinds(site)) == ([], [FlawKind.SECRET_SHOWN])


def test_pictures_of_what_is_to_be_redacted_are_told(tmp_path: Path, fresh_redis_url: str) -> None:
    """Invariant 8: by the camera's setting of today, and by what the manifest says of its own day."""
    cameras = {"front": {"url": "rtsp://127.0.0.1:1/", "privacy": "blur"}, "back": {"url": "rtsp://127.0.0.1:1/b"}}
    site = Site(tmp_path / "video", fresh_redis_url, cameras=cameras)
    before, both = site.record(0), site.record(1, (VIDEO_QUEUE, PRIVACY_QUEUE))
    opened = site.record(2, (VIDEO_QUEUE, PRIVACY_QUEUE), camera="back")
    redacted = site.record(3, (VIDEO_QUEUE, PRIVACY_QUEUE))
    site.analyse(redacted, log=PRIVACY_LOG)
    free = site.record(4, camera="back")
    for manifest in (before, both, opened, redacted, free):
        put(site.video.snapshot(manifest.segment_id), b"a picture")

    found = flaws(site)

    assert {flaw.kind for flaw in found} == {FlawKind.PRIVATE_PICTURE}
    assert {flaw.path.stem for flaw in found} == {one.segment_id for one in (before, both, opened)}
    assert len(found) == 3


def test_decoding_finds_what_the_structure_does_not_show(site: Site) -> None:
    site.record(0, ())
    manifest = site.record(1, ())
    path = site.video.segment(manifest.segment_id)
    data = path.read_bytes()
    start, end = data.index(b"mdat") + 100, data.index(b"moov") - 4
    put(path, data[:start] + bytes(end - start) + data[end:])

    shallow = kinds(site)
    deep = check_deep(site.config, site.clock, decode=2).flaws

    assert shallow == []
    assert [(flaw.kind, flaw.path) for flaw in deep] == [(FlawKind.NOT_PLAYABLE, path)]


def test_a_playlist_in_place_of_a_segment_is_not_followed(site: Site) -> None:
    """FFmpeg knows files by their contents; what one of them names may lie anywhere."""
    path = site.video.segment(site.record(0, ()).segment_id)
    path.rename(path.with_name("elsewhere.mp4"))
    put(path, b"ffconcat version 1.0\nfile elsewhere.mp4\n")

    found = list(decode_some(site.video, 1))

    assert [(flaw.kind, flaw.path) for flaw in found] == [(FlawKind.NOT_PLAYABLE, path)]
