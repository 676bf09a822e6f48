"""The outbox: recording goes on while Redis is away, and nothing is forgotten."""

import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from fakeredis import FakeServer
from redis import Redis

from shared_utils.backoff import Backoff
from shared_utils.clock import SystemClock
from shared_utils.errors import StorageError
from shared_utils.outbox import Outbox, OutboxSender
from shared_utils.queue import SOCKET_SECONDS, QueueUnavailableError, TaskQueue, connect
from shared_utils.segments import Manifest, VideoDir, VideoInfo, read_manifest, segment_id
from shared_utils.tasks import FACE_QUEUE, VIDEO_QUEUE, Task
from tests.support.queue_parts import InMemoryRedis
from tests.support.waiting import wait_until

STARTED = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)


@pytest.fixture
def video(tmp_path: Path) -> VideoDir:
    return VideoDir(tmp_path / "video")


@pytest.fixture
def server() -> FakeServer:
    """Set `connected` to False and every command fails as if the machine were off."""
    return FakeServer()


@pytest.fixture
def queues(server: FakeServer) -> dict[str, TaskQueue]:
    redis: Redis = InMemoryRedis(server=server, decode_responses=True)
    return {name: TaskQueue(redis, name, SystemClock()) for name in (VIDEO_QUEUE, FACE_QUEUE)}


@pytest.fixture
def outbox(video: VideoDir, queues: dict[str, TaskQueue]) -> Outbox:
    return Outbox(video, queues, SystemClock())


def a_manifest(number: int = 0, camera: str = "front", tasks: tuple[str, ...] = (VIDEO_QUEUE,)) -> Manifest:
    started_at = STARTED + timedelta(seconds=30 * number)
    segment = segment_id(camera, started_at)
    return Manifest(
        segment_id=segment,
        camera=camera,
        event_id=segment,
        trigger="motion",
        started_at=started_at,
        duration_seconds=30,
        filename=f"segments/{camera}/{started_at:%Y-%m-%d}/{segment}.mp4",
        size_bytes=1000,
        video=VideoInfo(codec="h264", width=1920, height=1080, fps=15),
        tasks=tasks,
    )


def queued(queue: TaskQueue) -> list[str]:
    return [Task.model_validate_json(payload).id for payload in queue.waiting(100_000)]


def test_a_sent_manifest_lies_beside_its_segment(outbox: Outbox, video: VideoDir, queues: dict[str, TaskQueue]) -> None:
    """Invariant 3: where the manifest lies says whether its tasks are queued."""
    manifest = a_manifest(tasks=(VIDEO_QUEUE, FACE_QUEUE))
    outbox.put(manifest)
    waiting = outbox.waiting()

    sent = outbox.send(manifest.segment_id)

    assert (waiting, sent) == ([manifest.segment_id], True)
    assert read_manifest(video.manifest(manifest.segment_id)) == manifest
    assert list(video.outbox.iterdir()) == []
    assert [queued(queue) for queue in queues.values()] == [[manifest.segment_id]] * 2
    task = Task.model_validate_json(queues[FACE_QUEUE].waiting()[0])
    assert (task.filename, task.camera) == (manifest.filename, "front")


def test_the_oldest_segment_of_any_camera_goes_first(outbox: Outbox, queues: dict[str, TaskQueue]) -> None:
    """Names sort by camera; after an outage one camera must not wait for all of another's."""
    for number, camera in [(3, "a"), (0, "z"), (1, "a"), (2, "m")]:
        outbox.put(a_manifest(number, camera))

    sent = outbox.send_all(Event())

    assert sent == 4
    assert [segment.partition("-")[0] for segment in queued(queues[VIDEO_QUEUE])] == ["z", "a", "m", "a"]


