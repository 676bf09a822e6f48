"""The same task for two workers: however it comes to that, there is one line."""

import signal

import pytest
from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.tasks import VIDEO_QUEUE, task_for
from tests.faults.conftest import FaultRow
from tests.support.at_work import a_worker_at_work, leave_in_work, video_queue
from tests.support.rig import Rig
from tests.support.services import manifests
from tests.support.waiting import wait_until

TASK_SECONDS = 0.5
FREEZES = [pytest.param(2, id="two freezes"), pytest.param(8, id="eight freezes", marks=pytest.mark.endurance)]


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.worker_command = (*rig.worker_command, "--slow", str(TASK_SECONDS))
    return rig


@pytest.mark.timeout(180)
def test_a_task_that_is_on_several_lists_ends_as_one_line(rig: Rig, fault_row: FaultRow) -> None:
    """Pushed again under its guard, left in work by two workers that are gone, and put into the queue by hand."""
    with rig:
        wait_until("something is analysed", lambda: len(rig.lines()) > 1)
        for worker in rig.workers:
            worker.send_signal(signal.SIGSTOP)
        queue, known = video_queue(rig), {manifest.segment_id for manifest in manifests(rig.video.root)}
        rig.wait_for_segments(3)
        every = manifests(rig.video.root)
        pushed = [
            queue.push(task_for(one, SystemClock().now()))
            for one in every
            if rig.video.manifest(one.segment_id).exists()
        ]
        new = next(one for one in every if one.segment_id not in known)
        for manifest in (every[0], new):  # analysed already, and not yet
            payload = task_for(manifest, SystemClock().now()).to_json()
            leave_in_work(rig, "gone:1:aaaaaa", payload)
            leave_in_work(rig, "gone:2:bbbbbb", payload)
            with Redis.from_url(rig.redis.url) as redis:
                redis.lpush(VIDEO_QUEUE, payload, payload)
        for worker in rig.workers:
            worker.send_signal(signal.SIGCONT)
        tally = rig.finish()

    assert pushed
    assert not any(pushed)
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments
    rig.assert_whole()
    fault_row("the same task twice in the queue and on two lists of work", tally, None)


@pytest.mark.timeout(420)
@pytest.mark.parametrize("freezes", FREEZES)
def test_a_worker_that_slept_through_its_lease_adds_no_second_line(rig: Rig, fault_row: FaultRow, freezes: int) -> None:
    """A suspended laptop, a paused container: it wakes up with a task that another one has done."""
    with rig:
        for _ in range(freezes):
            worker, segment = a_worker_at_work(rig)
            worker.send_signal(signal.SIGSTOP)

            def is_done(segment: str = segment) -> bool:
                return segment in {line["segment_id"] for line in rig.lines()}

            wait_until("the other worker does its task", is_done)
            worker.send_signal(signal.SIGCONT)
        tally = rig.finish()

    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments
    rig.assert_whole()
    fault_row(f"worker frozen beyond its lease while another does its task ({freezes} times)", tally, None)