def test_manifests_wait_while_redis_is_away(
    outbox: Outbox, video: VideoDir, server: FakeServer, queues: dict[str, TaskQueue]
) -> None:
    """Invariant 1: a dead queue costs delay, never footage."""
    for number in range(3):
        outbox.put(a_manifest(number))
    server.connected = False
    with pytest.raises(QueueUnavailableError):
        outbox.send_all(Event())
    waiting = outbox.waiting()

    server.connected = True
    sent = outbox.send_all(Event())

    assert (len(waiting), sent) == (3, 3)
    assert len(queued(queues[VIDEO_QUEUE])) == 3


def test_a_crash_between_pushing_and_renaming_queues_nothing_twice(
    outbox: Outbox, video: VideoDir, queues: dict[str, TaskQueue]
) -> None:
    """The outbox is sent again at every start, and has to be."""
    manifest = a_manifest(tasks=(VIDEO_QUEUE, FACE_QUEUE))
    outbox.put(manifest)
    outbox.send(manifest.segment_id)
    video.manifest(manifest.segment_id).replace(video.waiting_manifest(manifest.segment_id))

    sent = outbox.send_all(Event())

    assert sent == 1
    assert [queued(queue) for queue in queues.values()] == [[manifest.segment_id]] * 2
    assert video.manifest(manifest.segment_id).exists()


@pytest.mark.parametrize(
    "case",
    [
        ("front-20261120T101500123Z.json", "{ no manifest", "cannot be used"),
        ("front-20261120T101500123Z.json", a_manifest().to_json().decode(), "is of another segment"),
        ("notes.json", "{}", "'notes' is not a segment id"),
        (
            f"{a_manifest().segment_id}.json",
            a_manifest(tasks=("video_queue", "dog_queue")).to_json().decode(),
            "asks for dog_queue, but the queues are video_queue, face_queue",
        ),
    ],
)
def test_a_manifest_that_cannot_be_used_is_left_and_told_once(
    outbox: Outbox,
    video: VideoDir,
    queues: dict[str, TaskQueue],
    caplog: pytest.LogCaptureFixture,
    case: tuple[str, str, str],
) -> None:
    """It may be all that is known about a segment. Those behind it are sent all the same."""
    name, text, complaint = case
    outbox.put(a_manifest(5))
    (video.outbox / name).write_text(text)
    (video.outbox / "half.json.part").write_text("{")

    sent = [outbox.send_all(Event()) for _ in range(3)]

    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert sent == [1, 0, 0]
    assert len(errors) == 1
    assert complaint in errors[0]
    assert (video.outbox / name).read_text() == text
    assert queued(queues[VIDEO_QUEUE]) == [a_manifest(5).segment_id], "no task of the unusable one, either"


def test_a_disk_that_refuses_is_named(outbox: Outbox, video: VideoDir) -> None:
    """The recorder keeps its draft then, and tries again."""
    video.root.write_text("this is no folder")

    with pytest.raises(StorageError, match=r"video/outbox/front-.*\.json cannot be written"):
        outbox.put(a_manifest())


def test_an_empty_or_missing_outbox_sends_nothing(outbox: Outbox) -> None:
    """The first start finds no folder at all."""
    assert outbox.send_all(Event()) == 0


def test_sending_ends_when_it_is_told_to(outbox: Outbox) -> None:
    """Thousands may wait; a stop must not wait for them."""
    outbox.put(a_manifest())
    stop = Event()
    stop.set()

    assert outbox.send_all(stop) == 0
    assert outbox.waiting() == [a_manifest().segment_id]


def test_hundreds_of_waiting_manifests_are_sent_in_order(
    outbox: Outbox, video: VideoDir, queues: dict[str, TaskQueue]
) -> None:
    """A weekend without Redis."""
    video.outbox.mkdir(parents=True)
    manifests = [a_manifest(number) for number in range(400)]
    for manifest in manifests:
        video.waiting_manifest(manifest.segment_id).write_bytes(manifest.to_json())

    sent = outbox.send_all(Event())

    assert sent == len(manifests)
    assert queued(queues[VIDEO_QUEUE]) == [manifest.segment_id for manifest in manifests]
    assert outbox.waiting() == []


def test_the_sender_sends_what_was_left_and_what_comes(outbox: Outbox, queues: dict[str, TaskQueue]) -> None:
    """Once at the start for the past, then whenever a segment is finished."""
    outbox.put(a_manifest(0))
    sender = OutboxSender(outbox)
    sender.start()
    wait_until("the old one is sent", lambda: outbox.waiting() == [])

    outbox.put(a_manifest(1))
    sender.notify()
    wait_until("the new one is sent", lambda: outbox.waiting() == [])
    sender.stop()
    sender.stop()

    assert queued(queues[VIDEO_QUEUE]) == [a_manifest(0).segment_id, a_manifest(1).segment_id]


def test_the_sender_waits_for_redis_and_tells_it_once(
    outbox: Outbox, server: FakeServer, queues: dict[str, TaskQueue], caplog: pytest.LogCaptureFixture
) -> None:
    """A night without Redis must not fill the log."""
    caplog.set_level(logging.INFO)
    server.connected = False
    outbox.put(a_manifest())
    sender = OutboxSender(outbox, Backoff(0.01, 0.02))
    sender.start()
    for _ in range(10):
        sender.notify()
        time.sleep(0.02)

    server.connected = True
    wait_until("it is sent", lambda: outbox.waiting() == [])
    sender.stop()

    assert [record.levelname for record in caplog.records if record.name == "shared_utils.outbox"] == [
        "WARNING",
        "INFO",
    ]
    assert queued(queues[VIDEO_QUEUE]) == [a_manifest().segment_id]


def test_stopping_sends_the_last_segment(outbox: Outbox, queues: dict[str, TaskQueue]) -> None:
    """The recorder closes its segments when it stops; they should be analysed now rather than at the next start."""
    sender = OutboxSender(outbox)
    sender.start()
    wait_until("the first pass is over", lambda: outbox.waiting() == [])
    outbox.put(a_manifest())

    sender.stop()

    assert queued(queues[VIDEO_QUEUE]) == [a_manifest().segment_id]


def test_stopping_while_redis_is_away_does_not_wait(outbox: Outbox, server: FakeServer) -> None:
    """The pause between tries grows to half a minute; a stop ends it."""
    server.connected = False
    outbox.put(a_manifest())
    sender = OutboxSender(outbox, Backoff(600.0, 600.0))
    sender.start()
    began = time.monotonic()

    sender.stop()

    assert time.monotonic() - began < 30
    assert outbox.waiting() == [a_manifest().segment_id]


def test_stopping_does_not_wait_for_a_redis_that_hangs(video: VideoDir) -> None:
    """A frozen machine keeps its connections and says nothing; who stops us kills us after some seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        redis = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        outbox = Outbox(video, {VIDEO_QUEUE: TaskQueue(redis, VIDEO_QUEUE, SystemClock())}, SystemClock())
        outbox.put(a_manifest())
        sender = OutboxSender(outbox)
        sender.start()
        began = time.monotonic()

        sender.stop()

        took = time.monotonic() - began
        assert took < SOCKET_SECONDS - 5
        assert outbox.waiting() == [a_manifest().segment_id]


def test_an_outbox_emptied_by_retention_is_no_sign_that_redis_is_back(
    outbox: Outbox, video: VideoDir, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """On a small disk the log would tell of a Redis that comes and goes every few seconds."""
    caplog.set_level(logging.INFO, logger="shared_utils.outbox")
    server.connected = False
    outbox.put(a_manifest())
    sender = OutboxSender(outbox, Backoff(0.05, 0.05))
    sender.start()

    def told() -> list[str]:
        """A sender that hangs, of the test before, may say something meanwhile."""
        return [record.levelname for record in caplog.records if "Connection reset" not in record.getMessage()]

    wait_until("the outage is told", lambda: len(told()) == 1)
    video.waiting_manifest(a_manifest().segment_id).unlink()
    time.sleep(0.3)

    sender.stop()

    assert told() == ["WARNING"]
